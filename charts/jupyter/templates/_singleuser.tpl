{{/* Whom users' code reaches: this namespace as far as the others' policies allow, names, and networks by value. */}}
{{- define "jupyter.singleuser.egress" -}}
- to:
    # Nobody's server or engine calls another's. (It is not enough that their policy lets nobody in: kube-router takes what one
    # policy lets out of a pod as let into every pod of the same policy.)
    - podSelector:
        matchExpressions:
          - {key: app.kubernetes.io/component, operator: NotIn, values: [singleuser, engines]}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- range .Values.singleuser.egress }}
- to:
    - ipBlock:
        {{- toYaml . | nindent 8 }}
{{- end }}
{{- end -}}
