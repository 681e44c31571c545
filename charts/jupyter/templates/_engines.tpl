{{/* Pools of engines: one controller and any number of engines, all with the owner's ids and home. */}}

{{/* Values of a pool over the defaults: (list $ "fast"). */}}
{{- define "jupyter.engines.pool" -}}
{{- $root := first . -}}
{{- $own := index $root.Values.engines.pools (index . 1) | default dict -}}
{{- toYaml (mergeOverwrite (deepCopy $root.Values.engines.defaults) $own) -}}
{{- end -}}

{{/* The owner of a pool, as an entry of `users`. */}}
{{- define "jupyter.engines.owner" -}}
{{- $pool := include "jupyter.engines.pool" . | fromYaml -}}
{{- toYaml (get (include "hpc.users.users" (first .) | fromYaml) $pool.owner | default (dict "uid" 65534)) -}}
{{- end -}}

{{/* Ids of a pool's pods. No fsGroup: it would be applied to the homes. */}}
{{- define "jupyter.engines.ids" -}}
{{- $owner := include "jupyter.engines.owner" . | fromYaml -}}
{{- $groups := include "hpc.users.groups" (first .) | fromYaml -}}
runAsNonRoot: true
runAsUser: {{ int64 $owner.uid }}
runAsGroup: {{ int64 (default $owner.uid $owner.gid) }}
{{- with $owner.groups }}
supplementalGroups:
  {{- range . }}
  - {{ int64 (get $groups .).gid }}
  {{- end }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Keys that the pod specs of controller and engines have in common. */}}
{{- define "jupyter.engines.podSpec" -}}
{{- $root := first . -}}
{{- $pool := include "jupyter.engines.pool" . | fromYaml -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "hpc.pullSecrets" $root }}
{{- include "jupyter.pods.placement" $pool }}
securityContext:
  {{- include "jupyter.engines.ids" . | nindent 2 }}
initContainers:
  - name: home
    {{- include "jupyter.engines.image" . | nindent 4 }}
    # Controller and engines both refuse to start without their profile.
    args: [make-home, {{ $pool.owner | quote }}, {{ include "jupyter.ssh.homesAreMadeByUsers" $root | quote }}, .ipython/profile_{{ index . 1 }}]
    securityContext:
      {{- include "jupyter.pods.unprivileged" $root | nindent 6 }}
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {memory: 64Mi}
    volumeMounts:
      - {name: home, mountPath: /home}
{{- end -}}

{{/* Image of a pool. */}}
{{- define "jupyter.engines.image" -}}
{{- $image := include "hpc.value" (list (first .) "image") | fromYaml -}}
image: {{ include "jupyter.hub.image" (list (first .) (include "jupyter.engines.pool" . | fromYaml).image) }}
imagePullPolicy: {{ default "IfNotPresent" $image.pullPolicy }}
{{- end -}}

{{/* Resources of an engine's container: of one engine, or of all ranks of a world. */}}
{{- define "jupyter.engines.resources" -}}
{{- $pool := include "jupyter.engines.pool" . | fromYaml -}}
{{- $result := deepCopy $pool.resources -}}
{{- if $pool.mpi -}}
{{- range $kind, $amounts := $pool.resources -}}
{{- range $name, $amount := $amounts -}}
{{- $text := toJson $amount | trimAll "\"" -}}
{{- $sum := mulf (regexFind "^[0-9.]+" $text) (max $pool.replicas 1) | printf "%.3f" -}}
{{- $_ := set (get $result $kind) $name (print (regexReplaceAll "[.]?0+$" $sum "") (regexFind "[A-Za-z]*$" $text)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* Environment of controller and engines: the profile is in the owner's home, where his notebooks find it by its name. */}}
{{- define "jupyter.engines.env" -}}
{{- $pool := include "jupyter.engines.pool" . | fromYaml -}}
- {name: HOME, value: /home/{{ $pool.owner }}}
- {name: USER, value: {{ $pool.owner | quote }}}
- {name: IPP_PROFILE_DIR, value: /home/{{ $pool.owner }}/.ipython/profile_{{ index . 1 }}}
{{- with $pool.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Mounts of controller and engines. */}}
{{- define "jupyter.engines.mounts" -}}
{{- $pool := include "jupyter.engines.pool" . | fromYaml -}}
{{- range include "hpc.volumes.mounts" (first .) | fromYamlArray }}
{{- if eq .name "home" }}
- {name: home, mountPath: /home/{{ $pool.owner }}, subPath: {{ $pool.owner }}}
{{- else }}
- {name: {{ .name }}, mountPath: {{ .mountPath }}, readOnly: {{ .readOnly }}}
{{- end }}
{{- end }}
- {name: users, mountPath: /var/lib/extrausers, readOnly: true}
- {name: config, mountPath: /etc/hpc/engines, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Their volumes. */}}
{{- define "jupyter.engines.volumes" -}}
{{ include "hpc.volumes.volumes" (first .) }}
{{ include "jupyter.pods.usersVolume" (first .) }}
- name: config
  configMap: {name: {{ include "hpc.name" (list (first .) "engines") }}}
- name: tmp
  emptyDir: {sizeLimit: {{ (include "jupyter.engines.pool" . | fromYaml).tmpSize }}}
{{- end -}}
