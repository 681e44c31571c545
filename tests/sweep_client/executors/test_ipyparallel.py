"""The executor `ipyparallel` on a real controller and two real engines of this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sweep_client.errors import ExecutorError
from sweep_client.sweep import Sweep, run
from tests.sweep_client.executors.conftest import rows, write_notebook

START_SECONDS = 60


@dataclass
class Engines:
    """One controller and some engines, in a profile folder of their own."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def connection_file(self) -> Path:
        return self.folder / "security" / "ipcontroller-client.json"

    def controller(self) -> subprocess.Popen[bytes]:
        return self._start("ipyparallel.controller", "--HeartMonitor.period=500", "--ip=127.0.0.1")

    def engine(self) -> subprocess.Popen[bytes]:
        return self._start("ipyparallel.engine", "--IPEngine.wait_for_url_file=60", "--IPEngine.timeout=60")

    def wait_for(self, count: int) -> None:
        import ipyparallel  # type: ignore[import-untyped]

        with ipyparallel.Client(str(self.connection_file), timeout=START_SECONDS) as client:
            client.wait_for_engines(count, timeout=START_SECONDS, interactive=False)

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, f"--profile-dir={self.folder}", *arguments]
        log = (self.folder.parent / f"{module}.log").open("ab")
        with log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    started = Engines(tmp_path_factory.mktemp("cluster") / "profile")
    started.controller()
    end = time.monotonic() + START_SECONDS
    while not started.connection_file.exists() and time.monotonic() < end:
        time.sleep(0.1)
    started.engine()
    started.engine()
    started.wait_for(2)
    yield started
    started.stop()


def options(engines: Engines) -> dict[str, str]:
    return {"connection_file": str(engines.connection_file)}


def test_a_sweep_runs_as_one_task_per_engine_and_gives_its_table(tmp_path: Path, engines: Engines) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb")
    sweep = run(notebook, rows(30), tmp_path / "results", on="ipyparallel", executor_options=options(engines))
    assert sweep.wait()["done"] == 30
    assert list(sweep.table()["square"]) == [number * number for number in range(30)]
    assert len(list(sweep.directory.logs.glob("ipyparallel-*.log"))) == 2


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
    end = time.monotonic() + 30
    while attached.is_live() and time.monotonic() < end:
        time.sleep(0.2)
    assert not attached.is_live()
