"""A Slurm of the chart, a claim for Kubernetes Jobs, and the ways by which tests run sweeps on them."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep_client.executors.ssh import Connection
from tests.cluster.paths import KUBECONFIG
from tests.conftest import Account
from tests.kube import Namespace, PortForward, context_arguments, image, is_local, run

RELEASE = "hpc"
NOTEBOOK_POD = "notebook"


def _beside(kind: str, *components: str) -> dict[str, Any]:
    """Affinity of a pod to those of some components, or away from them (`podAntiAffinity`), where machines allow it."""
    wanted = {"key": "app.kubernetes.io/component", "operator": "In", "values": list(components)}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [wanted]}}
    return {
        kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
    }


# A machine may go with one of the two workers, and neither with slurmctld nor with the frontend.
APART = _beside("podAntiAffinity", "worker")
TOGETHER = _beside("podAffinity", "controller", "frontend")


@dataclass
class Site:
    """One namespace with everything that executors need."""

    namespace: Namespace
    account: Account
    rwx_class: str
    folder: Path

    def __post_init__(self) -> None:
        self.forward = PortForward(self.namespace, f"svc/{RELEASE}-frontend", 22)

    def install(self) -> None:
        """Install the chart for one user, a claim and a pod as a notebook server would be."""
        user = {self.account.name: self.account.values}
        workers = {"replicas": 2, "cpus": 1, "cpuRequest": "50m", "memory": "1Gi", "memoryRequest": "128Mi", "affinity": APART}  # fmt: skip
        home = {"storageClass": self.rwx_class, "size": "1Gi"}
        values = {"users": user, "home": home, "workerDefaults": workers}
        together = {"controller": {"affinity": TOGETHER}, "frontend": {"affinity": TOGETHER}}
        self.namespace.install(RELEASE, "charts/slurm", values={**values, **together})
        self.namespace.apply(self._claim(), self._notebook())
        self.namespace.wait_ready(f"pod/{NOTEBOOK_POD}")

    def connect(self) -> None:
        """Forward a port to the frontend and learn its host key from the cluster itself."""
        scan = ["ssh-keyscan", "-T", "60", "-t", "ed25519", "-p"]

        def scanned() -> str:
            return run([*scan, str(self.forward.port()), "127.0.0.1"]).out

        self.known_hosts.write_text(self.namespace.wait_for("the frontend shows its key", scanned))

    def close(self) -> None:
        """End the forwarding."""
        self.forward.close()

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def ssh_options(self) -> dict[str, Any]:
        """Options of the executor `slurm` with the transport ssh."""
        host = f"{self.account.name}@127.0.0.1:{self.forward.port()}"
        return {"host": host, "key": str(self.account.private_key), "known_hosts": str(self.known_hosts)}

    @property
    def kubernetes_options(self) -> dict[str, Any]:
        """Options of the executor `kubernetes`."""
        reached = (
            {"kubeconfig": str(KUBECONFIG)}
            if is_local()
            else {"context": context_arguments()[0].split("=")[1]}
        )
        return {"image": image("compute"), "claim": "sweeps", "namespace": self.namespace.name, "user": "20001:20001", "cpu_request": "100m", "memory": "512M", **reached}  # fmt: skip

    def on_frontend(self, command: str, text: str = "") -> str:
        """Run a command as the user at the frontend's prompt."""
        connection = Connection(**self.ssh_options)
        try:
            code, out, err = connection.run(["bash", "-lc", command], text)
        finally:
            connection.close()
        assert code == 0, f"{command}: {out}{err}"
        return out

    def in_notebook(self, command: str, *, token: str = "") -> str:
        """Run a command in a pod that has the user's home and no command of Slurm."""
        exports = f"export SLURM_JWT={shlex.quote(token)} HOME=/home/{self.account.name}; cd; "
        return self.namespace.exec(NOTEBOOK_POD, "bash", "-c", exports + command, timeout=600).out

    def token(self, seconds: int = 1800) -> str:
        """A token of the user, made at the frontend."""
        return self.on_frontend(f"scontrol token lifespan={seconds}").strip().removeprefix("SLURM_JWT=")

    def _claim(self) -> dict[str, Any]:
        spec = {"accessModes": ["ReadWriteMany"], "storageClassName": self.rwx_class, "resources": {"requests": {"storage": "1Gi"}}}  # fmt: skip
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "sweeps"},
            "spec": spec,
        }

    def _notebook(self) -> dict[str, Any]:
        container = {
            "name": "notebook", "image": image("compute"), "command": ["sleep", "infinity"],
            "volumeMounts": [{"name": "home", "mountPath": "/home"}, {"name": "tmp", "mountPath": "/tmp"}],
        }  # fmt: skip
        spec = {
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": self.account.uid, "runAsGroup": self.account.uid},
            "containers": [container],
            "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": f"{RELEASE}-home"}}, {"name": "tmp", "emptyDir": {}}],
        }  # fmt: skip
        metadata = {"name": NOTEBOOK_POD, "labels": {"access-restapi": "true"}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
