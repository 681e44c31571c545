"""`ipyparallel.Cluster(engines="slurm")` in a user's server: the controller beside the notebook, engines as the user's own jobs."""

import socket

from traitlets.config import Config

# What policies let engines reach; a controller takes one block.
PORTS = range(10400, 10490)
# registration, control, mux, task, iopub, two of heartbeats, two leaves of the broadcast scheduler
PORTS_OF_ONE = 9


class NoPorts(Exception):
    """Too many controllers run in this server."""


def cluster(c: Config) -> None:
    """Fill the configuration of clusters that are started in a server."""
    # Workers do not know a server's name.
    c.Cluster.controller_location = socket.gethostbyname(socket.gethostname())
    c.Cluster.controller_ip = "0.0.0.0"  # noqa: S104
    # Else the job's environment, which Slurm keeps, would hold the keys; engines read them from the home.
    c.Cluster.send_engines_connection_env = False
    ports = ",".join(str(port) for port in free_block())
    c.Cluster.controller_args = ["--IPController.enable_curve=True", f"--IPController.engine_ports={ports}"]


def free_block() -> list[int]:
    """Give the first block of ports that nothing listens on.

    Raises:
        NoPorts: there is none.
    """
    for first in PORTS[::PORTS_OF_ONE]:
        block = range(first, first + PORTS_OF_ONE)
        if all(_is_free(port) for port in block):
            return list(block)
    raise NoPorts(
        f"{len(PORTS) // PORTS_OF_ONE} clusters run in this server: stop one with its stop_cluster_sync()"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
