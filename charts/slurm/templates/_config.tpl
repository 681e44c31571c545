{{/* Texts of Slurm's configuration files. */}}

{{/* Value of a configuration key: a map becomes `item=value,…` (true: the item alone), a list is joined, the rest stays. */}}
{{- define "slurm.config.value" -}}
{{- if kindIs "map" . -}}
{{- $items := list -}}
{{- range $item, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- else if eq (toString $value) "true" -}}
{{- $items = append $items $item -}}
{{- else if ne (toString $value) "false" -}}
{{- $items = append $items (printf "%s=%s" $item (include "slurm.config.scalar" $value)) -}}
{{- end -}}
{{- end -}}
{{- join "," $items -}}
{{- else if kindIs "slice" . -}}
{{- join "," . -}}
{{- else -}}
{{- include "slurm.config.scalar" . -}}
{{- end -}}
{{- end -}}

{{/* Numbers come from YAML as floats: no exponent, no point. */}}
{{- define "slurm.config.scalar" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else if kindIs "bool" . -}}
{{- ternary "YES" "NO" . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* Lines `Key=value` of a map; keys with nothing left (null, or a map of nulls) are left out. */}}
{{- define "slurm.config.lines" -}}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}
{{- with include "slurm.config.value" $value }}
{{ $key }}={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Keys that follow from the rest of the values. */}}
{{- define "slurm.config.computed" -}}
ClusterName: {{ .Values.slurm.clusterName | default .Release.Name }}
SlurmctldHost: {{ include "hpc.name" (list . "controller") }}-0({{ include "hpc.name" (list . "controller") }})
SlurmUser: {{ include "slurm.pods.daemonUser" . }}
{{- if include "slurm.security.restricted" . }}
SlurmdUser: {{ include "slurm.security.user" . }}
{{- end }}
StateSaveLocation: /var/lib/slurm/state
# Below the volume: slurmd sets the mode of its folder, which only the owner may.
SlurmdSpoolDir: /var/spool/slurmd/spool
SlurmctldPidFile: /run/slurmctld/slurmctld.pid
SlurmctldPort: 6817
SlurmdPort: 6818
SrunPortRange: 60001-63000
AuthType: auth/slurm
CredType: cred/slurm
AuthAltTypes: auth/jwt
AuthAltParameters: jwt_key=/etc/hpc/jwt/jwt.key
# Nodes register themselves and get their messages directly, since a dynamic node is in no tree.
SelectType: select/cons_tres
TreeWidth: 65533
{{- if .Values.accounting.enabled }}
AccountingStorageType: accounting_storage/slurmdbd
AccountingStorageHost: {{ include "hpc.name" (list . "accounting") }}
AccountingStoragePort: 6819
{{- end }}
{{- with include "slurm.config.gresTypes" . }}
GresTypes: {{ . }}
{{- end }}
{{- range $key, $script := .Values.slurm.scripts }}
{{ $key }}: {{ $key | lower }}.sh
{{- end }}
{{- end -}}

{{/* Names of the generic resources of all pools. */}}
{{- define "slurm.config.gresTypes" -}}
{{- $names := list -}}
{{- range $name, $_ := .Values.workers -}}
{{- $pool := include "slurm.worker.pool" (list $ $name) | fromYaml -}}
{{- range $pool.gres }}{{- $names = append $names (. | splitList ":" | first) -}}{{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | join "," -}}
{{- end -}}

{{/* Keys that follow from other values unless `slurm.config` says otherwise. */}}
{{- define "slurm.config.defaults" -}}
{{ include "slurm.security.config" . }}
{{- if and .Values.accounting.enabled (or .Values.accounting.qos .Values.accounting.accounts) }}
# Without it limits of accounts and QOS are written down and never looked at.
AccountingStorageEnforce: limits
{{- end }}
{{- end -}}

{{/* slurm.conf. */}}
{{- define "slurm.config.slurm" -}}
{{- include "slurm.config.lines" (include "slurm.config.computed" . | fromYaml) }}
{{- include "slurm.config.lines" (mergeOverwrite (include "slurm.config.defaults" . | fromYaml) .Values.slurm.config) }}
{{- range $name, $_ := .Values.workers }}
NodeSet={{ $name }} Feature={{ $name }}
{{- end }}
{{- range $name, $settings := .Values.slurm.partitions }}
{{- if $settings }}
{{ include "slurm.config.partition" (list $ $name $settings) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A partition: over the pools that name it, so that scaling leaves the line unchanged. */}}
{{- define "slurm.config.partition" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
{{- $pools := list -}}
{{- $memory := 0 -}}
{{- range $pool, $_ := $root.Values.workers -}}
{{- $values := include "slurm.worker.pool" (list $root $pool) | fromYaml -}}
{{- if has $name $values.partitions -}}
{{- $pools = append $pools $pool -}}
{{- $share := div (include "hpc.mebibytes" $values.memory) $values.cpus -}}
{{- $memory = ternary $share (min $memory $share) (eq (int $memory) 0) -}}
{{- end -}}
{{- end -}}
{{- $settings := deepCopy (index . 2) -}}
{{- if and $memory (not (hasKey $settings "DefMemPerNode")) (not (hasKey $settings "DefMemPerCPU")) -}}
{{- /* Without it a job that names no memory takes a node's whole memory. */ -}}
{{- $_ := set $settings "DefMemPerCPU" $memory -}}
{{- end -}}
PartitionName={{ $name }}{{ with $pools }} Nodes={{ join "," . }}{{ end }}
{{- range $key, $value := $settings }} {{ $key }}={{ include "slurm.config.value" $value }}{{ end -}}
{{- end -}}

{{/* cgroup.conf. */}}
{{- define "slurm.config.cgroup" -}}
{{- include "slurm.config.lines" (mergeOverwrite (include "slurm.security.cgroup" . | fromYaml) .Values.slurm.cgroup) }}
{{- end -}}

{{/* What sacctmgr shall have, one entity a line; the default account first, since users join it. */}}
{{- define "slurm.config.accounts" -}}
{{- range $name, $settings := .Values.accounting.qos }}
qos {{ $name }}{{ include "slurm.config.settings" $settings }}
{{- end }}
account {{ .Values.accounting.defaultAccount }}
{{- range $name, $settings := .Values.accounting.accounts }}
account {{ $name }}{{ include "slurm.config.settings" (omit (default dict $settings) "users") }}
{{- end }}
{{- range $account, $settings := .Values.accounting.accounts }}
{{- range (default dict $settings).users }}
member {{ . }} {{ $account }}
{{- end }}
{{- end }}
{{- end -}}

{{/* ` Key=value Key=value`. */}}
{{- define "slurm.config.settings" -}}
{{- range $key, $value := . }} {{ $key }}={{ include "slurm.config.value" $value }}{{ end -}}
{{- end -}}
