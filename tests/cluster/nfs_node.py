"""A node of the local cluster with a kernel of its own, which has an NFS client and cgroup v2: `make cluster NFS_NODE=1`.

It is a user-mode Linux guest with the node image's kubelet and containerd. Pods get there by the label `hpc/nfs-node: "true"` and a
toleration of the taint of that name. It has one slow CPU, and no NetworkPolicy holds for its pods: kube-router and kube-proxy
need netfilter tables that this kernel lacks. Its packets go through the control plane, whose kube-proxy and policies see them.
"""

import base64
import json
import time
from dataclasses import asdict

from tests.cluster import addons, child_image, engine, node_image, nodes, uml
from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE, KUBECONFIG, TOOLS
from tests.cluster.registry import hosts
from tests.cluster.steps import run, step, succeeds
from tests.cluster.tools import BIN

NAME = "hpc-nfs-node"
LABEL = "hpc/nfs-node"
ADDRESS_NUMBER = 5
MEMORY = "2560M"
MEGABYTES = 6144
READY_SECONDS = 300
FILES = HERE / "nfs-node"
MARKER = TOOLS / "nfs-node.json"
# As kind gives them.
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"


def up(registry_port: int) -> None:
    """Have the node Ready; a second call changes nothing.

    Raises:
        ClusterError: the guest did not boot, or its kubelet did not register.
    """
    if running():
        return
    down()
    uml.ensure()
    image = child_image.build("nfs-node", node_image.ensure(), FILES, uml.GUEST)
    filesystem = uml.disk(image, megabytes=MEGABYTES)
    with step(f"start node {NAME}, with a kernel of its own"):
        _keep_kube_proxy_away()
        via = nodes.address(nodes.names()[0])
        routes = [(PODS, via), (SERVICES, via)]
        guest = uml.boot(NAME, filesystem, uml.free_address(ADDRESS_NUMBER), routes, memory=MEMORY)
        try:
            _configure(guest, registry_port)
            guest.run("bash", "/opt/start.sh", NAME, guest.address)
            _join_pod_network(guest)
            addons.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", f"--timeout={READY_SECONDS}s")
        except BaseException:
            guest.stop()
            raise
        MARKER.write_text(json.dumps(asdict(guest)))


def running() -> bool:
    """Whether the guest answers."""
    # One that is only slow must not be taken for none: that one is removed.
    return MARKER.exists() and guest().answers(within=uml.CONNECT_SECONDS)


def guest() -> uml.Guest:
    """The guest that `up` booted, also in another process.

    Raises:
        FileNotFoundError: there is none.
    """
    return uml.Guest(**json.loads(MARKER.read_text()))


def down() -> None:
    """Remove the node, if there is one, from this machine and from the cluster."""
    if not MARKER.exists():
        return
    guest().stop()
    MARKER.unlink()
    delete = ["delete", "node", NAME, "--ignore-not-found", "--wait=false"]
    succeeds([BIN / "kubectl", "--kubeconfig", KUBECONFIG, *delete])


def _keep_kube_proxy_away() -> None:
    """kube-proxy tolerates every taint; kube-router's manifest is ours and says the same."""
    terms = [{"matchExpressions": [{"key": LABEL, "operator": "DoesNotExist"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    patch = {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": required}}}}}
    given = ["--namespace=kube-system", "daemonset/kube-proxy"]
    addons.kubectl("patch", *given, f"--patch={json.dumps(patch)}")
    addons.kubectl("rollout", "status", *given, f"--timeout={READY_SECONDS}s")


def _configure(guest: uml.Guest, registry_port: int) -> None:
    """Write what the guest's kubelet and containerd read."""
    control_plane = nodes.names()[0]
    authority = _on(control_plane, "cat /etc/kubernetes/pki/ca.crt")
    pause = _on(control_plane, "ctr -n k8s.io images ls -q | grep /pause:").strip()
    export = _on(control_plane, f"ctr -n k8s.io images export --platform linux/amd64 - {pause} | base64 -w0")
    kube_dns = ["--namespace=kube-system", "get", "service", "kube-dns"]
    dns = addons.kubectl(*kube_dns, "--output=jsonpath={.spec.clusterIP}")
    files = {
        "/etc/hosts": f"127.0.0.1 localhost\n{guest.address} {NAME}\n",
        "/etc/kubernetes/ca.crt": authority,
        "/etc/kubernetes/bootstrap.conf": _bootstrap(control_plane, authority),
        "/opt/start.sh": (FILES / "start.sh").read_text(),
        "/opt/kubelet.yaml": (FILES / "kubelet.yaml").read_text().replace("CLUSTER_DNS", dns),
        "/opt/containerd.toml": (FILES / "containerd.toml").read_text().replace("PAUSE_IMAGE", pause),
        "/opt/pause.tar.base64": export,
        f"/etc/containerd/certs.d/localhost:{registry_port}/hosts.toml": hosts(),
    }
    for path, text in files.items():
        guest.write(path, text)


def _bootstrap(control_plane: str, authority: str) -> str:
    """A kubeconfig with which a kubelet may ask for its certificate."""
    token = _on(control_plane, "kubeadm token create --ttl=1h").strip()
    server = f"https://{nodes.address(control_plane)}:6443"
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority.encode()).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bootstrap",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "bootstrap", "user": {"token": token}}],
        "contexts": [{"name": "bootstrap", "context": {"cluster": "cluster", "user": "bootstrap"}}],
    }
    return json.dumps(config)


def _join_pod_network(guest: uml.Guest) -> None:
    """Give its pods their addresses, and let all nodes reach those through the control plane, as its packets come."""
    end = time.monotonic() + READY_SECONDS
    while not (cidr := _pod_cidr()):
        if time.monotonic() > end:
            log = guest.run("tail", "-n", "20", "/var/log/kubelet.log", check=False).out
            raise ClusterError(f"node {NAME} did not register:\n{log}", "read the log above")
        time.sleep(0.5)
    network = (FILES / "pods.conflist").read_text().replace("POD_CIDR", cidr)
    guest.write("/etc/cni/net.d/10-pods.conflist", network)
    control_plane, *others = nodes.names()
    _on(control_plane, f"ip route replace {cidr} via {guest.address}")
    for node in others:
        _on(node, f"ip route replace {cidr} via {nodes.address(control_plane)}")


def _pod_cidr() -> str:
    get = ["get", "nodes", f"--selector={LABEL}", "--output=jsonpath={.items[*].spec.podCIDR}"]
    return addons.kubectl(*get).strip()


def _on(node: str, command: str) -> str:
    return run([engine.docker(), "exec", node, "bash", "-o", "pipefail", "-c", command])
