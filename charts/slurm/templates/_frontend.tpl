{{/* The frontend's containers and sshd's configuration. */}}

{{/* Logins. */}}
{{- define "slurm.frontend.sshd" -}}
name: sshd
{{ include "hpc.containerImage" (list . "slurm-frontend") }}
args: [sshd]
securityContext:
  {{- if include "slurm.security.restricted" . }}
  {{- include "slurm.pods.unprivileged" . | nindent 2 }}
  {{- else }}
  {{- include "hpc.sshd.daemon" . | nindent 2 }}
  {{- end }}
env:
  {{- include "hpc.sshd.limits" .Values.frontend.userLimits | nindent 2 }}
  {{- with .Values.frontend.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: ssh, containerPort: {{ include "slurm.frontend.port" . }}}
resources:
  {{- toYaml .Values.frontend.resources | nindent 2 }}
readinessProbe:
  # A process, not a port: sshd counts connections that end before a login as attacks.
  exec: {command: [test, -S, /run/slurm/sack.socket]}
  periodSeconds: 5
  timeoutSeconds: 10
volumeMounts:
  {{- include "hpc.volumes.mounts" . | nindent 2 }}
  - {name: {{ .Values.home.create | ternary "accounts" "users" }}, mountPath: /var/lib/extrausers, readOnly: true}
  - {name: ssh-keys, mountPath: /etc/hpc/ssh-keys, readOnly: true}
  - {name: ssh-host, mountPath: /etc/hpc/ssh-host, readOnly: true}
  - {name: sshd, mountPath: /etc/hpc/sshd, readOnly: true}
  - {name: mpi, mountPath: /etc/openmpi, readOnly: true}
  # Read-only: a user may talk to sackd's socket, never replace it.
  - {name: run-slurm, mountPath: /run/slurm, readOnly: true}
  - {name: run-ssh, mountPath: /run/ssh}
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Signs what users ask of slurmctld; in a container of its own, since users must not read its key. */}}
{{- define "slurm.frontend.sackd" -}}
name: sackd
{{ include "hpc.containerImage" (list . "slurm-frontend") }}
args: [sackd]
securityContext:
  {{- if include "slurm.security.restricted" . }}
  {{- include "slurm.pods.unprivileged" . | nindent 2 }}
  {{- else }}
  # Root without a capability: an fsGroup for another account would be applied to the homes too.
  runAsUser: 0
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  {{- end }}
env:
  - {name: SLURM_SACK_KEY, value: /etc/hpc/slurm-key/slurm.key}
  - {name: CONTROLLER_ADDRESS, value: "{{ include "hpc.name" (list . "controller") }}:6817"}
resources:
  {{- toYaml .Values.frontend.sackdResources | nindent 2 }}
volumeMounts:
  - {name: slurm-key, mountPath: /etc/hpc/slurm-key, readOnly: true}
  - {name: users, mountPath: /var/lib/extrausers, readOnly: true}
  - {name: run-slurm, mountPath: /run/slurm}
  - {name: sackd-tmp, mountPath: /tmp}
{{- end -}}

{{/* Makes users' folders, and publishes to sshd the accounts that have one. */}}
{{- define "slurm.frontend.homes" -}}
name: homes
{{ include "hpc.containerImage" (list . "slurm-frontend") }}
args: [homes]
securityContext:
  {{- if include "slurm.security.restricted" . }}
  {{- include "slurm.pods.unprivileged" . | nindent 2 }}
  {{- else }}
  {{- include "hpc.sshd.homes" . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml .Values.frontend.homesResources | nindent 2 }}
volumeMounts:
  - {name: home, mountPath: /home}
  - {name: users, mountPath: /etc/hpc/users, readOnly: true}
  - {name: accounts, mountPath: /var/lib/extrausers}
  - {name: sackd-tmp, mountPath: /tmp}
{{- end -}}

{{/* Port of sshd in its pod: a process that is not root takes none below 1024. */}}
{{- define "slurm.frontend.port" -}}
{{- if include "slurm.security.restricted" . }}2222{{ else }}22{{ end -}}
{{- end -}}

{{/* sshd_config. */}}
{{- define "slurm.frontend.sshdConfig" -}}
{{- $reader := include "slurm.security.user" . | default "nobody" -}}
{{- include "hpc.sshd.config" (list .Values.frontend.ssh (include "slurm.frontend.port" .) $reader) -}}
{{- end -}}
