{{/* Accounting: slurmdbd's configuration and where its database is. */}}

{{/* slurmdbd.conf without the password. */}}
{{- define "slurm.accounting.config" -}}
{{- $database := include "slurm.accounting.database" . | fromYaml -}}
AuthType=auth/slurm
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=/etc/hpc/jwt/jwt.key
DbdHost={{ include "hpc.name" (list . "accounting") }}-0
DbdPort=6819
PidFile=/run/slurmdbd/slurmdbd.pid
SlurmUser={{ include "slurm.pods.daemonUser" . }}
StorageType=accounting_storage/mysql
StorageHost={{ $database.host }}
StoragePort={{ $database.port }}
StorageLoc={{ $database.name }}
StorageUser={{ $database.user }}
{{- include "slurm.config.lines" .Values.accounting.config }}
{{- end -}}

{{/* Host, port, name and user of the database, ours or an external one. */}}
{{- define "slurm.accounting.database" -}}
{{- with .Values.accounting.external -}}
{{- if .host }}
host: {{ .host }}
port: {{ .port }}
name: {{ .name }}
user: {{ .user }}
{{- end }}
{{- end }}
{{- if not .Values.accounting.external.host }}
host: {{ include "hpc.name" (list . "database") }}
port: 3306
name: slurm_acct_db
user: slurm
{{- end }}
{{- end -}}
