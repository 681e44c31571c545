{{/*
Every name that the chart makes. This file is the same in all charts (a test compares them).
A helper takes a list: the root context first, then the parts.
*/}}

{{/* Name of an object: <release>-<component>[-<part>…]; pods add an ordinal, so 52 characters are the limit. */}}
{{- define "hpc.name" -}}
{{- $root := first . -}}
{{- $name := join "-" (prepend (rest .) $root.Release.Name) -}}
{{- if gt (len $name) 52 -}}
{{- fail (printf "name %q is longer than 52 characters: take a shorter release name or pool name" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* A value that the chart or, where it is empty there, `global` sets: (list $ "image"). Maps merge, the chart's own keys win. */}}
{{- define "hpc.value" -}}
{{- $root := first . -}}
{{- $key := index . 1 -}}
{{- $own := index $root.Values $key -}}
{{- $shared := index (default dict $root.Values.global) $key -}}
{{- if and (kindIs "map" $own) (kindIs "map" $shared) -}}
{{- include "hpc.overlay" (list $shared $own) -}}
{{- else -}}
{{- toYaml (default $shared $own) -}}
{{- end -}}
{{- end -}}

{{/* Refuses unknown keys of `global`; below a chart of somebody else they are for his other charts. */}}
{{- define "hpc.globalKeys" -}}
{{- $known := list "groups" "home" "image" "metrics" "security" "users" "usersSecret" "volumes" -}}
{{- if .Chart.IsRoot -}}
{{- range $key := keys (default dict .Values.global) | sortAlpha -}}
{{- if not (has $key $known) -}}
{{- fail (printf "global.%s: is not one of %s" $key (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A map with what another sets over it, empty values apart: (list $below $above). */}}
{{- define "hpc.overlay" -}}
{{- $result := deepCopy (first .) -}}
{{- range $name, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $result $name)) -}}
{{- $_ := set $result $name (include "hpc.overlay" (list (get $result $name) $value) | fromYaml) -}}
{{- else if or $value (not (hasKey $result $name)) -}}
{{- $_ := set $result $name $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* Reference of an image: (list $ "slurm-controller"). A released chart carries registry and digests of its own (charts/package.py). */}}
{{- define "hpc.image" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
{{- $image := include "hpc.value" (list $root "image") | fromYaml -}}
{{- $released := default dict $root.Chart.Annotations -}}
{{- $tag := index (default dict $image.tags) $name -}}
{{- $digest := index (default dict $image.digests) $name -}}
{{- if not (or $tag $digest) -}}
{{- $digest = index (index $released "hpc/digests" | default "{}" | fromJson) $name -}}
{{- end -}}
{{- $registry := default (index $released "hpc/registry" | default "ghcr.io/hpc-charts") $image.registry -}}
{{- printf "%s/%s:%s" $registry $name (default $root.Chart.AppVersion $tag) -}}
{{- if $digest -}}@{{ $digest }}{{- end -}}
{{- end -}}

{{/* Pull policy and pull secrets of a pod: indent as a pod spec's keys. */}}
{{- define "hpc.pullSecrets" -}}
{{- $image := include "hpc.value" (list . "image") | fromYaml -}}
{{- with $image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Image and pull policy of a container. */}}
{{- define "hpc.containerImage" -}}
{{- $image := include "hpc.value" (list (first .) "image") | fromYaml -}}
image: {{ include "hpc.image" . }}
imagePullPolicy: {{ default "IfNotPresent" $image.pullPolicy }}
{{- end -}}

{{/* Claim that holds /home; empty when an NFS server does. */}}
{{- define "hpc.homeClaim" -}}
{{- $home := include "hpc.value" (list . "home") | fromYaml -}}
{{- if $home.existingClaim -}}
{{- $home.existingClaim -}}
{{- else if not (dig "server" "" (default dict $home.nfs)) -}}
{{- include "hpc.name" (list . "home") -}}
{{- end -}}
{{- end -}}
