"""The image's shell functions, run as they are: homes are made once and measured, and the guard is not fooled."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

LIBRARY = ROOT / "images" / "nfs" / "lib"
MINE = f"{os.getuid()} {os.getgid()}"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path


def call(volume: Path, script: str, homes: str) -> str:
    """Run functions of homes.sh over a volume with this list of homes."""
    listed = volume / "homes"
    listed.write_text(homes)
    environment = {
        **os.environ,
        "NFS_VOLUME": str(volume),
        "NFS_HOMES_PATH": "home",
        "NFS_HOMES_FILE": str(listed),
    }
    command = ["bash", "-c", f"set -Eeuo pipefail; source {LIBRARY}/homes.sh; {script}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_home_is_made_closed_and_with_its_owner(volume: Path) -> None:
    assert "made the home of ada" in call(volume, "make_homes", f"ada {MINE}\n")
    found = (volume / "home" / "ada").stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert (found.st_uid, found.st_gid) == (os.getuid(), os.getgid())


def test_a_home_that_is_there_is_left_as_it_is(volume: Path) -> None:
    (volume / "home" / "ada").mkdir(mode=0o750)
    (volume / "home" / "ada" / "file").touch()
    assert call(volume, "make_homes", f"ada {MINE}\n") == ""
    assert stat.S_IMODE((volume / "home" / "ada").stat().st_mode) == 0o750


def test_a_home_whose_making_was_cut_short_is_finished(volume: Path) -> None:
    (volume / "home" / ".new-ada").mkdir()
    call(volume, "make_homes", f"ada {MINE}\n")
    assert [path.name for path in (volume / "home").iterdir()] == ["ada"]


def test_homes_are_measured_by_bytes_and_files(volume: Path) -> None:
    (volume / "home" / "ada").mkdir()
    (volume / "home" / "ada" / "file").write_bytes(b"x" * 10000)
    figures = call(volume, "measure_homes", "")
    assert 'nfs_home_files{home="ada"} 2' in figures
    used = next(line for line in figures.splitlines() if line.startswith("nfs_home_used_bytes"))
    assert int(used.split()[1]) >= 10000


def test_homes_that_are_not_made_yet_are_looked_for_again(volume: Path) -> None:
    keep = f"keep_figures {volume}/usage && echo kept || echo again"
    assert call(volume, keep, "") == "again\n"
    (volume / "home" / "ada").mkdir()
    assert call(volume, keep, "") == "kept\n"
