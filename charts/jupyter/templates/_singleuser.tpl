{{/* Whom users' code reaches: this namespace as far as the others' policies allow, names, and networks by value. */}}
{{- define "jupyter.singleuser.egress" -}}
- to:
    - podSelector: {}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- range .Values.singleuser.egress }}
- to:
    - ipBlock:
        {{- toYaml . | nindent 8 }}
{{- end }}
{{- end -}}
