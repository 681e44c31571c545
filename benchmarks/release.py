"""An installed release of chart `slurm` as benchmarks use it: commands of a user on its frontend, its nodes, its images.

Needs `kubectl` alone, so that it works from a laptop against any release. `own_release` installs one for a benchmark.
"""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conftest import MakeNamespace
from tests.kube import Namespace

RELEASE = "hpc"
JOB_NAME = "hpc-benchmark"
# Becomes the first user of the release where the pod runs as root; in profile `restricted` it runs as him already.
AS_USER = (
    f"export SLURM_JOB_NAME={JOB_NAME} SBATCH_JOB_NAME={JOB_NAME}; "
    'if [ "$(id -u)" = 0 ]; then exec setpriv --reuid="$1" --regid="$2" --init-groups env HOME="$3" bash -lc "cd && $4"; '
    'else exec bash -lc "cd && $4"; fi'
)


@dataclass(frozen=True)
class Node:
    """A Slurm node, which is a pod, and the machine that it is on."""

    name: str
    machine: str
    cpus: int
    memory_mib: int


@dataclass
class Release:
    """One installed release."""

    namespace: Namespace
    name: str = RELEASE
    user: tuple[str, ...] = ()

    def run(self, command: str, *, stdin: str | None = None, timeout: float = 600) -> str:
        """Run a command line as the release's first user, in a folder of his, on the frontend; give its output."""
        uid, gid, home = self._user()
        words = ["sh", "-c", AS_USER, "sh", uid, gid, home, command]
        found = self.namespace.exec(
            f"{self.name}-frontend-0",
            *words,
            container="sshd",
            stdin=stdin or "",
            check=False,
            timeout=timeout,
        )
        if found.code:
            raise RuntimeError(
                f"`{command[:200]}` on {self.name}-frontend-0 left with {found.code}: {found.text[-2000:]}"
            )
        return found.out

    def put(self, folder: str, files: Mapping[str, str]) -> None:
        """Write text files into a folder below the user's home, which workers see too."""
        program = "import json, pathlib, sys; f = pathlib.Path(sys.argv[1]); f.mkdir(parents=True, exist_ok=True); [(f / n).write_text(t) for n, t in json.load(sys.stdin).items()]"
        self.run(f"python3 -c {shlex.quote(program)} {shlex.quote(folder)}", stdin=json.dumps(dict(files)))

    def end_jobs(self) -> None:
        """End what an interrupted benchmark left: kubectl's end does not end what it started."""
        self.run(f"scancel --me --name={JOB_NAME}")

    def home(self) -> str:
        """The user's home, as frontend and workers see it."""
        return self._user()[2]

    def nodes(self) -> list[Node]:
        """The nodes that can take jobs now."""
        pods = self.namespace.get("pods", "-l", f"app.kubernetes.io/instance={self.name}")["items"]
        machines = {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in pods}
        lines = self.run("sinfo -h -N -t idle,mixed,allocated -o '%N %c %m'").split("\n")
        words = sorted({tuple(line.split()) for line in lines if line})
        return [Node(name, machines.get(name, ""), int(cpus), int(memory)) for name, cpus, memory in words]

    def has(self, program: str) -> bool:
        """Whether workers have a program."""
        return "yes" in self.run(f"srun -Q -n1 sh -c 'command -v {program} >/dev/null && echo yes || true'")

    def images(self) -> dict[str, str]:
        """Digest of each image that the release runs."""
        pods = self.namespace.get("pods", "-l", f"app.kubernetes.io/instance={self.name}")["items"]
        found: dict[str, str] = {}
        for pod in pods:
            ids = {status["name"]: status["imageID"] for status in pod["status"].get("containerStatuses", [])}
            for container in pod["spec"]["containers"]:
                name = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0]
                found[name] = ids.get(container["name"], "").rpartition("@")[2]
        return found

    def _user(self) -> tuple[str, ...]:
        """Id, group and home of the first user; asked for once."""
        if self.user:
            return self.user
        users = self.namespace.get("configmap", f"{self.name}-users")["data"]["passwd"]
        people = [line.split(":") for line in users.splitlines() if line and int(line.split(":")[2]) >= 1000]
        if not people:
            raise RuntimeError(f"release {self.name} has no user; next: give it one under `users`")
        self.user = people[0][2], people[0][3], people[0][5]
        return self.user


def has_slurm(namespace: str, name: str) -> bool:
    """Whether a release has chart `slurm` with a frontend."""
    return Namespace(namespace).kubectl("get", f"statefulset/{name}-frontend", check=False).code == 0


def installed(namespace: str, name: str) -> Release:
    """A release that somebody installed."""
    if not has_slurm(namespace, name):
        sys.exit(
            f"error: namespace {namespace} has no release {name} of chart slurm with a frontend\n  next: make install, or RELEASE= NAMESPACE= KUBE_CONTEXT="
        )
    return Release(Namespace(namespace), name)


@contextlib.contextmanager
def own_release(
    workers: Mapping[str, Any], make_namespace: MakeNamespace | None = None, **values: Any
) -> Iterator[Release]:
    """Install chart `slurm` with benchmark images in a namespace of its own, and take it away at the end."""
    namespace = make_namespace("bench") if make_namespace else Namespace.create("bench")
    release = Release(namespace)
    chosen = {
        "users": {"bench": {"uid": 20001}},
        "home": {"storageClass": _class(), "size": "4Gi"},
        "benchmark": {"enabled": True},
        "accounting": {"enabled": False},
        "restapi": {"enabled": False},
        # The chart's own pool goes, unless it is one of these.
        "workers": {"cpu": None, **workers},
        "workerDefaults": {"cpuRequest": "50m", "memoryRequest": "128Mi"},
        **values,
    }
    try:
        namespace.install(release.name, "charts/slurm", values=chosen)
        wanted = sum(pool.get("replicas", 2) for pool in workers.values())
        namespace.wait_for(f"{wanted} nodes", lambda: len(release.nodes()) == wanted, timeout=300)
        yield release
    finally:
        if not make_namespace:
            namespace.helm("uninstall", release.name, "--no-hooks", "--ignore-not-found", check=False)
            namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def _class() -> str:
    import os

    return os.environ.get("E2E_RWX_CLASS", "shared")
