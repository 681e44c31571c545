"""The same picture from every place, shared out in both ways; efficiency is what its definition says."""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import grid
from benchmarks.mandelbrot import __main__ as benchmark
from benchmarks.mandelbrot import case, kernel
from benchmarks.results.record import Run, read
from benchmarks.spread import places, pool, worker
from sweep_client.sweep import Sweep
from tests.cluster.paths import ROOT
from tests.kube import Namespace, Result
from tests.kube import run as command
from tests.sweep_client.builders import wait_until
from tests.sweep_client.executors.engines import start_engines

ITEM = {"width": 40, "height": 20, "limit": 50, "first": 0, "last": 20}


def run_of(workers: int, seconds: float, sha256: str = "same") -> Run:
    parameters = {"fractal": "ascii", "size": "40x20", "rows": "balanced", "workers": workers}
    return Run(case.ENGINES, parameters, {"seconds": seconds}, facts={"sha256": sha256})  # type: ignore[arg-type]


def test_the_ascii_picture_is_dark_in_the_middle_and_symmetric() -> None:
    rows = kernel.ascii_rows(ITEM).decode().split("\n")
    assert (len(rows), {len(row) for row in rows}) == (20, {40})
    assert rows == rows[::-1]
    assert rows[10][24] == "@"


def test_both_fractals_agree_on_what_is_inside() -> None:
    import numpy

    text = kernel.ascii_rows(ITEM).decode().replace("\n", "")
    counts = numpy.frombuffer(kernel.numpy_rows(ITEM), numpy.uint16)
    assert [mark == "@" for mark in text] == [count == 50 for count in counts]


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_blocks_hold_every_item_once(workers: int) -> None:
    items = case.items("ascii", "40x20", 8)
    assert [item for place in range(workers) for item in worker.block(items, place, workers)] == items


@pytest.mark.parametrize("way", ["static", "balanced"])
def test_tasks_of_an_array_do_every_item_once(tmp_path: Path, way: str) -> None:
    items = case.items("numpy", "40x20", 6)
    (tmp_path / "items.json").write_text(json.dumps(items))
    for source, name in ((places.WORKER, "worker.py"), (case.KERNEL, "kernel.py")):
        (tmp_path / name).write_text(source.read_text())
    tasks = [
        subprocess.Popen(
            [sys.executable, "worker.py", "array", way, "2"],
            cwd=tmp_path,
            env={**os.environ, "SLURM_ARRAY_TASK_ID": str(index)},
        )
        for index in range(2)
    ]
    assert [task.wait() for task in tasks] == [0, 0]
    done = [entry for path in tmp_path.glob("out-*.json") for entry in json.loads(path.read_text())]
    found = places.spread(done, items, 1.0)
    data = b"".join(zlib.decompress(base64.b64decode(part)) for part in found.found)
    assert data == kernel.numpy_rows({**ITEM, "limit": items[0]["limit"]})


def test_an_item_that_is_missing_or_done_twice_is_an_error() -> None:
    items = case.items("ascii", "40x20", 2)
    with pytest.raises(RuntimeError, match="1 of 2 items came back"):
        places.spread([{"index": 0, "begun": 0.0, "ended": 1.0, "found": ""}], items, 1.0)


def test_efficiency_is_the_speed_up_by_worker() -> None:
    runs = benchmark.with_efficiency([run_of(1, 8.0), run_of(4, 2.5)])
    assert runs[1].figures["speedup"] == pytest.approx(3.2)
    assert runs[1].figures["efficiency"] == pytest.approx(0.8)


def test_a_run_with_another_picture_is_not_valid() -> None:
    runs = benchmark.with_efficiency([run_of(1, 8.0), run_of(2, 4.0, "other")])
    assert [run.valid for run in runs] == [True, False]


@pytest.mark.e2e
@pytest.mark.busy
def test_the_smoke_run_on_local_engines_gives_a_valid_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid.run_grid, "__kwdefaults__", {"folder": tmp_path / "grids"})
    monkeypatch.setattr(grid.forget, "__kwdefaults__", {"folder": tmp_path / "grids"})
    arguments = argparse.Namespace(preset="smoke", connection_file="", rounds=0)
    result = read(benchmark.measure(arguments, None, tmp_path))
    assert [run.error for run in result.runs if not run.valid] == []
    assert len(result.runs) == 4
    assert result.picture


@pytest.mark.e2e
def test_a_pool_s_client_brings_every_row_back_and_counts_a_machine_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exec_here(self: Namespace, pod: str, *words: str, container: str, stdin: str, **_: Any) -> Result:
        assert (pod, container) == ("deployment/hpc-ipcontroller-fast", "ipcontroller")
        return command([sys.executable, *words[1:]], stdin=stdin)

    monkeypatch.setattr(Namespace, "exec", exec_here)
    monkeypatch.setenv("IPP_PROFILE_DIR", str(tmp_path / "profile"))
    (tmp_path / "profile").mkdir()
    engines = start_engines(tmp_path / "profile", 2)
    try:
        fast = pool.Pool("here", "hpc", "fast")
        assert fast.cores() == os.cpu_count()
        items = case.items("numpy", "40x20", 6)
        for way in ("static", "balanced"):
            found = fast.place(case.KERNEL, items, way, 2).found
            data = b"".join(zlib.decompress(base64.b64decode(part)) for part in found)
            assert data == kernel.numpy_rows({**ITEM, "limit": items[0]["limit"]})
        with pytest.raises(RuntimeError, match=r"(?s)pool fast of hpc: .*boom"):
            fast.place(_broken(tmp_path), items, "static", 2)
    finally:
        engines.stop()


def _broken(folder: Path) -> Path:
    path = folder / "broken.py"
    path.write_text("def warm(): raise ValueError('boom')\n")
    return path


def test_no_run_wants_more_engines_than_a_pool_has() -> None:
    found = benchmark.cases(benchmark.PRESETS["quick"], {case.POOL: 2, case.MPI: 4}, 1)
    assert {run["workers"] for run in found if run["series"] == case.POOL} == {1, 2}
    assert {run["workers"] for run in found if run["series"] == case.MPI} == {1, 2, 4}


def test_the_wanted_efficiency_is_of_as_many_workers_as_have_a_core() -> None:
    runs = benchmark.with_efficiency([run_of(1, 8.0), run_of(4, 2.1), run_of(8, 2.0)])
    assert [(line.what[:23], line.measured) for line in benchmark.summary(runs, 6)] == [
        ("efficiency of 4 workers", "0.95 (1 run)")
    ]


def test_a_pool_without_its_release_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mandelbrot", "--on", "fast"])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert "--on needs --release and --namespace" in capsys.readouterr().err


def test_an_interrupted_grid_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "counting.py"
    module.write_text(
        "import pathlib\n"
        "def run(*, series, block):\n"
        f"    seen = pathlib.Path({str(tmp_path)!r}) / f'ran-{{block}}'\n"
        "    seen.write_text(seen.read_text() + 'x' if seen.exists() else 'x')\n"
        f"    if block == 1 and not (pathlib.Path({str(tmp_path)!r}) / 'well').exists(): raise RuntimeError('power cut')\n"
        "    return {'series': series, 'parameters': {}, 'figures': {'n': 1.0}, 'block': block}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cases: list[dict[str, Any]] = [{"series": "x", "block": block} for block in range(3)]
    first = grid.run_grid("counted", "counting:run", cases, {}, folder=tmp_path / "grids")
    (tmp_path / "well").touch()
    second = grid.run_grid("counted", "counting:run", cases, {}, folder=tmp_path / "grids")
    assert [(run.valid, run.error) for run in first] == [(True, ""), (False, "power cut"), (True, "")]
    assert [run.valid for run in second] == [True] * 3
    assert [(tmp_path / f"ran-{block}").read_text() for block in range(3)] == ["x", "xx", "x"]


@pytest.mark.e2e
def test_an_interrupted_grid_leaves_no_worker_behind(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "def run(*, series, block):\n"
        f"    (pathlib.Path({str(tmp_path)!r}) / f'ran-{{block}}').touch()\n"
        "    time.sleep(0.5)\n"
        "    return {'series': series, 'parameters': {}, 'figures': {}, 'block': block}\n"
    )
    program = (
        f"from benchmarks import grid; from pathlib import Path; cases = [dict(series='x', block=b) for b in range(200)]; "
        f"grid.run_grid('slow', 'slow:run', cases, {{}}, folder=Path({str(tmp_path)!r}) / 'grids')"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    started = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
    wait_until("the first has begun", (tmp_path / "ran-0").exists)
    started.send_signal(signal.SIGINT)
    assert started.wait(timeout=180) != 0
    sweep = Sweep.attach(tmp_path / "grids" / "slow")
    wait_until("the worker has left", lambda: not sweep.is_live())
    ran = len(list(tmp_path.glob("ran-*")))
    time.sleep(1.5)
    assert len(list(tmp_path.glob("ran-*"))) == ran < 200
