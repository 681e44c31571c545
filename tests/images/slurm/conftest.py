"""Scripts of the Slurm images, sourced and run with fake commands on the PATH."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

SLURM = ROOT / "images" / "slurm"
HEAD = f"set -Eeuo pipefail; export LIB={SLURM}/lib.sh; "


class Shell:
    """Runs functions of one script; fake commands write what they were called with to a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()
        (folder / "bin").mkdir()

    def fake(self, name: str, body: str = "") -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.calls}\n{body}\n')
        path.chmod(0o755)

    def run(self, script: str, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", f"{HEAD} source {SLURM / script}; {code}"],
            env={**os.environ, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)
