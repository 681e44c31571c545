{{/* Worker pools. */}}

{{/* Values of a pool over the defaults: (list $ "cpu"). */}}
{{- define "slurm.worker.pool" -}}
{{- $root := first . -}}
{{- $own := index $root.Values.workers (index . 1) | default dict -}}
{{- toYaml (mergeOverwrite (deepCopy $root.Values.workerDefaults) $own) -}}
{{- end -}}

{{/* Image and pull policy of a pool: its own image by name or by reference (with a slash), else the family's. */}}
{{- define "slurm.worker.image" -}}
{{- $root := first . -}}
{{- $own := (include "slurm.worker.pool" . | fromYaml).image -}}
{{- $name := $root.Values.benchmark.enabled | ternary "slurm-worker-benchmark" "slurm-worker" -}}
{{- if contains "/" $own -}}
image: {{ $own }}
imagePullPolicy: {{ default "IfNotPresent" (include "hpc.value" (list $root "image") | fromYaml).pullPolicy }}
{{- else -}}
{{- include "hpc.containerImage" (list $root (default $name $own)) -}}
{{- end -}}
{{- end -}}

{{/* What a node tells slurmctld about itself: the pool's size, never the machine's. */}}
{{- define "slurm.worker.nodeConf" -}}
{{- $name := index . 1 -}}
{{- $pool := include "slurm.worker.pool" . | fromYaml -}}
CPUs={{ $pool.cpus }} RealMemory={{ include "hpc.mebibytes" $pool.memory }} Feature={{ prepend $pool.features $name | join "," }}
{{- with $pool.gres }} Gres={{ join "," . }}{{ end }}
{{- end -}}

{{/* Resources of the slurmd container: what jobs may use and room for slurmd itself, so that the kernel does not end both. */}}
{{- define "slurm.worker.resources" -}}
{{- $pool := include "slurm.worker.pool" . | fromYaml -}}
{{- $memory := add (include "hpc.mebibytes" $pool.memory | int64) (include "hpc.mebibytes" $pool.memoryHeadroom | int64) -}}
requests:
  cpu: {{ default $pool.cpus $pool.cpuRequest | quote }}
  memory: {{ default (printf "%dMi" $memory) $pool.memoryRequest }}
limits:
  cpu: {{ $pool.cpus | quote }}
  memory: {{ printf "%dMi" $memory }}
  {{- with $pool.extendedResources }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* MiB that one process may take: all of the node and half the headroom, less than the limit at which the whole pod ends. */}}
{{- define "slurm.worker.largestProcess" -}}
{{- $pool := include "slurm.worker.pool" . | fromYaml -}}
{{- add (include "hpc.mebibytes" $pool.memory | int64) (div (include "hpc.mebibytes" $pool.memoryHeadroom | int64) 2) -}}
{{- end -}}

{{/* Security context of slurmd. */}}
{{- define "slurm.worker.securityContext" -}}
{{- if include "slurm.security.restricted" . -}}
{{ include "slurm.pods.unprivileged" . }}
{{- else -}}
runAsUser: 0
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add:
    - SETUID # become the job's user
    - SETGID # and his groups
    - CHOWN # give him his job's files
    - KILL # end his processes
    {{- if eq (include "slurm.security.taskLimits" .) "affinity" }}
    - SYS_NICE # bind his processes to CPUs
    {{- end }}
{{- end -}}
{{- end -}}
