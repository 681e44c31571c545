"""The cluster is a real one: nodes, network, policies, storage, Ingress, registry, and nodes that fail and come back."""

import subprocess

import httpx
import pytest

from images import debian
from tests.cluster import cluster, engine, nodes
from tests.conftest import MakeNamespace
from tests.kube import Namespace, run

pytestmark = pytest.mark.e2e

SHARED_CLASS = "shared"
DEFAULT_DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "only-labelled"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "server"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"access-server": "true"}}}]}],
    },
}
# A web server in bash alone: the Debian image has neither Python nor netcat.
SERVE = "perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(Listen=>9,LocalPort=>8000,ReuseAddr=>1);while($c=$s->accept){<$c>;print $c \"HTTP/1.0 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n\";close $c}'"
FETCH = "exec 3<>/dev/tcp/{host}/{port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 3 cat <&3"


def pod(name: str, command: str, **extra: object) -> dict[str, object]:
    """A pod of the Debian image that runs a shell command; `extra` goes into its spec or, for labels, its metadata."""
    labels = extra.pop("labels", {})
    mounts = extra.pop("mounts", [])
    container = {
        "name": "main",
        "image": debian.image(),
        "command": ["bash", "-c", command],
        "volumeMounts": mounts,
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container], **extra}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def on_node(node: str) -> dict[str, str]:
    return {"nodeName": node}


def workers(namespace: Namespace) -> list[str]:
    found = namespace.get("nodes", "--selector=!node-role.kubernetes.io/control-plane")
    return sorted(item["metadata"]["name"] for item in found["items"])


def service(name: str) -> dict[str, object]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8000}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def fetch(namespace: Namespace, client: str, host: str, port: int = 80) -> str:
    return namespace.exec(
        client, "timeout", "4", "bash", "-c", FETCH.format(host=host, port=port), check=False
    ).text


def test_all_nodes_are_ready(namespace: Namespace) -> None:
    def ready() -> list[bool]:
        items = namespace.get("nodes")["items"]
        conditions = [condition for item in items for condition in item["status"]["conditions"]]
        return [entry["status"] == "True" for entry in conditions if entry["type"] == "Ready"]

    assert len(ready()) >= 3
    namespace.wait_for("all nodes are Ready", lambda: all(ready()))


def test_a_service_answers_by_name_from_another_node_and_refuses_without_endpoints(
    namespace: Namespace,
) -> None:
    first, second = workers(namespace)[:2]
    server = pod("server", SERVE, labels={"app": "server"}, nodeName=first)
    client = pod("client", "sleep infinity", nodeName=second)
    namespace.apply(server, client, service("server"), service("nobody"))
    for name in ("server", "client"):
        namespace.wait_ready(f"pod/{name}")
    namespace.wait_for(
        "the Service answers", lambda: "hello" in fetch(namespace, "client", f"server.{namespace.name}.svc")
    )
    # Within the few seconds of `fetch`, or it would have ended without a word.
    namespace.wait_for(
        "the other refuses", lambda: "Connection refused" in fetch(namespace, "client", "nobody")
    )


def test_a_policy_lets_the_labelled_pod_in_and_keeps_the_other_out(namespace: Namespace) -> None:
    namespace.apply(
        DEFAULT_DENY,
        service("server"),
        pod("server", SERVE, labels={"app": "server"}),
        pod("friend", "sleep infinity", labels={"access-server": "true"}),
        pod("stranger", "sleep infinity"),
    )
    for name in ("server", "friend", "stranger"):
        namespace.wait_ready(f"pod/{name}")
    namespace.wait_for("the friend gets in", lambda: "hello" in fetch(namespace, "friend", "server"))
    namespace.wait_for(
        "the stranger is kept out", lambda: "hello" not in fetch(namespace, "stranger", "server")
    )
    namespace.wait_for("the friend still gets in", lambda: "hello" in fetch(namespace, "friend", "server"))


def test_a_shared_volume_written_on_one_node_is_read_on_another(namespace: Namespace) -> None:
    first, second = workers(namespace)[:2]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "home"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": SHARED_CLASS,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]
    mounts = [{"name": "home", "mountPath": "/home"}]
    namespace.apply(
        claim,
        pod(
            "writer",
            "echo from-one-node > /home/file; sleep infinity",
            nodeName=first,
            volumes=volumes,
            mounts=mounts,
        ),
        pod("reader", "sleep infinity", nodeName=second, volumes=volumes, mounts=mounts),
    )
    for name in ("writer", "reader"):
        namespace.wait_ready(f"pod/{name}")
    namespace.wait_for(
        "the file is there",
        lambda: "from-one-node" in namespace.exec("reader", "cat", "/home/file", check=False).out,
    )


def test_the_default_storage_class_gives_a_volume(namespace: Namespace) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "state"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volumes = [{"name": "state", "persistentVolumeClaim": {"claimName": "state"}}]
    mounts = [{"name": "state", "mountPath": "/state"}]
    namespace.apply(claim, pod("user", "touch /state/file && sleep infinity", volumes=volumes, mounts=mounts))
    namespace.wait_ready("pod/user")
    # A pod is ready before its command has done anything.
    namespace.wait_for("the file is there", lambda: "file" in namespace.exec("user", "ls", "/state").out)


def test_a_privileged_pod_is_refused_in_a_restricted_namespace(make_namespace: MakeNamespace) -> None:
    namespace = make_namespace("restricted", pod_security="restricted")
    privileged = pod("privileged", "sleep infinity")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}  # type: ignore[index]
    with pytest.raises(AssertionError, match=r"violates PodSecurity \"restricted"):
        namespace.apply(privileged)


@pytest.mark.kills_nodes
def test_an_ingress_request_from_the_host_reaches_a_pod(namespace: Namespace) -> None:
    backend = {"service": {"name": "server", "port": {"number": 80}}}
    rule = {
        "host": "hello.example",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "hello"},
        "spec": {"rules": [rule]},
    }
    namespace.apply(pod("server", SERVE, labels={"app": "server"}), service("server"), ingress)
    namespace.wait_ready("pod/server")
    port = cluster.current_options().ingress_port

    def answer() -> bool:
        try:
            reply = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": "hello.example"}, timeout=30)
        except httpx.HTTPError:
            return False
        return reply.text == "hello\n"

    namespace.wait_for("the Ingress answers", answer)


@pytest.mark.kills_nodes
def test_an_image_pushed_to_the_local_registry_runs(namespace: Namespace) -> None:
    reference = f"localhost:{cluster.current_options().registry_port}/test/debian:pushed"
    for command in (["tag", debian.image(), reference], ["push", "--quiet", reference]):
        pushed = run([engine.docker(), *command])
        assert pushed.code == 0, pushed.text
    pushed_pod = pod("pushed", "sleep infinity")
    pushed_pod["spec"]["containers"][0]["image"] = reference  # type: ignore[index]
    namespace.apply(pushed_pod)
    namespace.wait_ready("pod/pushed")


@pytest.mark.kills_nodes
def test_a_killed_node_is_noticed_and_comes_back(namespace: Namespace) -> None:
    node = workers(namespace)[-1]

    def ready() -> str:
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        return namespace.kubectl("get", "node", node, f"--output=jsonpath={path}").out

    nodes.kill(node)
    try:
        namespace.wait_for(f"{node} is not Ready", lambda: ready() != "True", timeout=300)
    finally:
        nodes.start(node)
    namespace.wait_for(f"{node} is Ready again", lambda: ready() == "True", timeout=300)
    namespace.apply(pod("after", "sleep infinity", nodeName=node))
    namespace.wait_ready("pod/after")


@pytest.mark.kills_nodes
def test_a_node_cut_off_keeps_its_pods_and_is_reached_again(namespace: Namespace) -> None:
    node = workers(namespace)[-1]
    namespace.apply(pod("resident", "sleep infinity", nodeName=node))
    namespace.wait_ready("pod/resident")
    before = namespace.get("pod", "resident")["metadata"]["uid"]
    with nodes.cut_off(node):
        assert not reachable(namespace, "resident")
    namespace.wait_for("the pod answers", lambda: reachable(namespace, "resident"), timeout=300)
    assert namespace.get("pod", "resident")["metadata"]["uid"] == before


def reachable(namespace: Namespace, name: str) -> bool:
    """Whether a command can be run in a pod; kubectl itself waits for ever for a node that does not answer."""
    try:
        return namespace.exec(name, "true", check=False, timeout=10).code == 0
    except subprocess.TimeoutExpired:
        return False
