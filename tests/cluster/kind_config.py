"""The kind configuration of one cluster: kind.yaml with the asked number of workers, the shared folder and ports."""

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.paths import HERE

INGRESS_PORT_IN_NODE = 30080
SHARED_IN_NODE = "/var/shared"
# Only version 2 has it.
CGROUP_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
# With systemd's groups of version 1, runc freezes each container that it makes; on a full machine it gives up ("unable to
# freeze"), and a pod that is started once, as `helm test` has them, has failed.
CGROUPFS = {
    "kubeadmConfigPatches": "kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n",
    "containerdConfigPatches": """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
""",
}


def render(*, workers: int, shared: Path, ingress_port: int) -> str:
    """Return the YAML for `kind create cluster`.

    Args:
        workers: number of worker nodes beside the one control plane.
        shared: host folder mounted into every node for the RWX StorageClass.
        ingress_port: port on the host's loopback that reaches the Ingress controller.
    """
    config: dict[str, Any] = yaml.safe_load((HERE / "kind.yaml").read_text())
    if not CGROUP_V2.exists():
        for key, patch in CGROUPFS.items():
            config[key].append(patch)
    ports = [{"containerPort": INGRESS_PORT_IN_NODE, "hostPort": ingress_port, "listenAddress": "127.0.0.1"}]
    control_plane = {"role": "control-plane", "extraPortMappings": ports}
    config["nodes"] = [control_plane, *({"role": "worker"} for _ in range(workers))]
    for node in config["nodes"]:
        node["extraMounts"] = [{"hostPath": str(shared), "containerPath": SHARED_IN_NODE}]
    return str(yaml.safe_dump(config, sort_keys=False))
