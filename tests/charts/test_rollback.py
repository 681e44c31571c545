"""The guard of rollbacks by itself: which pairs of versions it lets through, and the words by which it refuses the others."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

SCRIPT = ROOT / "charts" / "slurm" / "files" / "rollback.sh"


def go_back(running: Path, *versions: str) -> subprocess.CompletedProcess[str]:
    """Run the guard of a revision with these versions, over what the running one has written into a folder."""
    command = ["bash", str(SCRIPT), "hpc", "work", *versions]
    return subprocess.run(
        command, env={"RUNNING_DIR": str(running)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("running", "back"),
    [("24.11.5", "24.11.5"), ("24.11.5", "24.11.1"), ("24.11.5", "25.05.0"), ("9.11.9", "11.8.6")],
)
def test_an_equal_series_or_a_newer_one_may_come_back(tmp_path: Path, running: str, back: str) -> None:
    (tmp_path / "slurm").write_text(running)
    assert (done := go_back(tmp_path, f"slurm={back}")).returncode == 0, done.stderr
    assert done.stdout == ""


def test_a_program_that_does_not_run_here_has_left_nothing(tmp_path: Path) -> None:
    assert go_back(tmp_path, "mariadb=11.8.6", "slurm=24.11.5").returncode == 0


@pytest.mark.parametrize(("running", "back"), [("25.05.3", "24.11.5"), ("11.8.6", "9.11.9")])
def test_an_older_series_is_refused_with_the_reason_and_the_next_step(
    tmp_path: Path, running: str, back: str
) -> None:
    (tmp_path / "slurm").write_text("24.11.5")
    (tmp_path / "mariadb").write_text(running)
    refused = go_back(tmp_path, f"mariadb={back}", "slurm=24.11.5")
    assert refused.returncode == 1
    new, old = (version.rpartition(".")[0] for version in (running, back))
    assert refused.stdout.startswith(
        f"rollback refused: mariadb {new} runs here, and the revision to go back to brings mariadb {old}, which cannot read its data. "
    )
    assert "helm rollback hpc N -n work" in refused.stdout
    assert (ROOT / "docs" / "how-to" / "upgrade.md").is_file()
    assert "docs/how-to/upgrade.md" in refused.stdout
