"""A local OCI registry beside the cluster, as kind documents it: localhost:<port> means the same on host and nodes."""

import json
import time
import urllib.error
import urllib.request

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.node_image import addon_images, ensure_registry_image
from tests.cluster.paths import HERE
from tests.cluster.steps import run, succeeds

NAME = "hpc-registry"
VOLUME = "hpc-registry"
PORT_INSIDE = 5000
START_SECONDS = 120
# One that is only slow must not be taken for none: that one is removed.
ANSWER_SECONDS = 20


def ensure(port: int) -> None:
    """Have the registry container answer on 127.0.0.1:`port`; one that does not is made anew over the same volume."""
    if answers(port):
        return
    client = engine.docker()
    if succeeds([client, "container", "inspect", NAME]):
        # It may be of a checkout that is gone, and its configuration with it.
        run([client, "rm", "--force", NAME])
    ensure_registry_image()
    config = f"{HERE / 'registry.yaml'}:/etc/distribution/config.yml:ro"
    options = ["--detach", "--name", NAME, "--restart=always", f"--publish=127.0.0.1:{port}:{PORT_INSIDE}"]
    volumes = ["--volume", config, "--volume", f"{VOLUME}:/var/lib/registry", "--entrypoint=registry"]
    run(
        [
            client,
            "run",
            *options,
            *volumes,
            addon_images()["registry"],
            "serve",
            "/etc/distribution/config.yml",
        ]
    )
    end = time.monotonic() + START_SECONDS
    while not answers(port):
        if time.monotonic() > end:
            raise ClusterError(f"the registry does not answer on port {port}", f"docker logs {NAME}")
        time.sleep(0.2)


def join(nodes: list[str], port: int) -> None:
    """Let the nodes reach the registry under the name that the host uses."""
    client = engine.docker()
    networks = json.loads(run([client, "inspect", "-f", "{{json .NetworkSettings.Networks}}", NAME]))
    if "kind" not in networks:
        run([client, "network", "connect", "kind", NAME])
    folder = f"/etc/containerd/certs.d/localhost:{port}"
    for node in nodes:
        run(
            [client, "exec", "-i", node, "sh", "-c", f"mkdir -p {folder} && cat > {folder}/hosts.toml"],
            stdin=f'[host."http://{NAME}:{PORT_INSIDE}"]\n',
        )


def hosts() -> str:
    """What containerd is told of it, for a node that knows no names of the container network."""
    networks = run([engine.docker(), "inspect", "-f", "{{json .NetworkSettings.Networks}}", NAME])
    return f'[host."http://{json.loads(networks)["kind"]["IPAddress"]}:{PORT_INSIDE}"]\n'


def answers(port: int) -> bool:
    """Whether a registry answers on loopback."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=ANSWER_SECONDS) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def remove() -> None:
    """Remove container and volume."""
    client = engine.docker()
    if succeeds([client, "container", "inspect", NAME]):
        run([client, "rm", "--force", "--volumes", NAME])
    if succeeds([client, "volume", "inspect", VOLUME]):
        run([client, "volume", "rm", VOLUME])
