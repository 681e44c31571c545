{{/* Users and groups from values, from `global`, or from the Secret that `usersSecret` names. */}}

{{/* Map of users as YAML. */}}
{{- define "slurm.users.users" -}}
{{- include "slurm.users.source" (list . "users") -}}
{{- end -}}

{{/* Map of groups as YAML, with a group of the user's own name where no group has his gid. */}}
{{- define "slurm.users.groups" -}}
{{- $groups := include "slurm.users.source" (list . "groups") | fromYaml -}}
{{- $gids := dict -}}
{{- range $groups }}{{- $_ := set $gids (toString (int64 .gid)) true -}}{{- end -}}
{{- $result := deepCopy $groups -}}
{{- range $name, $user := include "slurm.users.users" . | fromYaml -}}
{{- $gid := default $user.uid $user.gid -}}
{{- if not (hasKey $gids (toString (int64 $gid))) -}}
{{- $_ := set $result $name (dict "gid" $gid) -}}
{{- $_ := set $gids (toString (int64 $gid)) true -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* One of the two maps, from wherever it is said. */}}
{{- define "slurm.users.source" -}}
{{- $root := first . -}}
{{- $key := index . 1 -}}
{{- $secret := default (default dict $root.Values.global).usersSecret $root.Values.usersSecret -}}
{{- if $secret -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $secret -}}
{{- if $found -}}
{{- index $found.data $key | default "" | b64dec | default "{}" -}}
{{- else -}}
{}
{{- end -}}
{{- else -}}
{{- include "hpc.value" (list $root $key) | fromYaml | default dict | toYaml -}}
{{- end -}}
{{- end -}}

{{/* Lines of passwd(5). */}}
{{- define "slurm.users.passwd" -}}
{{- range $name, $user := include "slurm.users.users" . | fromYaml }}
{{ $name }}:x:{{ int64 $user.uid }}:{{ int64 (default $user.uid $user.gid) }}::/home/{{ $name }}:/bin/bash
{{- end }}
{{- end -}}

{{/* Lines of group(5). */}}
{{- define "slurm.users.group" -}}
{{- $users := include "slurm.users.users" . | fromYaml -}}
{{- range $group, $entry := include "slurm.users.groups" . | fromYaml }}
{{- $members := list -}}
{{- range $name, $user := $users }}
{{- if has $group (default list $user.groups) }}{{- $members = append $members $name }}{{- end }}
{{- end }}
{{ $group }}:x:{{ int64 $entry.gid }}:{{ join "," $members }}
{{- end }}
{{- end -}}

{{/* Lines of shadow(5); `*` means no password, and a key still works. */}}
{{- define "slurm.users.shadow" -}}
{{- range $name, $user := include "slurm.users.users" . | fromYaml }}
{{ $name }}:{{ default "*" $user.passwordHash }}:19000:0:99999:7:::
{{- end }}
{{- end -}}
