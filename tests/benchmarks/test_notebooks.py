"""Each benchmark's notebook shows its newest result, and says what to do where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import IPython.display
import pytest

from benchmarks.report import show
from benchmarks.results.record import Line, Result, Run
from tests.cluster.paths import ROOT

RUNS = {
    "hpl": Run(
        "pods, 1 x 2 ranks", {"N": 8000, "NB": 192, "grid": "1x2"}, {"gflops": 80.0}, facts={"reasons": []}
    ),
    "mandelbrot": Run(
        "Slurm array", {"workers": 2, "rows": "static", "fractal": "ascii", "size": "4x2"}, {"seconds": 1.0}
    ),
    "mpi": Run("pods on two machines", {"pattern": "ping-pong", "bytes": 8}, {"microseconds": 20.0}),
    "climate": Run("Slurm array", {"workers": 2, "format": "zarr"}, {"seconds": 1.0}),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_notebook_shows_the_newest_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result(name, "smoke", "", {"cpu": "x", "cores": 2}, runs=[RUNS[name]], summary=[Line("a", "b")])
    shown: list[Any] = []
    monkeypatch.setattr(show, "history", lambda: [result])
    monkeypatch.setattr(IPython.display, "display", lambda *given: shown.extend(given))
    cells = json.loads((ROOT / "benchmarks" / name / f"{name}.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    exec(compile(code, name, "exec"), {})
    assert len(shown) >= 2


def test_without_a_result_the_command_that_makes_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "history", list)
    with pytest.raises(LookupError, match="make bench-hpl"):
        show.result("hpl")


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*/*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code"] == [[], [], []]
