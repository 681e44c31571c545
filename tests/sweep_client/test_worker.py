"""Kills processes for real, with signal 9, at every point where a crash could lose or double work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweep_client.directory import Directory
from sweep_client.results import Results
from sweep_client.worker_process import run_worker
from tests.sweep_client.builders import cell, sweep_command, wait_until, write_notebook
from tests.sweep_client.conftest import planned

ROWS = [{"a": number} for number in range(6)]
CELLS = (cell("a = 1", "P"), "open('ran.txt', 'a').write('x')", cell("a * a", "R", "name:square"))


def worker(directory: Directory, *arguments: str, fault: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sweep_client.worker", str(directory.root), *arguments]
    return subprocess.Popen(command, env={**os.environ, "SWEEP_FAULT": fault})


def assert_every_variant_once(directory: Directory) -> None:
    results = Results(directory)
    assert results.counts() == {"done": len(ROWS), "failed": 0, "running": 0, "pending": 0}
    assert [variant.values["square"].load() for variant in results.variants()] == [
        row["a"] ** 2 for row in ROWS
    ]
    published = [
        json.loads(line) for path in directory.journals.glob("*") for line in path.read_text().splitlines()
    ]
    keys = [line["key"] for line in published if line["event"] == "done"]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "fault",
    ["leased", "child-started", "attempt-written", "publish-before-link", "publish-after-link", "published"],
)
def test_a_worker_killed_at_any_point_loses_nothing_and_doubles_nothing(tmp_path: Path, fault: str) -> None:
    directory = planned(tmp_path, *CELLS, rows=ROWS, retries=1)
    with worker(directory, fault=f"{fault}:{tmp_path / 'died'}") as process:
        code = process.wait(180)
    assert (tmp_path / "died").exists()
    assert code == (0 if fault == "child-started" else -signal.SIGKILL)
    run_worker(directory)
    assert_every_variant_once(directory)


def test_two_workers_share_the_work(tmp_path: Path) -> None:
    directory = planned(tmp_path, *CELLS, rows=ROWS)
    with worker(directory, "--part", "0/2") as first, worker(directory, "--part", "1/2") as second:
        assert (first.wait(180), second.wait(180)) == (0, 0)
    assert_every_variant_once(directory)


def test_a_variant_executed_twice_is_published_once(tmp_path: Path) -> None:
    together = (
        f"import os, time\nopen('{tmp_path}/begun-' + str(os.getpid()), 'w').close()\n"
        f"while len([n for n in os.listdir('{tmp_path}') if n.startswith('begun')]) < 2:\n    time.sleep(0.05)"
    )
    cells = (cell("a = 1", "P"), together, cell("a * a", "R", "name:square"))
    directory = planned(tmp_path, *cells, rows=[{"a": 3}], time_seconds=180)
    with worker(directory) as first:
        wait_until("the variant has begun", lambda: list(tmp_path.glob("begun-*")))
        for lease in (directory.root / "leases").glob("*/*"):
            lease.unlink()
        with worker(directory) as second:
            assert (first.wait(180), second.wait(180)) == (0, 0)
    journal = "".join(path.read_text() for path in directory.journals.glob("*"))
    assert journal.count('"event": "done"') == 1
    assert journal.count('"event": "lost"') == 1
    assert len(list(directory.root.glob("variants/*/*/*"))) == 1


def test_a_stopped_worker_gives_its_variant_back(tmp_path: Path) -> None:
    directory = planned(tmp_path, cell("a = 1", "P"), "import time\ntime.sleep(600)", rows=ROWS)
    with worker(directory) as process:
        wait_until("a variant has begun", lambda: list((directory.root / "variants").glob("*/*/*")))
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 3
    assert Results(directory).counts() == {"done": 0, "failed": 0, "running": 0, "pending": 6}


def test_a_draining_worker_finishes_its_variant(tmp_path: Path) -> None:
    # The first variant waits until the worker was told, however long that takes.
    wait = f"import os, time\nwhile not os.path.exists('{tmp_path}/go'):\n    time.sleep(0.05)"
    directory = planned(tmp_path, cell("a = 1", "P"), wait, rows=ROWS)
    with worker(directory) as process:
        wait_until("a variant has begun", lambda: list((directory.root / "variants").glob("*/*/*")))
        process.send_signal(signal.SIGUSR1)
        (tmp_path / "go").touch()
        assert process.wait(180) == 3
    assert Results(directory).counts()["done"] == 1


def test_a_worker_takes_nothing_that_its_time_is_too_short_for(tmp_path: Path) -> None:
    directory = planned(tmp_path, *CELLS, rows=ROWS)
    with worker(directory, "--until", "0.5") as process:
        assert process.wait(180) == 3
    assert Results(directory).counts()["pending"] == 6


def test_a_failed_variant_is_tried_again_as_often_as_allowed(tmp_path: Path) -> None:
    source = f"import os\nif not os.path.exists('{tmp_path / 'flag'}'):\n    open('{tmp_path / 'flag'}', 'w').close()\n    raise OSError('first time')"
    directory = planned(tmp_path, cell("a = 1", "P"), source, rows=[{"a": 1}], retries=1)
    run_worker(directory)
    (variant,) = Results(directory).variants()
    assert variant.state == "done"
    assert variant.record is not None
    assert variant.record["number"] == 2


def test_a_worker_with_a_share_takes_nothing_else(tmp_path: Path) -> None:
    directory = planned(tmp_path, *CELLS, rows=ROWS)
    for share in (0, 1):
        assert worker(directory, "--only", f"{share}/2").wait(180) == 0
        done = [
            variant.parameters["a"] for variant in Results(directory).variants() if variant.state == "done"
        ]
        assert done == [row["a"] for number, row in enumerate(ROWS) if number % 2 <= share]


def test_a_client_killed_at_any_point_loses_nothing(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb", *CELLS)
    arguments = ("run", notebook, "--grid", "a=0:5", "--out", tmp_path / "out")
    for fault in ("replace", "leased"):
        died = tmp_path / f"died-{fault}"
        assert sweep_command(*arguments, fault=f"{fault}:{died}").returncode in (0, -signal.SIGKILL)
        assert died.exists()
    ended = sweep_command(*arguments)
    assert ended.returncode == 0, ended.stderr
    assert_every_variant_once(Directory(tmp_path / "out"))


@pytest.mark.full
@pytest.mark.parametrize("fault", ["leased", "attempt-written", "publish-before-link", "publish-after-link"])
def test_many_workers_that_are_killed_again_and_again_finish_the_sweep(tmp_path: Path, fault: str) -> None:
    directory = planned(tmp_path, *CELLS, rows=ROWS, retries=1)
    # Three die over each variant; over which more die is given up.
    for number in range(3 * len(ROWS)):
        share = f"{number % len(ROWS)}/{len(ROWS)}"
        with worker(directory, "--part", share, fault=f"{fault}:{tmp_path / str(number)}") as process:
            process.wait(180)
    run_worker(directory)
    assert_every_variant_once(directory)
