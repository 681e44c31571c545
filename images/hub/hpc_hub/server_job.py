"""The Slurm job that a server is: its script, which is the same for everybody, its environment and its size."""

from typing import Any

SCRIPT = "#!/bin/bash\nexec jupyterhub-singleuser\n"
LOG = "jupyter-server-%j.log"
# Slurm gives a job no more than what it is told; the rest is as in the image.
ENVIRONMENT = {
    "PATH": "/opt/env/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "SHELL": "/bin/bash",
}
# What KubeSpawner says of the pod that it would have made.
OF_PODS = {"MEM_LIMIT", "MEM_GUARANTEE", "CPU_LIMIT", "CPU_GUARANTEE", "JUPYTER_IMAGE", "JUPYTER_IMAGE_SPEC"}
UNITS = {"K": 2**-10, "M": 1, "G": 2**10, "T": 2**20}


def description(request: dict[str, Any], home: str, environment: dict[str, str]) -> dict[str, Any]:
    """The job as slurmrestd takes it; `request` is the value `singleuser.profiles.<name>.slurm`."""
    given = {**ENVIRONMENT, **environment}
    job: dict[str, Any] = {
        "name": "jupyter",
        "partition": request["partition"],
        "tasks": 1,
        "minimum_nodes": 1,
        "maximum_nodes": 1,
        "cpus_per_task": request.get("cpus", 1),
        # As in a pod: nobody else's processes are beside it, so nobody else can have its port.
        "shared": ["user"],
        # Its place would be another, which the hub does not follow.
        "requeue": False,
        "current_working_directory": home,
        "standard_output": f"{home}/{LOG}",
        "environment": [f"{name}={value}" for name, value in given.items() if name not in OF_PODS],
    }
    if "memory" in request:
        job["memory_per_node"] = _number(mebibytes(request["memory"]))
    if "timeMinutes" in request:
        job["time_limit"] = _number(request["timeMinutes"])
    return job


def mebibytes(size: str) -> int:
    """A size such as 4G in MiB, never less than one."""
    number, unit = (size[:-1], size[-1]) if size[-1] in UNITS else (size, "")
    return max(1, round(float(number) * (UNITS[unit] if unit else 2**-20)))


def _number(value: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": value}
