"""The Kubernetes objects of a sweep: an Indexed Job of workers, and the pod that keeps their files within reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MANAGED = {"app.kubernetes.io/managed-by": "sweep-client"}
RUN_LABEL = "sweep-client/run"
# Where clouds put machines that may be taken back: by label of the taint.
SPOT_TAINTS = (
    "cloud.google.com/gke-spot",
    "kubernetes.azure.com/scalesetpriority",
    "karpenter.sh/capacity-type",
    "spot",
)
STAGE_MOUNT = "/sweep"
KEEPER_SECONDS = 7 * 86400
# The worker's index is known in the pod alone; its output goes to Kubernetes and into the results directory.
START = (
    'cd "$SWEEP_FOLDER" && mkdir -p logs && exec "$@" '
    '--part "$JOB_COMPLETION_INDEX/$SWEEP_WORKERS" --job "kubernetes:${SWEEP_JOB}_$JOB_COMPLETION_INDEX" '
    '> >(tee -a "logs/kubernetes-$SWEEP_JOB-$JOB_COMPLETION_INDEX.log") 2>&1'
)

# In a pod with a copy of its own: where it lies there, what the worker left with, and that all of it has come home.
GO, ENDED, HOME = (f"{STAGE_MOUNT}/{name}" for name in ("go", "ended", "home"))
HOME_SECONDS = 3600
START_ALONE = (
    f'until [ -s {GO} ]; do sleep 0.2; done; cd "$(cat {GO})" && mkdir -p logs; '
    '"$@" --only "$JOB_COMPLETION_INDEX/$SWEEP_WORKERS" --job "kubernetes:${SWEEP_JOB}_$JOB_COMPLETION_INDEX" '
    '> >(tee -a "logs/kubernetes-$SWEEP_JOB-$JOB_COMPLETION_INDEX.log") 2>&1 & child=$!; '
    'trap "kill -TERM $child" TERM; while kill -0 $child 2>/dev/null; do wait $child; code=$?; done; '
    f'echo "$code" > {ENDED}; for _ in {{1..{HOME_SECONDS}}}; do [ -e {HOME} ] && break; sleep 1; done; exit "$code"'
)


@dataclass(frozen=True, slots=True)
class Pods:
    """What all pods of a sweep have in common."""

    image: str
    claim: str | None
    mount: str = STAGE_MOUNT
    user: int = 1000
    group: int = 1000
    node_selector: Mapping[str, str] = field(default_factory=dict)
    spot: bool = False
    service_account: str | None = None
    pull_secrets: tuple[str, ...] = ()

    def template(self, container: dict[str, Any], labels: dict[str, str], **spec: Any) -> dict[str, Any]:
        """Give a pod's template around its one container; nothing in it needs rights of any kind."""
        source = {"persistentVolumeClaim": {"claimName": self.claim}} if self.claim else {"emptyDir": {}}
        content: dict[str, Any] = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": self._security(),
            "containers": [self._container(container)],
            "volumes": [
                {"name": "results", **source},
                {"name": "tmp", "emptyDir": {}},
            ],
            "nodeSelector": dict(self.node_selector),
            "tolerations": [{"key": key, "operator": "Exists"} for key in SPOT_TAINTS] if self.spot else [],
            "imagePullSecrets": [{"name": name} for name in self.pull_secrets],
            **spec,
        }
        if self.service_account:
            content["serviceAccountName"] = self.service_account
        return {"metadata": {"labels": {**MANAGED, **labels}}, "spec": content}

    def _container(self, container: dict[str, Any]) -> dict[str, Any]:
        mounts = [{"name": "results", "mountPath": self.mount}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
        return {
            "image": self.image,
            "volumeMounts": mounts,
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            **container,
        }

    def _security(self) -> dict[str, Any]:
        return {
            "runAsNonRoot": True,
            "runAsUser": self.user,
            "runAsGroup": self.group,
            "fsGroup": self.group,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One Indexed Job."""

    name: str
    run: str
    workers: int
    command: list[str]
    folder: str
    resources: Mapping[str, Any]
    keep_seconds: int = 3600


def job_manifest(request: JobRequest, pods: Pods) -> dict[str, Any]:
    """Give the Job: one index per worker; an eviction is no failure, and a worker that drained is not started again."""
    labels = {RUN_LABEL: request.run}
    spec: dict[str, Any] = {
        "completionMode": "Indexed",
        "completions": request.workers,
        "parallelism": request.workers,
        "backoffLimitPerIndex": 2,
        "maxFailedIndexes": request.workers,
        "ttlSecondsAfterFinished": request.keep_seconds,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}},
                {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [3]}},
            ]
        },
        "template": pods.template(
            _worker(request, START if pods.claim else START_ALONE), labels, terminationGracePeriodSeconds=30
        ),
    }
    if "time" in request.resources:
        spec["activeDeadlineSeconds"] = int(request.resources["time"])
    metadata = {"name": request.name, "labels": {**MANAGED, **labels}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def keeper_manifest(name: str, run: str, pods: Pods) -> dict[str, Any]:
    """Give the pod through which files go and come where the client does not see the claim."""
    container = {
        "name": "keeper",
        "command": ["sleep", str(KEEPER_SECONDS)],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108
    }
    template = pods.template(
        container, {RUN_LABEL: run}, activeDeadlineSeconds=KEEPER_SECONDS, terminationGracePeriodSeconds=0
    )
    template["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **template}


def _worker(request: JobRequest, start: str) -> dict[str, Any]:
    facts = {
        "HOME": "/tmp",  # noqa: S108
        "SWEEP_FOLDER": request.folder,
        "SWEEP_JOB": request.name,
        "SWEEP_WORKERS": str(request.workers),
    }
    return {
        "name": "worker",
        "command": ["bash", "-c", start, "bash", *request.command],
        "env": [{"name": name, "value": value} for name, value in facts.items()],
        "resources": _resources(request.resources),
    }


def _resources(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give requests, which Kubernetes reserves, and limits: memory cannot be had beyond what was asked for."""
    requests: dict[str, Any] = {
        "cpu": str(wanted.get("cpu_request") or wanted.get("cpus", 1)),
        "memory": str(wanted.get("memory", 512 << 20)),
    }
    limits = {"memory": requests["memory"]} if "memory" in wanted else {}
    if wanted.get("gpus"):
        limits["nvidia.com/gpu"] = requests["nvidia.com/gpu"] = str(wanted["gpus"])
    return {"requests": requests, "limits": limits}
