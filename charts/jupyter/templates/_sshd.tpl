{{/*
What a login host is, in chart slurm (`frontend`) and, without Slurm, in chart jupyter (`ssh`).
This file is the same in the charts slurm and jupyter (a test compares them).
*/}}

{{/* Security context of sshd. It starts as root to become each user. */}}
{{- define "hpc.sshd.daemon" -}}
runAsUser: 0
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add:
    - SETUID # become the user who logs in
    - SETGID # and his groups
    - SYS_CHROOT # lock up the process that talks before the login
    - CHOWN # give the user his terminal
    - AUDIT_WRITE # record a login with a terminal: sshd ends the session when the kernel refuses
{{- end -}}

{{/* Security context of the container that makes homes. */}}
{{- define "hpc.sshd.homes" -}}
runAsUser: 0
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add: [CHOWN] # give a new folder to its user
{{- end -}}

{{/* What one user may take from the others, as the image wants it: userLimits. */}}
{{- define "hpc.sshd.limits" -}}
- {name: LARGEST_PROCESS_MEBIBYTES, value: {{ include "hpc.mebibytes" .processMemory | quote }}}
- {name: MOST_PROCESSES, value: {{ .processes | quote }}}
{{- end -}}

{{/* sshd_config; what the values say comes first, since sshd takes the first of two settings: (list ssh port account-that-reads-keys). */}}
{{- define "hpc.sshd.config" -}}
{{- $ssh := first . -}}
{{- range $key, $value := $ssh.config }}
{{ $key }} {{ $value }}
{{- end }}
Port {{ index . 1 }}
HostKey /run/ssh/ssh_host_ed25519_key
PidFile none
UsePAM no
PermitRootLogin no
PasswordAuthentication {{ ternary "yes" "no" $ssh.passwords }}
KbdInteractiveAuthentication no
# Keys come from values, in a folder that is not the users': nobody adds one behind the admin's back.
AuthorizedKeysFile none
AuthorizedKeysCommand /usr/bin/cat /etc/hpc/ssh-keys/%u
AuthorizedKeysCommandUser {{ index . 2 }}
# Commands without a login shell get jobs' environment too.
SetEnv PATH=/opt/env/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
Subsystem sftp /usr/lib/openssh/sftp-server
X11Forwarding no
PrintMotd no
{{- end -}}

{{/* A quantity such as 1Gi in MiB. */}}
{{- define "hpc.mebibytes" -}}
{{- $text := toString . -}}
{{- if hasSuffix "Gi" $text -}}
{{- mulf (trimSuffix "Gi" $text | float64) 1024 | floor | int64 -}}
{{- else -}}
{{- trimSuffix "Mi" $text | float64 | floor | int64 -}}
{{- end -}}
{{- end -}}
