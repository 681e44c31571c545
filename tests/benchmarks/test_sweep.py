from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# Starts papermill and Jupyter kernels a dozen times: minutes on a small machine.
@pytest.mark.full
def test_the_benchmark_runs_small_and_gives_every_figure() -> None:
    small = ["--count", "2", "--others-count", "1", "--large", "1000", "--prefix-seconds", "0.1", "--dry"]
    command = [sys.executable, "-m", "benchmarks.sweep", *small]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert found["trivial"]["papermill-cli"]["cpu_ms"] > 0
    assert found["resume"]["wall_s"] > 0
    assert found["client_large"]["peak_mib"] < 150
