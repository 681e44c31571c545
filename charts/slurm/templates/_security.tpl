{{/* What `security` says, here or under `global`. */}}

{{/* "true" where the release fits Pod Security `restricted`. */}}
{{- define "slurm.security.restricted" -}}
{{- if eq (default "" (include "hpc.value" (list . "security") | fromYaml).profile) "restricted" }}true{{ end -}}
{{- end -}}

{{/* The one user of that profile. */}}
{{- define "slurm.security.user" -}}
{{- (include "hpc.value" (list . "security") | fromYaml).user | default "" -}}
{{- end -}}

{{/* What keeps a task to its size. */}}
{{- define "slurm.security.taskLimits" -}}
{{- (include "hpc.value" (list . "security") | fromYaml).taskLimits | default "accounting" -}}
{{- end -}}

{{/* Keys of slurm.conf that follow from it; `slurm.config` may set them otherwise. */}}
{{- define "slurm.security.config" -}}
{{- $limits := include "slurm.security.taskLimits" . -}}
ProctrackType: {{ eq $limits "cgroup" | ternary "proctrack/cgroup" "proctrack/linuxproc" }}
TaskPlugin: {{ get (dict "accounting" "task/none" "affinity" "task/affinity" "cgroup" "task/cgroup") $limits }}
JobAcctGatherType: {{ eq $limits "cgroup" | ternary "jobacct_gather/cgroup" "jobacct_gather/linux" }}
{{- if ne $limits "cgroup" }}
# RSS, not PSS: slurmd may not read users' memory maps. Where the kernel limits, Slurm refuses to do it twice.
JobAcctGatherParams: {OverMemoryKill: true}
{{- end }}
{{- end -}}

{{/* Keys of cgroup.conf that follow from it; `slurm.cgroup` may set them otherwise. */}}
{{- define "slurm.security.cgroup" -}}
{{- if eq (include "slurm.security.taskLimits" .) "cgroup" -}}
CgroupPlugin: cgroup/v2
# There is no systemd in a pod to ask for a group.
IgnoreSystemd: true
ConstrainCores: true
ConstrainRAMSpace: true
{{- else -}}
CgroupPlugin: disabled
{{- end -}}
{{- end -}}
