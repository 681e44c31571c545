"""What is installed into a fresh cluster: pod network, storage classes, Ingress controller, and the wait for them."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from images import debian
from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.node_image import addon_images
from tests.cluster.paths import HERE, KUBECONFIG
from tests.cluster.steps import run, step, succeeds
from tests.cluster.tools import BIN

READY_SECONDS = 600
WORKLOADS = [
    ("kube-system", "daemonset/kube-router"),
    ("kube-system", "daemonset/kube-proxy"),
    ("kube-system", "deployment/coredns"),
    ("storage", "deployment/local-path-provisioner"),
    ("ingress", "deployment/traefik"),
]
# `kubernetes.default.svc.cluster.local A?` as a DNS message over TCP (RFC 1035 section 4.2.2: two bytes of length first).
DNS_QUESTION = r"\x00\x36\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"


def kubectl(*words: str, stdin: str | None = None) -> str:
    """Run kubectl against the local cluster and return what it prints."""
    return run([BIN / "kubectl", "--kubeconfig", KUBECONFIG, *words], stdin=stdin)


def wait_for_api() -> None:
    """Wait until the API server is ready: after the engine's restart it takes a while.

    Raises:
        ClusterError: it is not ready in time.
    """
    ready: list[str | Path] = [BIN / "kubectl", "--kubeconfig", KUBECONFIG, "get", "--raw=/readyz"]
    _until(lambda: succeeds([*ready, "--request-timeout=20s"]), "the API server does not answer")


def install(registry_port: int) -> None:
    """Apply the manifests of manifests/ and say where the registry is, as KEP-1755 asks."""
    for name in ("network", "storage", "ingress"):
        kubectl("apply", "--filename=-", stdin=_manifest(name))
    # Of kind's published node image; `local` takes its place.
    kubectl("delete", "storageclass", "standard", "--ignore-not-found")
    hosting = json.dumps({"host": f"localhost:{registry_port}"})
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"localRegistryHosting.v1": hosting}}
    metadata = {"metadata": {"name": "local-registry-hosting", "namespace": "kube-public"}}
    kubectl("apply", "--filename=-", stdin=json.dumps({**config, **metadata}))


def wait(nodes: list[str]) -> None:
    """Wait until all nodes are Ready, the add-ons run, and DNS answers on every node.

    Raises:
        ClusterError: something is not ready in time; the message holds what the cluster says about it.
    """
    with step("wait for nodes, network, storage, Ingress and DNS"):
        try:
            kubectl("wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={READY_SECONDS}s")
            for namespace, workload in WORKLOADS:
                kubectl(
                    "--namespace", namespace, "rollout", "status", workload, f"--timeout={READY_SECONDS}s"
                )
        except ClusterError as error:
            pods = kubectl("get", "pods,events", "--all-namespaces", "--output=wide")
            raise ClusterError(f"{error}\n{pods[-4000:]}", "make cluster-down cluster") from error
        for node in nodes:
            _until(partial(dns_answers, node), f"DNS does not answer on {node}")


def dns_answers(node: str) -> bool:
    """Whether the cluster's DNS service answers a question asked on this node."""
    service = kubectl(
        "--namespace=kube-system", "get", "service", "kube-dns", "--output=jsonpath={.spec.clusterIP}"
    )
    ask = (
        f"exec 3<>/dev/tcp/{service}/53 && printf '{DNS_QUESTION}' >&3 && timeout 2 head -c 2 <&3 | grep -q ."
    )
    return succeeds([engine.docker(), "exec", node, "timeout", "3", "bash", "-c", ask])


def _until(condition: Callable[[], bool], failure: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(failure, "make cluster-down cluster")
        time.sleep(0.5)


def _manifest(name: str) -> str:
    text = (HERE / "manifests" / f"{name}.yaml").read_text()
    for program, image in addon_images().items():
        text = text.replace(f"{program.upper().replace('-', '_')}_IMAGE", image)
    return text.replace("DEBIAN_IMAGE", debian.image())
