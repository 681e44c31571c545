"""Means over a generated variable are those it was made with, whoever takes them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks import grid
from benchmarks.climate import __main__ as benchmark
from benchmarks.climate import case as cases
from benchmarks.climate import kernel
from benchmarks.results.record import read


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_the_mean_of_what_was_written_is_what_was_meant(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / f"t2m.{kind}")
    made = kernel.make(path, kind, 8, "19x36")
    found = kernel.work({"path": path, "format": kind, "first": 2, "last": 6})
    assert found == pytest.approx(made["means"][2:6], abs=1e-6)
    assert made["megabytes"] == pytest.approx(8 * 19 * 36 * 2 / 1e6)


def test_a_size_gives_the_number_of_steps() -> None:
    assert benchmark.steps("full", 1000) == round(1e9 / (2 * 721 * 1440))
    assert benchmark.steps("smoke", 0) == 16


def test_dask_in_a_pod_has_no_more_workers_than_the_pod_has_cpus() -> None:
    found = benchmark.cases("quick", [cases.DASK, cases.DASK_POD], 0, 2)
    assert {case["workers"] for case in found if case["series"] == cases.DASK_POD} == {1, 2}
    assert {case["workers"] for case in found if case["series"] == cases.DASK} == {1, 2, 4}


@pytest.mark.e2e
@pytest.mark.busy
def test_the_smoke_run_here_gives_a_valid_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (grid.run_grid, grid.forget):
        monkeypatch.setattr(function, "__kwdefaults__", {"folder": tmp_path / "grids"})
    arguments = argparse.Namespace(preset="smoke", connection_file="", rounds=0, megabytes=0)
    result = read(benchmark.measure(arguments, None, tmp_path))
    assert [run.error for run in result.runs if not run.valid] == []
    assert len(result.runs) == 4
