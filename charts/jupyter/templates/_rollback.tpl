{{/*
A guard before `helm rollback`, and before `helm upgrade` to an older chart. Helm runs the hooks of the revision that shall come back:
a Job that reads, as a volume, the ConfigMap that the running revision has written. This file is the same in charts slurm and jupyter
(a test compares them).
A helper takes a list: the root context, the component, the names in files/upstream.json of what writes data, by blanks.
*/}}

{{/* Versions of what writes data: {name: version}. */}}
{{- define "hpc.rollback.versions" -}}
{{- $upstream := (first .).Files.Get "files/upstream.json" | fromJson -}}
{{- $versions := dict -}}
{{- range splitList " " (index . 2) }}{{ $_ := set $versions . (get $upstream .) }}{{ end -}}
{{- toYaml $versions -}}
{{- end -}}

{{/* Refuse a chart older than what runs. */}}
{{- define "hpc.rollback.validate" -}}
{{- $running := lookup "v1" "ConfigMap" (first .).Release.Namespace (include "hpc.name" (list (first .) (index . 1))) -}}
{{- range $name, $version := include "hpc.rollback.versions" . | fromYaml -}}
{{- $now := dig "data" $name "0.0" $running -}}
{{- if lt (include "hpc.rollback.series" $version) (include "hpc.rollback.series" $now) -}}
{{- fail (printf "%s %s runs here, and this chart brings %s, which cannot read its data: take a newer chart, or restore a backup (docs/how-to/upgrade.md)" $name $now $version) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* First two numbers of a version, as text that sorts; data never change with the third. */}}
{{- define "hpc.rollback.series" -}}
{{- $parts := splitList "." . -}}
{{- printf "%04d.%04d" (index $parts 0 | atoi) (index $parts 1 | atoi) -}}
{{- end -}}

{{/* What the running revision says of itself. */}}
{{- define "hpc.rollback.configmap" -}}
{{- $root := first . -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "hpc.name" (list $root (index . 1)) }}
  labels:
    {{- include "hpc.labels" (list $root (index . 1)) | nindent 4 }}
data:
  {{- include "hpc.rollback.versions" . | nindent 2 }}
{{- end -}}

{{/* The Job; a fourth word says where pods may run. */}}
{{- define "hpc.rollback.job" -}}
{{- $root := first . -}}
{{- $component := index . 1 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "hpc.name" (list $root $component) }}
  labels:
    {{- include "hpc.labels" (list $root $component) | nindent 4 }}
  annotations:
    helm.sh/hook: pre-rollback
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 0
  # Its image may have to be pulled first.
  activeDeadlineSeconds: 240
  ttlSecondsAfterFinished: 600
  template:
    metadata:
      labels:
        {{- include "hpc.podLabels" (list $root $component) | nindent 8 }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "hpc.pullSecrets" $root | nindent 6 }}
      {{- index . 3 | nindent 6 }}
      securityContext:
        runAsUser: 65534
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: guard
          {{- include "hpc.containerImage" (list $root "base") | nindent 10 }}
          command: [bash, -c]
          args:
            - |
              {{- $root.Files.Get "files/rollback.sh" | trim | nindent 14 }}
            - rollback.sh
            - {{ $root.Release.Name }}
            - {{ $root.Release.Namespace }}
            {{- range $name, $version := include "hpc.rollback.versions" . | fromYaml }}
            - {{ $name }}={{ $version }}
            {{- end }}
          securityContext:
            runAsNonRoot: true
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 64Mi}
          volumeMounts:
            - {name: running, mountPath: /etc/hpc/running, readOnly: true}
      volumes:
        - name: running
          # A chart from before there was this guard has written none, and is no newer.
          configMap: {name: {{ include "hpc.name" (list $root $component) }}, optional: true}
{{- end -}}

{{/* The Job speaks to nobody. */}}
{{- define "hpc.rollback.networkpolicy" -}}
{{- $root := first . -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "hpc.name" (list $root (index . 1)) }}
  labels:
    {{- include "hpc.labels" (list $root (index . 1)) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "hpc.selector" (list $root (index . 1)) | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}
