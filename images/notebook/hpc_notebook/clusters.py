"""Clusters in a user's server: the controller beside the notebook, engines as the user's own jobs; and pools, which are only listed.

JupyterLab's tab of clusters lists profiles: `slurm`, which is made here, and those of pools.
"""

import socket
from pathlib import Path
from typing import Any

from ipyparallel.cluster.launcher import ControllerLauncher, LocalControllerLauncher
from tornado.web import HTTPError
from traitlets.config import Config

# What policies let engines reach; a controller takes one block.
PORTS = range(10400, 10490)
# registration, control, mux, task, iopub, two of heartbeats, two leaves of the broadcast scheduler
PORTS_OF_ONE = 9


# What the profile says that the tab starts; the user's to change.
SLURM_PROFILE = """c = get_config()
c.Cluster.engine_launcher_class = "slurm"
c.Cluster.n = 2
"""


class NoPorts(Exception):
    """Too many controllers run in this server."""


class ServerController(LocalControllerLauncher):
    """A controller beside the notebook, on ports that are free when it starts: the tab configures clusters long before."""

    # By what a cluster's file is read again.
    entrypoint_name = f"{__name__}.ServerController"

    def start(self) -> Any:
        """Start it.

        Raises:
            NoPorts: there are none.
        """
        ports = ",".join(str(port) for port in free_block())
        self.controller_args = [*self.controller_args, f"--IPController.engine_ports={ports}"]  # type: ignore[has-type]
        return super().start()


class PoolController(ControllerLauncher):
    """A pool's controller as the tab has it: always there, and nothing that a server stops."""

    entrypoint_name = f"{__name__}.PoolController"

    async def stop(self) -> None:
        """Say who stops it.

        Raises:
            HTTPError: always.
        """
        name = Path(self.profile_dir).name.removeprefix("profile_")
        raise HTTPError(409, f"{name} is a pool: the admin scales it (engines.pools.{name}.replicas)")


def cluster(c: Config) -> None:
    """Fill the configuration of clusters that are started in a server."""
    # Workers do not know a server's name.
    c.Cluster.controller_location = socket.gethostbyname(socket.gethostname())
    c.Cluster.controller_ip = "0.0.0.0"  # noqa: S104
    c.Cluster.controller_launcher_class = f"{__name__}.ServerController"
    # Else the job's environment, which Slurm keeps, would hold the keys; engines read them from the home.
    c.Cluster.send_engines_connection_env = False
    c.Cluster.controller_args = ["--IPController.enable_curve=True"]


def make_profile(ipython: Path) -> None:
    """Have the profile `slurm`, which the tab starts; one that is there is the user's."""
    path = ipython / "profile_slurm" / "ipcluster_config.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SLURM_PROFILE)


def pool(profile: Path) -> dict[str, Any]:
    """What a pool's profile says for the tab to list it, as ipyparallel's `Cluster.to_dict`."""
    state = {"state": "running", "profile_dir": str(profile), "cluster_id": ""}
    return {
        "cluster": {"profile_dir": str(profile), "cluster_id": ""},
        "controller": {"class": f"{__name__}.PoolController", "state": state},
    }


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
