{{/*
/home and further shared volumes, from values or from `global`.
This file is the same in the charts slurm and jupyter (a test compares them).
*/}}

{{/* As volumes of a pod. */}}
{{- define "hpc.volumes.volumes" -}}
{{- $home := include "hpc.value" (list . "home") | fromYaml -}}
- name: home
{{- if $home.existingClaim | or (not (dig "server" "" (default dict $home.nfs))) }}
  persistentVolumeClaim:
    claimName: {{ include "hpc.homeClaim" . }}
{{- else if $home.nfs.mountOptions }}
  persistentVolumeClaim:
    claimName: {{ include "hpc.name" (list . "home") }}
{{- else }}
  nfs:
    server: {{ $home.nfs.server }}
    path: {{ default "/" $home.nfs.path }}
{{- end }}
{{- range $name, $volume := include "hpc.value" (list . "volumes") | fromYaml }}
- name: shared-{{ $name }}
  {{- if $volume.claim }}
  persistentVolumeClaim:
    claimName: {{ $volume.claim }}
  {{- else }}
  nfs:
    server: {{ $volume.nfs.server }}
    path: {{ default "/" $volume.nfs.path }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where they are mounted. */}}
{{- define "hpc.volumes.mounts" -}}
- name: home
  mountPath: /home
{{- range $name, $volume := include "hpc.value" (list . "volumes") | fromYaml }}
- name: shared-{{ $name }}
  mountPath: {{ $volume.mountPath }}
  readOnly: {{ default false $volume.readOnly }}
{{- end }}
{{- end -}}
