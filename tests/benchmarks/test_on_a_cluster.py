"""Every benchmark runs small on a real release, checks what it computed, and leaves a valid result."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import grid
from benchmarks.climate import __main__ as climate
from benchmarks.containers import IMAGE
from benchmarks.hpl import __main__ as hpl
from benchmarks.hpl import case as hpl_case
from benchmarks.mandelbrot import __main__ as mandelbrot
from benchmarks.mpi import __main__ as mpi
from benchmarks.release import Release, own_release
from benchmarks.results.record import Result, read
from tests.cluster import engine
from tests.conftest import MakeNamespace
from tests.kube import image

pytestmark = [pytest.mark.e2e, pytest.mark.busy]


@pytest.fixture(scope="module")
def installed(make_namespace: MakeNamespace) -> Iterator[Release]:
    """A release with two pods on one machine and, where there is one, a third on another."""
    with own_release(mpi.pools(), make_namespace) as release:
        yield release


@pytest.fixture(autouse=True)
def own_grids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (grid.run_grid, grid.forget):
        monkeypatch.setattr(function, "__kwdefaults__", {"folder": tmp_path / "grids"})


def arguments(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{
            "preset": "smoke",
            "connection_file": "",
            "megabytes": 0,
            "limit_seconds": 0,
            "rounds": 0,
            "sizes": None,
            "blocks": None,
            "grids": None,
            "release": None,
            **more,
        }
    )


def passed(path: Path) -> Result:
    result = read(path)
    assert [f"{run.series}: {run.error}" for run in result.runs if not run.valid] == []
    return result


def test_hpl_passes_its_residual_on_pods_and_in_a_container(installed: Release, tmp_path: Path) -> None:
    result = passed(hpl.measure(arguments(), installed, tmp_path))
    assert len(result.runs) == 3
    for run in result.runs:
        assert run.figures["dgemm"] > 0
        assert run.figures["residual"] < 16
        assert "OpenBLAS" in run.facts["blas"]
    assert result.images[IMAGE].startswith("sha256:")


def test_a_problem_beyond_the_pods_memory_is_refused_with_the_numbers(
    installed: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        grid.SITE, f'{{"namespace": "{installed.namespace.name}", "release": "{installed.name}"}}'
    )
    large = {
        "N": 50_000,
        "NB": 192,
        "grid": "auto",
        "nodes": 1,
        "ranks_per_node": 1,
        "threads": 1,
        "cpus": 1,
        "limit_seconds": 60.0,
        "dgemm": 0,
    }
    with pytest.raises(
        RuntimeError, match=r"N = 50000 with NB = 192 needs \d+ MiB on .*: the kernel would end it"
    ):
        hpl_case.run(series="pods, 1 x 1 rank", block=0, **large)  # type: ignore[arg-type]


def test_messages_arrive_whole_at_every_place(installed: Release, tmp_path: Path) -> None:
    result = passed(mpi.measure(arguments(), installed, tmp_path))
    wanted = {"one pod", "pods on one machine", "one plain container", "two plain containers"}
    assert wanted <= {run.series for run in result.runs}


def test_the_picture_is_the_same_from_engines_ranks_and_tasks(installed: Release, tmp_path: Path) -> None:
    result = passed(mandelbrot.measure(arguments(), installed, tmp_path))
    assert len({run.series for run in result.runs}) == 3


@pytest.mark.full
def test_means_are_right_from_dask_engines_ranks_and_tasks(installed: Release, tmp_path: Path) -> None:
    result = passed(climate.measure(arguments(), installed, tmp_path))
    assert len({run.series for run in result.runs}) == 5


def test_the_build_fails_for_a_program_without_openblas() -> None:
    command = [engine.docker(), "run", "--rm", "--network=none", "--entrypoint=check-blas", image(IMAGE)]
    good = subprocess.run(
        [*command, "/opt/hpl/xhpl", "/opt/hpl/dgemm"], capture_output=True, text=True, check=False
    )
    bad = subprocess.run([*command, "/usr/bin/mpirun"], capture_output=True, text=True, check=False)
    assert (good.returncode, bad.returncode) == (0, 1)
    assert "not linked with OpenBLAS" in bad.stderr
