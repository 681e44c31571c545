{{/* A login host without Slurm: the pod's containers and sshd's configuration. */}}

{{/* Logins. */}}
{{- define "jupyter.ssh.sshd" -}}
name: sshd
{{ include "hpc.containerImage" (list . "slurm-frontend") }}
args: [sshd]
securityContext:
  {{- include "hpc.sshd.daemon" . | nindent 2 }}
env:
  {{- include "hpc.sshd.limits" .Values.ssh.userLimits | nindent 2 }}
  {{- with .Values.ssh.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: ssh, containerPort: 2222}
resources:
  {{- toYaml .Values.ssh.resources | nindent 2 }}
readinessProbe:
  # A process, not a port: sshd counts connections that end before a login as attacks.
  exec: {command: [sh, -c, "pgrep --exact sshd >/dev/null && test -f /var/lib/extrausers/passwd"]}
  periodSeconds: 5
  timeoutSeconds: 10
volumeMounts:
  {{- include "hpc.volumes.mounts" . | nindent 2 }}
  - {name: {{ .Values.home.create | ternary "accounts" "users" }}, mountPath: /var/lib/extrausers, readOnly: true}
  - {name: ssh-keys, mountPath: /etc/hpc/ssh-keys, readOnly: true}
  - {name: ssh-host, mountPath: /etc/hpc/ssh-host, readOnly: true}
  - {name: sshd, mountPath: /etc/hpc/sshd, readOnly: true}
  - {name: run-ssh, mountPath: /run/ssh}
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Makes users' folders, and publishes to sshd the accounts that have one. */}}
{{- define "jupyter.ssh.homes" -}}
name: homes
{{ include "hpc.containerImage" (list . "slurm-frontend") }}
args: [homes]
securityContext:
  {{- include "hpc.sshd.homes" . | nindent 2 }}
lifecycle:
  preStop:
    # It took /home from users, who see all of it here. When sshd and its users are gone, their servers make folders again.
    exec: {command: [sh, -c, "sleep 5; chmod 1777 /home"]}
resources:
  {{- toYaml .Values.ssh.homesResources | nindent 2 }}
volumeMounts:
  - {name: home, mountPath: /home}
  - {name: users, mountPath: /etc/hpc/users, readOnly: true}
  - {name: accounts, mountPath: /var/lib/extrausers}
  - {name: homes-tmp, mountPath: /tmp}
{{- end -}}

{{/* sshd_config. */}}
{{- define "jupyter.ssh.sshdConfig" -}}
{{- include "hpc.sshd.config" (list .Values.ssh 2222 "nobody") -}}
{{- end -}}

{{/* Whether users' pods make their own homes: not where the login host does, whose users must not write to /home. */}}
{{- define "jupyter.ssh.homesAreMadeByUsers" -}}
{{- and .Values.home.create (not .Values.ssh.enabled) -}}
{{- end -}}

{{/* Why there can be no login host; empty where there can. */}}
{{- define "jupyter.ssh.refusal" -}}
{{- $namespace := lookup "v1" "Namespace" "" .Release.Namespace | default dict -}}
{{- $enforced := dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" $namespace -}}
{{- $wanted := dig "security" "profile" "" (default dict .Values.global) -}}
{{- if or (eq $enforced "restricted") (eq $wanted "restricted") -}}
sshd starts as root to become each user, which Pod Security `restricted` refuses; use a namespace that enforces `baseline`, or leave it off
{{- else if and (ne .Values.ssh.service.type "ClusterIP") .Values.networkPolicy.enabled (not .Values.ssh.allowedCIDRs) -}}
say in ssh.allowedCIDRs who may connect to the {{ .Values.ssh.service.type }} (0.0.0.0/0 for everybody)
{{- end -}}
{{- end -}}
