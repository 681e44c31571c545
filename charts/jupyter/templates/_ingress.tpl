{{/* Secret of the Ingress's certificate: a given one, a self-signed one, or none. */}}
{{- define "jupyter.ingress.secret" -}}
{{- if .Values.ingress.tls.existingSecret -}}
{{- .Values.ingress.tls.existingSecret -}}
{{- else if .Values.ingress.tls.selfSigned -}}
{{- include "hpc.name" (list . "proxy-tls") -}}
{{- end -}}
{{- end -}}
