{{/* The bundled database. */}}

{{/* "true" where the release brings its own. */}}
{{- define "slurm.database.enabled" -}}
{{- if and .Values.accounting.enabled (not .Values.accounting.external.host) }}true{{ end -}}
{{- end -}}

{{/* Ids of MariaDB: the account of the image, or the one user of the restricted profile. */}}
{{- define "slurm.database.ids" -}}
{{- if include "slurm.security.restricted" . -}}
{{ include "slurm.pods.daemonIds" . }}
{{- else -}}
runAsUser: 64031
runAsGroup: 64031
fsGroup: 64031
fsGroupChangePolicy: OnRootMismatch
{{- end -}}
{{- end -}}

{{/* Options of mariadbd by blanks. */}}
{{- define "slurm.database.options" -}}
{{- $options := list -}}
{{- range $key, $value := .Values.database.config -}}
{{- $options = append $options (printf "--%s=%s" ($key | replace "_" "-") (include "slurm.config.scalar" $value)) -}}
{{- end -}}
{{- join " " $options -}}
{{- end -}}

{{/* Programs of this release that write data, by blanks: names of files/upstream.json. */}}
{{- define "slurm.database.programs" -}}
slurm{{ if include "slurm.database.enabled" . }} mariadb{{ end }}
{{- end -}}
