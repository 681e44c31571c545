"""A user's server: a pod with his ids and groups and his home, fit for Pod Security `restricted`."""

import json
from typing import Any

from jupyterhub.spawner import Spawner
from kubernetes_asyncio.client.rest import ApiException
from tornado import web

from . import choices
from .accounts import Account, Accounts

Settings = dict[str, Any]

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}
# KubeSpawner puts the user's name in.
USER = "{unescaped_username}"
# What a profile may set, and the trait it becomes.
TRAITS = {
    "cpuRequest": "cpu_guarantee",
    "cpuLimit": "cpu_limit",
    "memoryRequest": "mem_guarantee",
    "memoryLimit": "mem_limit",
    "extendedResources": "extra_resource_limits",
    "nodeSelector": "node_selector",
    "tolerations": "tolerations",
    "environment": "environment",
    "imageReference": "image",
    "slurm": "job",
}


def account(spawner: Spawner) -> Account:
    """The account of a server's owner; a removed one starts nothing."""
    found = Accounts().find(spawner.user.name)
    if found is None:
        raise web.HTTPError(403, f"there is no account {spawner.user.name} any more")
    return found


def pod_security(spawner: Spawner) -> dict[str, Any]:
    """Ids for all containers of the pod, the one that makes the home included."""
    owner = account(spawner)
    return {
        "runAsNonRoot": True,
        "runAsUser": owner.uid,
        "runAsGroup": owner.gid,
        "supplementalGroups": list(owner.groups),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def refusal(error: ApiException) -> str:
    """Why Kubernetes does not take a server's pod or volume, in its own words, and what a user can do."""
    try:
        said = json.loads(error.body or "")["message"]
    except (ValueError, KeyError, TypeError):
        said = error.reason
    return f"Kubernetes did not take your server: {said}. Choose a smaller one, stop another server of yours, or ask the admin."


def label_owner(spawner: Spawner, pod: Any) -> Any:
    """Say whose pod it is, for policies that let in a user's own pods alone."""
    pod.metadata.labels["hpc/uid"] = str(account(spawner).uid)
    return pod


def traits(settings: Settings) -> dict[str, Any]:
    """KubeSpawner's traits that follow from the chart's settings."""
    server = settings["singleuser"]
    return {
        **_resources(server),
        "image": server["imageReference"],
        "image_pull_policy": settings["image"]["pullPolicy"],
        "image_pull_secrets": settings["image"]["pullSecrets"],
        "cmd": ["jupyterhub-singleuser"],
        "default_url": server["defaultUrl"],
        # JupyterHub fills this one in, by a name of its own.
        "notebook_dir": "/home/{username}",
        "working_dir": f"/home/{USER}",
        "environment": {
            "HOME": f"/home/{USER}",
            "USER": USER,
            **_activity(settings["culling"]),
            **_slurm(settings),
            **server["environment"],
        },
        "start_timeout": server["startTimeoutSeconds"],
        "http_timeout": server["httpTimeoutSeconds"],
        "pod_name_template": settings["release"] + "-singleuser-{user_server}",
        "component_label": "singleuser",
        "common_labels": settings["labels"],
        "extra_labels": server["labels"],
        "modify_pod_hook": label_owner,
        "uid": lambda spawner: account(spawner).uid,
        "gid": lambda spawner: account(spawner).gid,
        "pod_security_context": pod_security,
        "container_security_context": UNPRIVILEGED,
        "automount_service_account_token": False,
        "storage_pvc_ensure": False,
        "enable_user_namespaces": False,
        "volumes": _volumes(settings),
        "volume_mounts": _mounts(settings),
        "init_containers": [_home_maker(settings)],
        "extra_pod_config": {"enableServiceLinks": False, "terminationGracePeriodSeconds": 10},
        "tolerations": server["tolerations"],
        "node_selector": server["nodeSelector"],
        "profile_list": choices.profile_list(_profiles(settings)),
        "delete_pvc": False,
    }


def _resources(server: Settings) -> dict[str, Any]:
    found = {trait: server[key] for key, trait in TRAITS.items() if key in server}
    return {trait: value for trait, value in found.items() if value not in ("", None)}


def activity_seconds(culling: Settings) -> int:
    """How often a server says that it is used, so that the culler hears of it well within its patience."""
    return min(300, int(culling["idleSeconds"]) // 4)


def _activity(culling: Settings) -> dict[str, str]:
    return {"JUPYTERHUB_ACTIVITY_INTERVAL": str(activity_seconds(culling))} if culling["enabled"] else {}


def _slurm(settings: Settings) -> dict[str, str]:
    return {"SLURM_TOKENS_URL": settings["slurm"]["tokensUrl"]} if settings["slurm"] else {}


def _volumes(settings: Settings) -> list[dict[str, Any]]:
    users = [{"key": key, "path": key} for key in ("passwd", "group")]
    return [
        *settings["volumes"],
        {"name": "users", "configMap": {"name": settings["usersConfigMap"], "items": users}},
        {"name": "tmp", "emptyDir": {"sizeLimit": settings["singleuser"]["tmpSize"]}},
        *_slurm_volumes(settings),
    ]


def _slurm_volumes(settings: Settings) -> list[dict[str, Any]]:
    """The one file that commands read. Without it (the release is away) servers start all the same."""
    if not settings["slurm"]:
        return []
    items = [{"key": "slurm.conf", "path": "slurm.conf"}]
    config = {"name": settings["slurm"]["configMap"], "items": items, "optional": True}
    return [{"name": "slurm", "configMap": config}]


def _mounts(settings: Settings) -> list[dict[str, Any]]:
    own = {"name": "home", "mountPath": f"/home/{USER}", "subPath": USER}
    return [
        *(own if mount["name"] == "home" else mount for mount in settings["mounts"]),
        {"name": "users", "mountPath": "/var/lib/extrausers", "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        *([{"name": "slurm", "mountPath": "/etc/hpc/slurm", "readOnly": True}] if settings["slurm"] else []),
    ]


def _home_maker(settings: Settings) -> dict[str, Any]:
    """The init container that makes (or waits for) the home and sees that it is the user's."""
    return {
        "name": "home",
        "image": settings["singleuser"]["imageReference"],
        "imagePullPolicy": settings["image"]["pullPolicy"],
        "command": ["make-home", USER, str(settings["homeCreate"]).lower()],
        "securityContext": UNPRIVILEGED,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "volumeMounts": [{"name": "home", "mountPath": "/home"}],
    }


def _profiles(settings: Settings) -> list[dict[str, Any]]:
    """KubeSpawner's list of choices; none means that a server starts at once."""
    return [
        {
            "slug": name,
            "display_name": profile.get("displayName", name),
            "description": profile.get("description", _size(profile)),
            "default": profile.get("default", False),
            "kubespawner_override": _resources(profile),
        }
        for name, profile in sorted(settings["singleuser"]["profiles"].items())
    ]


def _size(profile: Settings) -> str:
    """What a profile's job asks for, where the values do not describe it."""
    job = profile.get("slurm")
    if not job:
        return ""
    parts = [f"queue {job['partition']}"] if "partition" in job else []
    parts += [choices.cores(job.get("cpus", 1))] if "partition" in job or "cpus" in job else []
    parts += [f"{job['memory']}B of memory"] if "memory" in job else []
    parts += [f"{choices.time(job['timeMinutes'])} at most"] if "timeMinutes" in job else []
    parts += [f"{'the rest ' if parts else ''}as you choose"] if "partitions" in job else []
    return f"A Slurm job: {', '.join(parts)}"
