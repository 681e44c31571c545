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

{{/* What a claim of /home is made over: "class", "server" (only a PersistentVolume carries mount options), or nothing. */}}
{{- define "hpc.volumes.claimOver" -}}
{{- $home := include "hpc.value" (list . "home") | fromYaml -}}
{{- if $home.existingClaim -}}
{{- else if not (dig "server" "" (default dict $home.nfs)) -}}
class
{{- else if $home.nfs.mountOptions -}}
server
{{- end -}}
{{- end -}}

{{/* Its name: a volume belongs to no namespace, so the name says whose it is. */}}
{{- define "hpc.volumes.volumeName" -}}
{{ printf "%s-%s" .Release.Namespace (include "hpc.name" (list . "home")) }}
{{- end -}}

{{/* That PersistentVolume. */}}
{{- define "hpc.volumes.persistentVolume" -}}
{{- $home := include "hpc.value" (list . "home") | fromYaml -}}
apiVersion: v1
kind: PersistentVolume
metadata:
  name: {{ include "hpc.volumes.volumeName" . }}
  labels:
    {{- include "hpc.labels" (list . "home") | nindent 4 }}
  annotations:
    # As its claim: deleted while that is bound, it would be Terminating for good.
    helm.sh/resource-policy: keep
spec:
  accessModes: [ReadWriteMany]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  capacity:
    storage: {{ default "10Gi" $home.size }}
  mountOptions:
    {{- toYaml $home.nfs.mountOptions | nindent 4 }}
  claimRef:
    namespace: {{ .Release.Namespace }}
    name: {{ include "hpc.name" (list . "home") }}
  nfs:
    server: {{ $home.nfs.server }}
    path: {{ default "/" $home.nfs.path }}
{{- end -}}

{{/* The claim of /home: of that volume, or of a class. */}}
{{- define "hpc.volumes.persistentVolumeClaim" -}}
{{- $home := include "hpc.value" (list . "home") | fromYaml -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "hpc.name" (list . "home") }}
  labels:
    {{- include "hpc.labels" (list . "home") | nindent 4 }}
  annotations:
    # Users' files outlive a release.
    helm.sh/resource-policy: keep
spec:
  accessModes: [ReadWriteMany]
  {{- if eq (include "hpc.volumes.claimOver" .) "server" }}
  storageClassName: ""
  volumeName: {{ include "hpc.volumes.volumeName" . }}
  {{- else if $home.storageClass }}
  storageClassName: {{ $home.storageClass }}
  {{- end }}
  resources:
    requests:
      storage: {{ default "10Gi" $home.size }}
{{- end -}}
