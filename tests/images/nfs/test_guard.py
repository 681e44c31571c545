"""The guard of an uninstall: it refuses while clients are connected, and takes a server for away only when that stays silent."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

GUARD = ROOT / "images" / "nfs" / "lib" / "guard.sh"


def guard(folder: Path, *, silent: int, clients: int, patience: int = 30) -> subprocess.CompletedProcess[str]:
    """Run it against a server that does not answer the first times it is asked."""
    asked = folder / "asked"
    busybox = folder / "busybox"
    busybox.write_text(
        f"#!/bin/bash\necho >>{asked}\n(($(wc -l <{asked}) > {silent})) || exit 1\necho nfs_client_connections {clients}\n"
    )
    busybox.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GUARD_PATIENCE": str(patience),
        "GUARD_PAUSE": "0.1",
    }
    return subprocess.run(
        ["bash", str(GUARD), "hpc-nfs"], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("silent", [0, 2])
def test_connected_clients_end_the_uninstall_also_where_the_network_lets_the_guard_through_late(
    tmp_path: Path, silent: int
) -> None:
    done = guard(tmp_path, silent=silent, clients=2)
    assert done.returncode == 1
    assert "error: 2 client connections to hpc-nfs are open" in done.stderr


def test_without_clients_it_lets_the_uninstall_go_on(tmp_path: Path) -> None:
    done = guard(tmp_path, silent=0, clients=0)
    assert (done.returncode, done.stdout) == (0, "no client is connected to hpc-nfs\n")


def test_a_server_that_stays_silent_does_not_keep_its_release(tmp_path: Path) -> None:
    done = guard(tmp_path, silent=1000, clients=2, patience=2)
    assert done.returncode == 0
    assert "the server hpc-nfs does not answer" in done.stdout
