{{/* Parts of pod specs that components share. */}}

{{/* Security context of a container: what Pod Security `restricted` asks for. */}}
{{- define "jupyter.pods.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Security context of a pod that runs as a fixed account of the images. */}}
{{- define "jupyter.pods.account" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Where pods may run: the component's values. */}}
{{- define "jupyter.pods.placement" -}}
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
{{- define "jupyter.pods.usersVolume" -}}
- name: users
  configMap:
    name: {{ include "hpc.name" (list . "hub-users") }}
    items:
      - {key: passwd, path: passwd}
      - {key: group, path: group}
{{- end -}}
