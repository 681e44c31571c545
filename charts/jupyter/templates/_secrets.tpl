{{/* Names of Secrets (the chart's own or given ones), and values that are made once. */}}

{{/* Secret of the hub: cookie-secret and proxy-token. */}}
{{- define "jupyter.secrets.hub" -}}
{{- default (include "hpc.name" (list . "hub")) .Values.hub.existingSecret -}}
{{- end -}}

{{/* What a Secret of this release already holds, base64; empty at the first install: (list $ secret key). */}}
{{- define "jupyter.secrets.kept" -}}
{{- $root := first . -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- if $found -}}{{- index (default dict $found.data) (index . 2) -}}{{- end -}}
{{- end -}}
