{{/*
Labels and selectors. This file is the same in all charts (a test compares them).
A helper takes a list: the root context, the component and, for pools, the pool's name.
*/}}

{{/* What selects a component's pods; never changes over a release's life. */}}
{{- define "hpc.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- if gt (len .) 2 }}
hpc/pool: {{ index . 2 }}
{{- end }}
{{- end -}}

{{/* Labels of objects. */}}
{{- define "hpc.labels" -}}
{{- $root := first . -}}
{{ include "hpc.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of pods: no version, so that an upgrade that changes nothing restarts nothing. */}}
{{- define "hpc.podLabels" -}}
{{ include "hpc.selector" . }}
{{- end -}}
