{{/* Parts of the controller's pod, which the database shares. */}}

{{/* Keys that slurmctld and its keeper have in common. */}}
{{- define "slurm.controller.container" -}}
{{ include "hpc.containerImage" (list . "slurm-controller") }}
securityContext:
  {{- include "slurm.pods.unprivileged" . | nindent 2 }}
env:
  - {name: SLURM_SACK_KEY, value: /etc/hpc/slurm-key/slurm.key}
  # For `kubectl exec`: scontrol and sacctmgr work in this pod.
  - {name: SLURM_CONF, value: /var/lib/slurm/config/slurm.conf}
  {{- if .Values.accounting.enabled }}
  - {name: ACCOUNTING_HOST, value: "{{ include "hpc.name" (list . "accounting") }}:6819"}
  - {name: ACCOUNTING_WAIT_SECONDS, value: "{{ .Values.accounting.waitSeconds }}"}
  - {name: DEFAULT_ACCOUNT, value: {{ .Values.accounting.defaultAccount | quote }}}
  {{- end }}
  {{- with .Values.controller.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: state, mountPath: /var/lib/slurm}
  - {name: config, mountPath: /etc/hpc/slurm, readOnly: true}
  - {name: users, mountPath: /var/lib/extrausers, readOnly: true}
  - {name: slurm-key, mountPath: /etc/hpc/slurm-key, readOnly: true}
  - {name: jwt, mountPath: /etc/hpc/jwt, readOnly: true}
  - {name: run, mountPath: /run/slurmctld}
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Metrics: nobody, in Slurm too, since slurmctld's socket says who asks; so no key is mounted. */}}
{{- define "slurm.controller.exporter" -}}
name: exporter
{{ include "hpc.containerImage" (list . "slurm-exporter") }}
securityContext:
  {{- include "slurm.pods.unprivileged" . | nindent 2 }}
  runAsUser: 65534
  runAsGroup: 65534
ports:
  - {name: metrics, containerPort: 9341}
resources:
  {{- toYaml .Values.metrics.resources | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/slurm, readOnly: true}
  - {name: users, mountPath: /var/lib/extrausers, readOnly: true}
  - {name: run, mountPath: /run/slurmctld, readOnly: true}
{{- end -}}

{{/* Spec of a claim from `persistence`. */}}
{{- define "slurm.controller.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}

{{/* Gives a volume to its daemon on storage classes that ignore fsGroup: (list $ image path volume). */}}
{{- define "slurm.controller.chown" -}}
name: chown
{{ include "hpc.containerImage" (list (first .) (index . 1)) }}
command: [sh, -c, 'chown "$1:$1" "$0"', {{ index . 2 }}, {{ eq (index . 3) "state" | ternary "64030" "64031" | quote }}]
securityContext:
  runAsUser: 0
  runAsNonRoot: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    add: [CHOWN] # the one thing it does
resources:
  requests: {cpu: 10m, memory: 16Mi}
  limits: {memory: 32Mi}
volumeMounts:
  - {name: {{ index . 3 }}, mountPath: {{ index . 2 }}}
{{- end -}}
