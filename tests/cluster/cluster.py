"""Make, show and remove the local cluster: three kind nodes, a registry beside them, a kubeconfig of its own."""

import json
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster import addons, engine, kind_config, nfs_node, node_image, nodes, registry, tools
from tests.cluster.errors import ClusterError
from tests.cluster.paths import KUBECONFIG, TOOLS, cache
from tests.cluster.programs import drop_build_caches
from tests.cluster.steps import run, step, succeeds

NAME = "hpc"
MARKER = TOOLS / "cluster.json"
SHARED = TOOLS / "shared"
COLD_GIGABYTES = 30
WARM_GIGABYTES = 6


@dataclass(frozen=True)
class Options:
    """What a cluster is made with; a running cluster is kept only if it was made with the same."""

    workers: int = 2
    registry_port: int = 5001
    ingress_port: int = 8080


def up(options: Options) -> None:
    """Have the cluster running and all of it ready; a second call changes nothing.

    Raises:
        ClusterError: what is missing or in the way, and the next step.
    """
    engine.ensure()
    require_disk(_engine_folder(), WARM_GIGABYTES)
    require_same(options)
    if is_running(options):
        print(f"cluster `{NAME}` is running: {', '.join(nodes.names())}")
    else:
        _create(options)
    registry.ensure(options.registry_port)
    registry.join(nodes.names(), options.registry_port)
    addons.wait_for_api()
    if not nfs_node.running():
        nfs_node.down()
    addons.install(options.registry_port)
    addons.wait(nodes.names())
    MARKER.write_text(json.dumps({"options": asdict(options), "nodes": nodes.ids()}))
    print(f"ready: kubectl --kubeconfig {KUBECONFIG.relative_to(TOOLS.parent)} get nodes")


def down() -> None:
    """Remove nodes, network, registry, volumes, the shared folder, and the engine if `up` had started it."""
    if engine.answers():
        with step("remove the cluster"):
            remove_nodes()
            registry.remove()
            if run([engine.docker(), "network", "ls", "--quiet", "--filter", "name=^kind$"]).strip():
                run([engine.docker(), "network", "rm", "kind"])
    shutil.rmtree(SHARED, ignore_errors=True)
    engine.stop()


def remove_nodes() -> None:
    """Remove the nodes alone; engine, registry and images stay."""
    tools.ensure(["kind"])
    nfs_node.down()
    delete = [f"{tools.BIN}/kind", "delete", "cluster", "--name", NAME, "--kubeconfig", f"{KUBECONFIG}"]
    if not succeeds(delete):
        # Nodes that the engine has just started again are full of containers that start, some of them frozen.
        nodes.thaw()
        run(delete)
    MARKER.unlink(missing_ok=True)


def status() -> str:
    """A few lines on engine, nodes, registry and pods that are not well.

    Raises:
        ClusterError: there is no running cluster.
    """
    if not engine.answers() or not nodes.names():
        raise ClusterError("there is no local cluster", "make cluster")
    lines = [f"{name}: {state}" for name, state in nodes.states().items()]
    if set(nodes.states().values()) != {"running"}:
        raise ClusterError("the cluster is only half up\n  " + "\n  ".join(lines), "make cluster")
    lines.append(
        f"registry on localhost:{current_options().registry_port}: {registry.answers(current_options().registry_port)}"
    )
    lines.append(addons.kubectl("get", "nodes", "--output=wide"))
    unwell = addons.kubectl(
        "get", "pods", "-A", "--field-selector=status.phase!=Running,status.phase!=Succeeded"
    )
    return "\n".join([*lines, unwell])


def current_options() -> Options:
    """What the cluster that is there was made with."""
    return Options(**json.loads(MARKER.read_text())["options"]) if MARKER.exists() else Options()


def is_running(options: Options) -> bool:
    """Whether the cluster that this checkout made, with these options, runs."""
    states = nodes.states()
    if not MARKER.exists() or len(states) != options.workers + 1 or set(states.values()) != {"running"}:
        return False
    # Another checkout makes its cluster under the same name; our kubeconfig and folder do not belong to that one.
    return bool(json.loads(MARKER.read_text()).get("nodes") == nodes.ids())


def require_same(options: Options) -> None:
    """Refuse to turn a running cluster into another one."""
    if MARKER.exists() and current_options() != options and nodes.names():
        raise ClusterError(
            f"a cluster with {current_options()} is there, not with {options}",
            "make cluster-down, then again",
        )


def require_ports(options: Options) -> None:
    """Refuse ports that something else listens on; the registry of ours may go on."""
    for port, variable in ((options.ingress_port, "INGRESS_PORT"), (options.registry_port, "REGISTRY_PORT")):
        ours = variable == "REGISTRY_PORT" and registry.answers(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not ours and probe.connect_ex(("127.0.0.1", port)) == 0:
                raise ClusterError(
                    f"port {port} on 127.0.0.1 is taken", f"make cluster {variable}={port + 10}"
                )


def require_disk(folder: Path, gigabytes: int) -> None:
    """Refuse to start what would fill the disk of `folder`; sizes in GB (10^9 bytes)."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        message = f"the disk of {folder} is nearly full: {free:.1f} GB free, {gigabytes} GB needed"
        raise ClusterError(message, "free some space (docker system prune), or make clean")


def _create(options: Options) -> None:
    if nodes.names():
        states = ", ".join(f"{name} {state}" for name, state in nodes.states().items())
        print(f"a cluster that is half-started or of another checkout ({states}) is removed and made anew")
        remove_nodes()
    require_ports(options)
    if not _built():
        require_disk(cache(), COLD_GIGABYTES)
    tools.ensure(["kind", "kubectl", "helm"])
    image = node_image.ensure()
    registry.ensure(options.registry_port)
    drop_build_caches()
    _fresh_shared_folder()
    config = kind_config.render(workers=options.workers, shared=SHARED, ingress_port=options.ingress_port)
    with step(f"create {options.workers + 1} nodes"):
        given = ["--name", NAME, "--image", image, "--config", "-", "--kubeconfig", str(KUBECONFIG)]
        create = [str(tools.BIN / "kind"), "create", "cluster", *given]
        run(create, stdin=config, next_step="make cluster-down cluster")


def _engine_folder() -> Path:
    return Path(run([engine.docker(), "info", "--format", "{{.DockerRootDir}}"]).strip())


def _built() -> bool:
    return (cache() / "bin").is_dir()


def _fresh_shared_folder() -> None:
    shutil.rmtree(SHARED, ignore_errors=True)
    SHARED.mkdir(parents=True)
    # Pods of any uid make their volumes here, as on a server that exports with no squashing.
    SHARED.chmod(0o777)
