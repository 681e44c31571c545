{{/*
Users and groups from values, from `global`, or from the Secret that `usersSecret` names.
This file is the same in the charts slurm, jupyter and nfs (a test compares them).
*/}}

{{/* Map of users as YAML. */}}
{{- define "hpc.users.users" -}}
{{- include "hpc.users.source" (list . "users") -}}
{{- end -}}

{{/* Map of groups as YAML, with a group of the user's own name where no group has his gid. */}}
{{- define "hpc.users.groups" -}}
{{- $groups := include "hpc.users.source" (list . "groups") | fromYaml -}}
{{- $gids := dict -}}
{{- range $groups }}{{- $_ := set $gids (toString (int64 .gid)) true -}}{{- end -}}
{{- $result := deepCopy $groups -}}
{{- range $name, $user := include "hpc.users.users" . | fromYaml -}}
{{- $gid := default $user.uid $user.gid -}}
{{- if not (hasKey $gids (toString (int64 $gid))) -}}
{{- $_ := set $result $name (dict "gid" $gid) -}}
{{- $_ := set $gids (toString (int64 $gid)) true -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* One of the two maps, from wherever it is said. */}}
{{- define "hpc.users.source" -}}
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
{{- define "hpc.users.passwd" -}}
{{- range $name, $user := include "hpc.users.users" . | fromYaml }}
{{ $name }}:x:{{ int64 $user.uid }}:{{ int64 (default $user.uid $user.gid) }}::/home/{{ $name }}:/bin/bash
{{- end }}
{{- end -}}

{{/* Lines of group(5). */}}
{{- define "hpc.users.group" -}}
{{- $users := include "hpc.users.users" . | fromYaml -}}
{{- range $group, $entry := include "hpc.users.groups" . | fromYaml }}
{{- $members := list -}}
{{- range $name, $user := $users }}
{{- if has $group (default list $user.groups) }}{{- $members = append $members $name }}{{- end }}
{{- end }}
{{ $group }}:x:{{ int64 $entry.gid }}:{{ join "," $members }}
{{- end }}
{{- end -}}

{{/* Lines of shadow(5); `*` means no password, and a key still works. */}}
{{- define "hpc.users.shadow" -}}
{{- range $name, $user := include "hpc.users.users" . | fromYaml }}
{{ $name }}:{{ default "*" $user.passwordHash }}:19000:0:99999:7:::
{{- end }}
{{- end -}}

{{/*
Accounts of the images, which go before users of the same name or id: Slurm obeys 64030 as itself. Ids are made in images/base; names
are these, and those of Debian's packages.
*/}}
{{- define "hpc.users.ofImages" -}}
ids: {"64030": slurm, "64031": database, "64040": hub, "64041": proxy-http, "64042": sshd, "65534": nobody}
names: [slurm, database, hub, proxy-http, sshd, nobody, nogroup, root, adm, audio, backup, bin, cdrom, crontab, daemon, dialout, dip, disk,
  fax, floppy, games, ganesha, gnats, input, irc, kmem, kvm, list, lp, mail, man, messagebus, munge, mysql, netdev, news, operator, plugdev,
  polkitd, proxy, rdma, render, sasl, sgx, shadow, src, ssh, ssl-cert, staff, statd, sudo, sync, sys, tape, tty, users, utmp, uucp, video, voice,
  www-data]
{{- end -}}

{{/* Refuses a name of theirs: (list "users.root" "root"). `_` begins the names of newer packages. */}}
{{- define "hpc.users.name" -}}
{{- $names := (include "hpc.users.ofImages" . | fromYaml).names -}}
{{- if or (has (index . 1) $names) (regexMatch "^(_|systemd-)" (index . 1)) -}}
{{- fail (printf "%s: %s is an account of the images, which would go before it; take another name" (first .) (index . 1)) -}}
{{- end -}}
{{- end -}}

{{/* Refuses an id of theirs, or of the system: (list "users.ada.uid" 20001). */}}
{{- define "hpc.users.id" -}}
{{- $id := index . 1 | int64 -}}
{{- if lt $id 1000 -}}
{{- fail (printf "%s: %d is below 1000, where system accounts are" (first .) $id) -}}
{{- end -}}
{{- with get (include "hpc.users.ofImages" . | fromYaml).ids (toString $id) -}}
{{- fail (printf "%s: %d is account %s of the images; take another" (first $) $id .) -}}
{{- end -}}
{{- end -}}

{{/* What the schema cannot say of users and groups; each message names the key to change. */}}
{{- define "hpc.users.validate" -}}
{{- $secret := default (default dict .Values.global).usersSecret .Values.usersSecret }}
{{- /* Every namespace has this account: where it is seen, there is a cluster to ask. */}}
{{- if and $secret (lookup "v1" "ServiceAccount" .Release.Namespace "default") (not (lookup "v1" "Secret" .Release.Namespace $secret)) }}
{{- fail (printf "usersSecret: there is no Secret %q in namespace %s; make it there, since without it there would be no users" $secret .Release.Namespace) }}
{{- end }}
{{- $groups := include "hpc.users.source" (list . "groups") | fromYaml }}
{{- $byUid := dict }}
{{- range $name, $user := include "hpc.users.users" . | fromYaml }}
{{- if not $user.uid }}
{{- fail (printf "users.%s.uid: is missing; a uid is said, never derived, so that files keep their owner" $name) }}
{{- end }}
{{- include "hpc.users.name" (list (print "users." $name) $name) }}
{{- include "hpc.users.id" (list (printf "users.%s.uid" $name) $user.uid) }}
{{- include "hpc.users.id" (list (printf "users.%s.gid" $name) (default $user.uid $user.gid)) }}
{{- $uid := toString (int64 $user.uid) }}
{{- if hasKey $byUid $uid }}
{{- fail (printf "users.%s.uid: %s is also the uid of users.%s" $name $uid (get $byUid $uid)) }}
{{- end }}
{{- $_ := set $byUid $uid $name }}
{{- if and $user.passwordHash (not (hasPrefix "$" $user.passwordHash)) }}
{{- fail (printf "users.%s.passwordHash: is not a hash; make one with: mkpasswd -m yescrypt" $name) }}
{{- end }}
{{- range $user.groups }}
{{- if not (hasKey $groups .) }}
{{- fail (printf "users.%s.groups: there is no group %q under groups" $name .) }}
{{- end }}
{{- end }}
{{- if hasKey $groups $name }}
{{- if ne (int64 (get $groups $name).gid) (int64 (default $user.uid $user.gid)) }}
{{- fail (printf "groups.%s: is also a user's name, so its gid must be that user's" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $byGid := dict }}
{{- range $name, $group := $groups }}
{{- include "hpc.users.name" (list (print "groups." $name) $name) }}
{{- include "hpc.users.id" (list (printf "groups.%s.gid" $name) $group.gid) }}
{{- $gid := toString (int64 $group.gid) }}
{{- if hasKey $byGid $gid }}
{{- fail (printf "groups.%s.gid: %s is also the gid of groups.%s" $name $gid (get $byGid $gid)) }}
{{- end }}
{{- $_ := set $byGid $gid $name }}
{{- end }}
{{- end -}}
