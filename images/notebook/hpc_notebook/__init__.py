"""Jupyter server extension: what still computes counts as activity, so that the hub's culling spares it; and a proof for the hub.

Jupyter itself counts messages only: a cell that prints nothing, a sweep or engines without a browser would be idle.
"""

import hmac
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.ioloop import PeriodicCallback
from tornado.web import RequestHandler

SECONDS = 30
# Programs whose presence means that somebody waits for a result.
WORKING = (b"ipcontroller", b"ipyparallel.controller", b"sweep_client", b"/bin/sweep")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hpc_notebook"}]


def _load_jupyter_server_extension(app: Any) -> None:
    def look() -> None:
        if has_busy_kernel(app.kernel_manager) or has_working_process():
            app.web_app.settings["last_activity_times"]["hpc_notebook"] = datetime.now(UTC)

    # No less often than the server tells the hub.
    seconds = min(SECONDS, float(os.environ.get("JUPYTERHUB_ACTIVITY_INTERVAL", SECONDS)))
    PeriodicCallback(look, seconds * 1000).start()
    if os.environ.get("SLURM_TOKENS_URL"):
        # Not above: every Slurm command imports this package.
        from .clusters import make_profile

        make_profile(Path.home() / ".ipython")
    # Out of the environment: kernels and what users submit must not have it.
    key = os.environ.pop("HPC_PROOF_KEY", "")
    if key:
        app.web_app.add_handlers(".*$", [(f"{app.base_url}hpc/proof", Proof, {"key": key})])


class Proof(RequestHandler):
    """Tell the hub that this is the server which it started: on a node of Slurm its port could be another's."""

    def initialize(self, key: str) -> None:
        """Take the key that only the hub and this server know."""
        self._key = key.encode()

    def get(self) -> None:
        """Answer with what only the key's owner can make of the nonce."""
        self.finish(hmac.digest(self._key, self.get_argument("nonce").encode(), "sha256").hex())


def has_busy_kernel(manager: Any) -> bool:
    """Whether a cell runs in any kernel of this server."""
    return any(kernel.get("execution_state") == "busy" for kernel in manager.list_kernels())


def has_working_process(proc: Path = Path("/proc")) -> bool:
    """Whether a controller of engines or a sweep runs in this pod."""
    return any(_works(path) for path in proc.glob("[0-9]*/cmdline"))


def _works(path: Path) -> bool:
    try:
        words = path.read_bytes().split(b"\0")[:4]
    except OSError:
        return False
    return any(word in part for part in words for word in WORKING)
