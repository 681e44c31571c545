from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

import sweep_client
from sweep_client.directory import Directory
from sweep_client.errors import DirectoryError, ExecutorError, InputRefused, VariantsFailed
from sweep_client.executors import BUILT_IN, Executor, JobState, Submission, executor_class, executor_names
from sweep_client.executors.base import read_submissions
from sweep_client.files import write_json
from sweep_client.leases import take
from sweep_client.packing import ALL, Group, fitting_workers
from sweep_client.plan import Plan
from sweep_client.sweep import Sweep
from tests.sweep_client.builders import Cell, cell, write_notebook
from tests.sweep_client.conftest import planned


class BrokenExecutor(Executor):
    """Its workers end at once."""

    name = "broken"
    known_options: ClassVar[dict[str, str]] = {"reason": "what it says"}

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        return 1

    def submit(self, workers: int, group: Group = ALL) -> Submission:
        return Submission(self.name, "job-1", workers, dict(self.options), logs="logs/broken.log")

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        return {submission.id: JobState("ended", "out of order") for submission in submissions}

    def cancel(self, submission: Submission) -> None:
        pass

    def logs(self, submission: Submission) -> list[Path]:
        return []


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_notebook(
        tmp_path / "t.ipynb",
        cell("a = 1", "P"),
        "assert a < 5",
        cell("{'twice': 2 * a}", "C", "name:doubled"),
    )


def test_a_sweep_is_run_from_python_and_attached_to_from_elsewhere(template: Path, tmp_path: Path) -> None:
    sweep = sweep_client.run(template, sweep_client.grid(a=[1, 2, 5]), tmp_path / "out", retries=0)
    other = sweep_client.Sweep.attach(tmp_path / "out")
    assert sweep.wait() == {"done": 2, "failed": 1, "running": 0, "pending": 0}
    table = other.table()
    assert isinstance(table, pd.DataFrame)
    assert table.to_dict("list") == {"a": [1, 2], "twice": [2, 4]}
    (failed,) = other.failures()
    assert failed.failure is not None
    assert failed.failure.exception == "AssertionError"
    with pytest.raises(VariantsFailed, match="1 variants failed"):
        other.wait(check=True)
    assert not other.start()


def test_a_frame_gives_the_parameters(template: Path, tmp_path: Path) -> None:
    sweep = sweep_client.run(
        template, pd.DataFrame({"a": [3, 4]}), tmp_path / "out", executor_options={"workers": 1}
    )
    assert sweep.wait()["done"] == 2
    assert read_submissions(sweep.directory)[-1].workers == 1
    again = sweep_client.run(template, [{"a": 3}], tmp_path / "out")
    assert again.counts() == {"done": 1, "failed": 0, "running": 0, "pending": 0}


def test_what_is_no_sweep_cannot_be_attached_to(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError):
        sweep_client.Sweep.attach(tmp_path)


def test_a_directory_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"format": 99}')
    with pytest.raises(DirectoryError, match="upgrade"):
        sweep_client.Sweep.attach(tmp_path)


def test_workers_that_never_finish_anything_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUILT_IN, "broken", f"{__name__}:BrokenExecutor")
    monkeypatch.setattr("sweep_client.sweep.POLL_SECONDS", 0.0)
    directory = planned(tmp_path, cell("a = 1", "P"), rows=[{"a": 1}])
    sweep = sweep_client.Sweep(directory, "broken", reason="none")
    with pytest.raises(ExecutorError, match=r"without finishing a variant; the last log is .*broken\.log"):
        sweep.wait()


def test_a_variant_of_a_worker_elsewhere_that_died_is_done_here(tmp_path: Path) -> None:
    directory = planned(tmp_path, cell("a = 1", "P"), rows=[{"a": 1}, {"a": 2}], lease_seconds=8)
    key, _ = leased_elsewhere(directory)
    assert Sweep(directory).wait()["done"] == 2
    assert list((directory.root / "lost").rglob(f"{key}.*"))


def test_a_variant_that_a_worker_elsewhere_has_is_waited_for(tmp_path: Path) -> None:
    directory = planned(tmp_path, cell("a = 1", "P"), rows=[{"a": 1}, {"a": 2}], lease_seconds=8)
    key, beat = leased_elsewhere(directory)

    def work() -> None:
        # Longer than a lease, and often, since a full machine leaves beats out.
        for number in range(50):
            beat(number)
            time.sleep(0.2)
        directory.lease(key).unlink()

    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(work)
        assert Sweep(directory).wait()["done"] == 2
        assert elsewhere.done()
    assert not (directory.root / "lost").exists()


def leased_elsewhere(directory: Directory) -> tuple[str, Callable[[int], None]]:
    """Lease the first variant as a worker of another machine; give its key, and what makes that worker's heart beat."""
    key = Plan(directory.root / directory.read_sweep().plan).keys[0]
    facts = {
        "format": 1,
        "worker": "other-1",
        "role": "worker",
        "host": "other",
        "boot": "b",
        "state": "running",
    }

    def beat(number: int) -> None:
        write_json(directory.workers / "other-1.json", {**facts, "pid": 1, "start": 1, "beat": number})

    beat(0)
    assert take(directory.lease(key), "other-1")
    return key, beat


def test_an_unknown_option_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        InputRefused, match=r"has no option 'pace'; its options are: workers \(how many at once"
    ):
        executor_class("local")(Directory(tmp_path), pace=1)


def test_executors_are_found_by_name() -> None:
    assert "local" in executor_names()
    with pytest.raises(InputRefused, match="there is no executor"):
        executor_class("none")


def test_dependencies_change_the_key_and_travel(template: Path, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("one")
    arguments: dict[str, Any] = {
        "dependencies": [tmp_path / "d.txt"],
        "out": tmp_path / "out",
        "params": [{"a": 1}],
    }
    sweep_client.run(template, **arguments).wait()
    assert sweep_client.run(template, **arguments).counts()["done"] == 1
    (tmp_path / "d.txt").write_text("two")
    assert sweep_client.run(template, **arguments).counts()["done"] == 0
    sweep_client.Sweep.attach(tmp_path / "out").wait()
    assert (tmp_path / "out" / "dependencies" / "d.txt").read_text() == "two"
    sweep_client.run(template, [{"a": 1}], tmp_path / "out", environment="other").wait()
    assert len(list((tmp_path / "out" / "done").glob("*/*.json"))) == 3


def test_a_notebook_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    cells: list[Cell | str] = [
        cell("a = 1", "P"),
        "import os, signal\nif a == 1:\n    os.kill(os.getppid(), signal.SIGKILL)\n    os.kill(os.getpid(), 9)",
    ]
    directory = planned(tmp_path, *cells, rows=[{"a": 1}, {"a": 2}])
    command = [sys.executable, "-m", "sweep_client.worker", str(directory.root)]
    subprocess.run(command, check=True, timeout=180, stderr=subprocess.DEVNULL)
    first, second = sweep_client.Results(directory).variants()
    assert first.failure is not None
    assert first.failure.reason == "crash"
    assert second.state == "done"


def test_a_variant_over_which_workers_die_again_and_again_is_given_up(tmp_path: Path) -> None:
    path = "open(f'/proc/{os.getppid()}/stat').read().split()[3]"
    cells: list[Cell | str] = [
        cell("a = 1", "P"),
        f"import os, signal\nif a == 1:\n    os.kill(int({path}), signal.SIGKILL)",
    ]
    directory = planned(tmp_path, *cells, rows=[{"a": 1}, {"a": 2}], isolate="full")
    sweep = sweep_client.Sweep(directory, workers=1)
    assert sweep.wait() == {"done": 1, "failed": 1, "running": 0, "pending": 0}
    (failed,) = sweep.failures()
    assert failed.failure is not None
    assert failed.failure.reason == "lost"
    sweep.retry()
    assert sweep.counts()["pending"] == 1


def test_the_public_names_are_those_that_are_documented() -> None:
    assert sweep_client.__all__ == ["Results", "Sweep", "SweepError", "grid", "run"]
    assert all(getattr(sweep_client, name) for name in sweep_client.__all__)
    with pytest.raises(AttributeError):
        sweep_client.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("pending", "mean", "expected"),
    [(0, None, 0), (5, None, 4), (10_000, 0.001, 4), (10, 0.001, 1), (3, 60, 3)],
)
def test_as_many_workers_are_started_as_the_work_is_worth(
    pending: int, mean: float | None, expected: int
) -> None:
    assert fitting_workers(pending, mean, 4) == expected


def test_the_plan_says_how_many_processors_a_variant_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    directory = planned(tmp_path, cell("a = 1", "P"), rows=[{"a": n, "@cpus": 4} for n in range(9)])
    assert executor_class("local")(directory).workers(9, None) == 2
    assert json.loads((directory.root / directory.read_sweep().plan).read_text().splitlines()[0])[
        "resources"
    ] == {"cpus": 4}
