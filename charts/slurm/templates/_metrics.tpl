{{/*
Metrics: whether they are served, who may ask for them, and how Prometheus finds them.
This file is the same in the charts slurm, jupyter and nfs (a test compares them).
*/}}

{{/* "true" where metrics are wanted, here or under `global`. */}}
{{- define "hpc.metrics.enabled" -}}
{{- if (include "hpc.value" (list . "metrics") | fromYaml).enabled }}true{{ end -}}
{{- end -}}

{{/* Annotations of a pod, which a Prometheus without the operator looks for: (list port path). */}}
{{- define "hpc.metrics.annotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ first . | quote }}
prometheus.io/path: {{ index . 1 }}
{{- end -}}

{{/* Rule of a NetworkPolicy for a port: (list $ port). */}}
{{- define "hpc.metrics.ingress" -}}
- from:
    - podSelector:
        matchLabels: {access-metrics: "true"}
    {{- with (include "hpc.value" (list (first .) "metrics") | fromYaml).namespaces }}
    - namespaceSelector:
        matchExpressions:
          - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
      podSelector:
        matchLabels: {access-metrics: "true"}
    {{- end }}
  ports:
    - {port: {{ index . 1 }}}
{{- end -}}

{{/* What the operator of Prometheus reads; every pod of the release with a port `metrics` is scraped: (list $ component path). */}}
{{- define "hpc.metrics.podMonitor" -}}
{{- $root := first . -}}
{{- $metrics := include "hpc.value" (list $root "metrics") | fromYaml -}}
{{- if and $metrics.enabled $metrics.podMonitor.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "hpc.name" (list $root (index . 1)) }}
  labels:
    {{- include "hpc.labels" (list $root (index . 1)) | nindent 4 }}
    {{- with $metrics.podMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ $root.Chart.Name }}
      app.kubernetes.io/instance: {{ $root.Release.Name }}
  podMetricsEndpoints:
    - {port: metrics, path: {{ index . 2 }}}
{{- end }}
{{- end -}}
