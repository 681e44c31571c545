"""The check before the server starts, run as it is: what cannot be exported is refused in plain words."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

PREFLIGHT = str(ROOT / "images" / "nfs" / "lib" / "preflight")
WITHOUT_CAPABILITY = ["setpriv", "--bounding-set=-dac_read_search", "--inh-caps=-dac_read_search"]


def preflight(folder: str | Path, *before: str) -> str:
    """What it says of a folder that it refuses."""
    command = [*before, "perl", PREFLIGHT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done
    return done.stderr


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("/dev/shm", "is on tmpfs: it is memory, lost with the pod. Use a StorageClass on a disk"),
        ("/proc", "is on a filesystem without file handles. Use ext4"),
    ],
)
def test_a_filesystem_that_loses_files_is_refused_with_what_to_use(folder: str, reason: str) -> None:
    said = preflight(folder)
    assert said.startswith(f"error: {folder} cannot be exported.")
    assert reason in said


def test_a_container_without_the_capability_is_told_which_one_it_needs() -> None:
    without = WITHOUT_CAPABILITY if os.getuid() == 0 else []
    said = preflight(ROOT, *without)
    assert "files cannot be opened by handle" in said
    assert "needs the capability DAC_READ_SEARCH" in said


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere: No such file" in preflight(tmp_path / "nowhere")
