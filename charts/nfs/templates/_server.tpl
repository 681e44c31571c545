{{/* Parts of the server's pod. */}}

{{/* Name of the claim that holds everything. */}}
{{- define "nfs.server.claim" -}}
{{- default (include "hpc.name" (list . "nfs")) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* Folders of the volume that are exported, for the shell. */}}
{{- define "nfs.server.paths" -}}
{{- $paths := list -}}
{{- range .Values.exports }}{{- $paths = append $paths .path }}{{- end -}}
{{- join " " $paths -}}
{{- end -}}

{{/* Command that fails when an export is missing. */}}
{{- define "nfs.server.probe" -}}
{{- $names := list "/usr/local/lib/nfs/probe" -}}
{{- range $name, $_ := .Values.exports }}{{- $names = append $names (print "/" $name) }}{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Probes of the server. A slow disk is no reason for a restart, so liveness is patient, also at the start: a probe for that
     would be a second round before the server is Ready. */}}
{{- define "nfs.server.probes" -}}
readinessProbe:
  exec: {command: {{ include "nfs.server.probe" . }}}
  # Kubelet's first look may come before it knows that the container runs; clients wait for the second.
  periodSeconds: 2
  timeoutSeconds: 5
livenessProbe:
  exec: {command: {{ include "nfs.server.probe" . }}}
  # Not beside the first look of the other one, for which clients wait.
  initialDelaySeconds: 10
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 8
{{- end -}}

{{/* Where homes are, for the entry point. */}}
{{- define "nfs.server.homesEnv" -}}
{{- if .Values.home.create -}}
- {name: NFS_HOMES_PATH, value: {{ (get .Values.exports .Values.home.export).path | quote }}}
{{- end -}}
{{- end -}}

{{/* The list of homes, as a whole folder, so that updates reach the running pod. */}}
{{- define "nfs.server.homesMount" -}}
{{- if .Values.home.create -}}
- {name: homes, mountPath: /etc/nfs/homes}
{{- end -}}
{{- end -}}

{{/* Where the pod may run. */}}
{{- define "nfs.server.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
