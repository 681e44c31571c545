{{/* Parts of pod specs that components share. */}}

{{/* Security context of a container that needs nothing: what Pod Security `restricted` asks for. */}}
{{- define "slurm.pods.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Ids of the daemons: the account of the images, or the one user of the restricted profile. */}}
{{- define "slurm.pods.daemonIds" -}}
{{- if include "slurm.security.restricted" . -}}
{{- $user := get (include "hpc.users.users" . | fromYaml) (include "slurm.security.user" .) | default (dict "uid" 0) -}}
runAsUser: {{ int64 $user.uid }}
runAsGroup: {{ int64 (default $user.uid $user.gid) }}
fsGroup: {{ int64 (default $user.uid $user.gid) }}
{{- else -}}
runAsUser: 64030
runAsGroup: 64030
fsGroup: 64030
{{- end }}
fsGroupChangePolicy: OnRootMismatch
{{- end -}}

{{/* Name of the account that runs the daemons. */}}
{{- define "slurm.pods.daemonUser" -}}
{{- if include "slurm.security.restricted" . }}{{ include "slurm.security.user" . }}{{ else }}slurm{{ end -}}
{{- end -}}

{{/* Keys that every pod spec has: no API token, the profile of system calls, where short host names are looked up. */}}
{{- define "slurm.pods.common" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "hpc.pullSecrets" . }}
dnsConfig:
  searches:
    - {{ include "hpc.name" (list . "nodes") }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{/* Where pods may run: the component's values. */}}
{{- define "slurm.pods.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Volume of users, as libnss-extrausers wants it: a whole folder, so that updates reach running pods. */}}
{{- define "slurm.pods.usersVolume" -}}
- name: users
  configMap:
    name: {{ include "hpc.name" (list . "users") }}
    items:
      - {key: passwd, path: passwd}
      - {key: group, path: group}
{{- end -}}

{{/* Volume of the key that all daemons share: (list $ mode). */}}
{{- define "slurm.pods.keyVolume" -}}
{{- $root := first . -}}
- name: slurm-key
  secret:
    secretName: {{ include "slurm.secrets.slurmKey" $root }}
    defaultMode: {{ index . 1 }}
{{- end -}}

{{/* Transports of OpenMPI, in place of the image's own file. */}}
{{- define "slurm.pods.mpiVolume" -}}
- name: mpi
  configMap:
    name: {{ include "hpc.name" (list . "mpi") }}
{{- end -}}
