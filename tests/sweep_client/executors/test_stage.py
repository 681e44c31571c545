"""Staging: two folders of this machine stand for two machines."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.executors.stage import Stage, StageGone
from sweep_client.executors.stage_remote import VERBS, Store, add_bytes
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.results import Results
from tests.sweep_client.executors.conftest import rows


@dataclass
class Far:
    """The other machine; what travels is counted."""

    base: Path
    calls: list[tuple[str, int, int]] = field(default_factory=list)
    cut: bool = False

    def __call__(self, arguments: Sequence[str], data: bytes) -> bytes:
        verb, base, run = arguments
        answer = io.BytesIO()
        try:
            VERBS[verb](Store(Path(base)), run, io.BytesIO(data), answer)
        except ValueError as error:
            raise ExecutorError(str(error)) from error
        if self.cut:
            raise ExecutorError("the connection broke")
        self.calls.append((verb, len(data), len(answer.getvalue())))
        return answer.getvalue()

    def sent(self, verb: str) -> int:
        return sum(size for name, size, _ in self.calls if name == verb)

    def received(self) -> int:
        return sum(size for name, _, size in self.calls if name == "take")


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path / "far")


@pytest.fixture
def directory(tmp_path: Path, notebook: Path) -> Directory:
    data = tmp_path / "data.bin"
    data.write_bytes(os.urandom(200_000))
    request = Request(notebook, read_rows(rows(12)), dependencies=(str(data),))
    place, sweep = prepare(request, tmp_path / "results")
    place.write_sweep(sweep)
    return place


def work(place: str) -> None:
    command = [sys.executable, "-m", "sweep_client.worker", place, "--job", "slurm:1_0"]
    subprocess.run(command, check=True, capture_output=True)


def staged(directory: Directory, far: Far, **options: Any) -> Stage:
    return Stage(directory, far, base=str(far.base), **options)


def test_a_sweep_goes_out_runs_and_comes_home_whole(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    work(stage.send())
    stage.fetch()
    results = Results(directory)
    assert results.counts()["done"] == 12
    key = next(iter(directory.done_keys()))
    record = json.loads(directory.done(key).read_text())
    assert (directory.root / record["notebook"]).is_file()
    assert next(directory.journals.glob("*.jsonl")).read_text().count('"event": "done"') == 12


def test_files_go_once_whatever_is_run_again(directory: Directory, far: Far) -> None:
    staged(directory, far).send()
    first = far.sent("place")
    staged(directory, far).send()
    assert first > 200_000
    assert far.sent("place") - first < 20_000


def test_only_what_changed_comes_back(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    work(stage.send())
    stage.fetch()
    first = far.received()
    stage.fetch()
    assert far.received() - first < first / 4


def test_a_batch_that_was_lost_on_the_way_is_sent_again(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    work(stage.send())
    far.cut = True
    with pytest.raises(ExecutorError, match="broke"):
        stage.fetch()
    far.cut = False
    staged(directory, far).fetch()
    assert len(directory.done_keys()) == 12


def test_what_is_done_here_is_not_run_again_there(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    work(stage.send())
    stage.fetch()
    assert stage.finish()
    again = staged(directory, far)
    place = Path(again.send())
    work(str(place))
    assert list(place.glob("variants/*/*")) == []


def test_the_copy_is_removed_once_all_is_home(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    place = Path(stage.send())
    work(str(place))
    assert not stage.finish(), "nothing is home yet"
    stage.fetch()
    assert stage.finish()
    assert not place.exists()


def test_the_copy_is_kept_where_a_variant_failed(tmp_path: Path, far: Far) -> None:
    from tests.sweep_client.executors.conftest import write_notebook

    notebook = write_notebook(tmp_path / "broken.ipynb", work="assert number != 1")
    place, sweep = prepare(Request(notebook, read_rows(rows(3))), tmp_path / "broken")
    place.write_sweep(sweep)
    stage = staged(place, far)
    copy = Path(stage.send())
    work(str(copy))
    stage.fetch()
    assert not stage.finish()
    assert copy.exists()
    assert len(Results(place).failures()) == 1


def test_large_results_stay_and_are_listed(directory: Directory, far: Far) -> None:
    stage = staged(directory, far, most_bytes=100)
    work(stage.send())
    stage.fetch()
    left = json.loads((directory.root / "left-behind.json").read_text())["files"]
    assert len(left) == 12
    assert all(entry["path"].endswith("notebook.ipynb") and entry["bytes"] > 100 for entry in left)
    assert not stage.finish()


def test_what_nobody_used_for_a_week_is_removed(directory: Directory, far: Far) -> None:
    old = Path(staged(directory, far).send())
    week = time.time() - 8 * 86400
    for path in [old / ".used", *far.base.glob("files/*")]:
        os.utime(path, (week, week))
    (directory.root / "stage.json").unlink()
    staged(directory, far).send()
    assert not old.exists()


def test_a_copy_that_is_gone_is_said_and_made_again(directory: Directory, far: Far) -> None:
    stage = staged(directory, far)
    shutil.rmtree(stage.send())
    with pytest.raises(StageGone, match="go on with: sweep run"):
        stage.fetch()
    assert Path(stage.send()).is_dir()


@pytest.mark.parametrize("name", ["../outside", "done/../../outside", "sweep.json", "/etc/passwd"])
def test_nothing_from_there_is_written_outside_the_results(directory: Directory, far: Far, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add_bytes(archive, name, b"evil")
        add_bytes(archive, "batch.json", b'{"number": 1, "more": false, "left": [], "leases": {}}')
    stage = staged(directory, far)
    stage.send()
    evil = Stage(directory, lambda arguments, data: buffer.getvalue())
    with pytest.raises(ExecutorError, match="belongs to no sweep"):
        evil.fetch()


def test_a_file_that_was_damaged_on_the_way_is_not_kept(directory: Directory, far: Far) -> None:
    def damaging(arguments: Sequence[str], data: bytes) -> bytes:
        content = data.replace(b"number", b"nummer") if arguments[0] == "place" else data
        return far(arguments, content)

    with pytest.raises(ExecutorError, match="damaged on the way"):
        Stage(directory, damaging, base=str(far.base)).send()
