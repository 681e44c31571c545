{{/* What the hub reads at its start. */}}

{{/* settings.json of images/hub. */}}
{{- define "jupyter.hub.settings" -}}
{{- $image := include "hpc.value" (list . "image") | fromYaml -}}
{{- $secrets := list -}}
{{- range $image.pullSecrets }}{{- $secrets = append $secrets (dict "name" .) -}}{{- end -}}
{{- dict
  "release" .Release.Name
  "labels" (include "hpc.selector" (list . "singleuser") | fromYaml | merge (dict "app.kubernetes.io/managed-by" "jupyterhub"))
  "hubUrl" (printf "http://%s:8081" (include "hpc.name" (list . "hub")))
  "proxyUrl" (printf "http://%s:8001" (include "hpc.name" (list . "proxy-api")))
  "baseUrl" .Values.hub.baseUrl
  "routeCheckSeconds" .Values.hub.routeCheckSeconds
  "admins" .Values.hub.admins
  "authentication" .Values.hub.authentication
  "culling" .Values.hub.culling
  "config" .Values.hub.config
  "extraConfig" .Values.hub.extraConfig
  "metricsPort" (ternary 8082 0 (include "hpc.metrics.enabled" . | not | not))
  "homeCreate" (include "jupyter.ssh.homesAreMadeByUsers" . | eq "true")
  "usersConfigMap" (include "hpc.name" (list . "hub-users"))
  "slurm" (include "jupyter.hub.slurm" . | fromYaml)
  "image" (dict "pullPolicy" (default "IfNotPresent" $image.pullPolicy) "pullSecrets" $secrets)
  "volumes" (include "hpc.volumes.volumes" . | fromYamlArray)
  "mounts" (include "hpc.volumes.mounts" . | fromYamlArray)
  "singleuser" (include "jupyter.hub.singleuser" . | fromYaml)
  | toPrettyJson -}}
{{- end -}}

{{/* Where servers find Slurm; empty where they have none. Its object names are chart slurm's. */}}
{{- define "jupyter.hub.slurm" -}}
{{- with tpl .Values.slurm.release . -}}
configMap: {{ . }}-slurm
tokensUrl: http://{{ . }}-tokens:8091
restUrl: http://{{ . }}-restapi:6820
nodes: {{ . }}-nodes
{{- end -}}
{{- end -}}

{{/* Names of the profiles whose servers are Slurm jobs. */}}
{{- define "jupyter.hub.slurmProfiles" -}}
{{- $names := list -}}
{{- range $name, $profile := .Values.singleuser.profiles }}{{ if $profile.slurm }}{{ $names = append $names $name }}{{ end }}{{ end -}}
{{- join "," $names -}}
{{- end -}}

{{/* The part on users' servers, image names made references. */}}
{{- define "jupyter.hub.singleuser" -}}
{{- $server := deepCopy .Values.singleuser -}}
{{- $_ := set $server "imageReference" (include "jupyter.hub.image" (list . $server.image)) -}}
{{- $labels := dict "access-hub" "true" "access-engines" "true" -}}
{{- if tpl .Values.slurm.release . -}}
{{- range list "slurmctld" "slurmdbd" "restapi" "tokens" }}{{- $_ := set $labels (printf "access-%s" .) "true" -}}{{- end -}}
{{- end -}}
{{- $_ := set $server "labels" $labels -}}
{{- range $name, $profile := $server.profiles -}}
{{- if $profile.image -}}
{{- $_ := set $profile "imageReference" (include "jupyter.hub.image" (list $ $profile.image)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $server -}}
{{- end -}}

{{/* An image of the family by its name, or any by its reference (with a slash): (list $ image). */}}
{{- define "jupyter.hub.image" -}}
{{- if contains "/" (index . 1) }}{{ index . 1 }}{{ else }}{{ include "hpc.image" . }}{{ end -}}
{{- end -}}

{{/* Identities at login providers, as {provider: {identity: user}}. */}}
{{- define "jupyter.hub.identities" -}}
{{- $table := dict -}}
{{- $owners := dict -}}
{{- range $name, $user := include "hpc.users.users" . | fromYaml -}}
{{- range $provider, $identity := $user.identities -}}
{{- $known := default dict (get $table $provider) -}}
{{- $type := dig $provider "type" "" $.Values.hub.authentication.providers -}}
{{- /* As at login (hpc_hub/providers.py): capitals tell nobody apart at GitHub and in mail addresses. */ -}}
{{- $same := ternary (lower (toString $identity)) (toString $identity) (or (eq $type "github") (contains "@" (toString $identity))) | printf "%s %s" $provider -}}
{{- with get $owners $same -}}
{{- fail (printf "users.%s.identities.%s: %s is also an identity of users.%s" $name $provider $identity .) -}}
{{- end -}}
{{- $_ := set $owners $same $name -}}
{{- $_ := set $known (toString $identity) $name -}}
{{- $_ := set $table $provider $known -}}
{{- end -}}
{{- end -}}
{{- toJson $table -}}
{{- end -}}
