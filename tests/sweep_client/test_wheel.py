from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.full
def test_a_wheel_in_a_clean_environment_runs_the_example(tmp_path: Path) -> None:
    def run(*command: object) -> str:
        return subprocess.run(
            list(map(str, command)), check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("sweep_client-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "clean")
    binaries = tmp_path / "clean" / "bin"
    run(binaries / "pip", "install", "--quiet", wheel, "numpy", "matplotlib")
    examples = ROOT / "docs" / "examples"
    run(
        binaries / "sweep",
        "run",
        examples / "pricing.ipynb",
        "--params",
        examples / "tickers.csv",
        "--out",
        "results",
    )
    table = run(binaries / "sweep", "table", "results").splitlines()
    assert table[0] == "ticker,spot,strike,rate,volatility,years,price,error,exact"
    assert len(table) == 13
    assert any(line.startswith("007,") for line in table)
