"""The executor `ipyparallel` on a real controller and two real engines of this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_client.errors import ExecutorError
from sweep_client.sweep import Sweep, run
from tests.sweep_client.builders import wait_until
from tests.sweep_client.executors.conftest import rows, write_notebook
from tests.sweep_client.executors.engines import Engines, start_engines


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    started = start_engines(tmp_path_factory.mktemp("cluster") / "profile", 2)
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client wait longer for a controller on a machine that is full of tests."""
    monkeypatch.setattr("sweep_client.executors.ipyparallel.SECONDS", 120)


def options(engines: Engines) -> dict[str, str]:
    return {"connection_file": str(engines.connection_file)}


def test_a_sweep_runs_as_one_task_per_engine_and_gives_its_table(tmp_path: Path, engines: Engines) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb")
    sweep = run(notebook, rows(30), tmp_path / "results", on="ipyparallel", executor_options=options(engines))
    assert sweep.wait()["done"] == 30
    assert list(sweep.table()["square"]) == [number * number for number in range(30)]
    # One engine may have done all before the other began.
    logs = sweep.directory.logs
    wait_until("both engines have begun", lambda: len(list(logs.glob("ipyparallel-*.log"))) == 2)


def test_an_engine_that_dies_loses_nothing(tmp_path: Path, engines: Engines) -> None:
    notebook = write_notebook(tmp_path / "slow.ipynb", work="import time; time.sleep(0.2)")
    victim = engines.engine()
    engines.wait_for(3)
    sweep = run(notebook, rows(30), tmp_path / "results", on="ipyparallel", executor_options=options(engines))
    os.killpg(victim.pid, signal.SIGKILL)
    counts = sweep.wait()
    assert counts["done"] == 30
    done = [path for path in (sweep.directory.root / "done").glob("??/*.json")]
    assert len(done) == 30


def test_a_controller_that_does_not_answer_says_what_to_start(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb")
    nowhere = {"connection_file": str(tmp_path / "none.json")}
    with pytest.raises(ExecutorError, match="ipcluster start"):
        run(notebook, rows(2), tmp_path / "results", on="ipyparallel", executor_options=nowhere)


def test_tasks_that_the_controller_has_forgotten_are_over(tmp_path: Path, engines: Engines) -> None:
    from sweep_client.executors.base import Submission, write_submissions

    notebook = write_notebook(tmp_path / "square.ipynb")
    sweep = run(notebook, rows(10), tmp_path / "results", on="ipyparallel", executor_options=options(engines))
    sweep.wait()
    forgotten = Submission("ipyparallel", "00000000", 2, options=options(engines))
    write_submissions(sweep.directory, [forgotten])
    attached = Sweep.attach(tmp_path / "results")
    wait_until("the forgotten tasks are over", lambda: not attached.is_live(), every=0.2)
