{{/* Names of Secrets (the chart's own or given ones), and values that are made once. */}}

{{/* Secret of slurm.key. */}}
{{- define "slurm.secrets.slurmKey" -}}
{{- default (include "hpc.name" (list . "slurm-key")) .Values.slurmKey.existingSecret -}}
{{- end -}}

{{/* Secret of the key that signs tokens. */}}
{{- define "slurm.secrets.jwt" -}}
{{- default (include "hpc.name" (list . "jwt")) .Values.jwt.existingSecret -}}
{{- end -}}

{{/* Secret of the database password. */}}
{{- define "slurm.secrets.database" -}}
{{- if .Values.accounting.external.host -}}
{{- .Values.accounting.external.existingSecret -}}
{{- else -}}
{{- default (include "hpc.name" (list . "database")) .Values.database.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Secret of the SSH host keys. */}}
{{- define "slurm.secrets.hostKeys" -}}
{{- default (include "hpc.name" (list . "ssh-host")) .Values.frontend.ssh.existingSecret -}}
{{- end -}}

{{/* What a Secret of this release already holds, base64; empty at the first install: (list $ secret key). */}}
{{- define "slurm.secrets.kept" -}}
{{- $root := first . -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- if $found -}}{{- index $found.data (index . 2) -}}{{- end -}}
{{- end -}}
