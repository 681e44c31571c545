from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep_client.errors import DirectoryError
from sweep_client.files import create_exclusively, publish, read_json, write_json, write_whole
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.results import Results
from sweep_client.worker_process import run_worker
from tests.sweep_client.builders import cell, write_notebook
from tests.sweep_client.conftest import planned


def test_a_file_is_published_once(tmp_path: Path) -> None:
    path = tmp_path / "ab" / "record.json"
    assert publish(path, "first", "one")
    assert not publish(path, "second", "two")
    assert path.read_text() == "first"
    assert os.listdir(path.parent) == ["record.json"]


def test_a_link_whose_answer_was_lost_counts_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an NFS server does that carries out a request twice."""
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    assert publish(tmp_path / "record.json", "text", "one")


def test_replacing_a_file_leaves_the_old_one_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write_json(path, {"a": 1})
    script = f"from pathlib import Path; from sweep_client.files import write_json; write_json(Path({str(path)!r}), {{'a': 2}})"
    killed = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "SWEEP_FAULT": "replace"}, check=False
    )
    assert killed.returncode == -9
    assert read_json(path) == {"a": 1}
    write_whole(path, b"{")
    assert read_json(path) is None


def test_a_file_is_created_by_one_only(tmp_path: Path) -> None:
    assert create_exclusively(tmp_path / "new" / "f", "mine")
    assert not create_exclusively(tmp_path / "new" / "f", "yours")
    assert (tmp_path / "new" / "f").read_text() == "mine"


def test_a_full_disk_is_said_and_leaves_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    template = write_notebook(tmp_path / "t.ipynb", cell("a = 1", "P"))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        DirectoryError, match="cannot be written: No space left on device; choose another --out"
    ):
        prepare(Request(template, read_rows([{"a": 1}])), tmp_path / "out")
    assert list((tmp_path / "out" / "plans").iterdir()) == []


@pytest.mark.parametrize(("source", "state"), [("print('x' * a)", "pending"), ("value = 'x' * a", "failed")])
def test_a_full_disk_loses_nothing_and_is_said(tmp_path: Path, source: str, state: str) -> None:
    """A real file system that is full: where the notebook does not fit, and where the result does not."""
    directory = planned(
        tmp_path, cell("a = 1", "P"), cell(source, "R", "name:value"), rows=[{"a": 3_000_000}]
    )
    small = directory.root / "variants"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m tmpfs {small} && {sys.executable} -m sweep_client.worker {directory.root}"
    )
    command = ["unshare", "--map-root-user", "--mount", "bash", "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    (variant,) = Results(directory).variants()
    assert variant.state == state
    said = ended.stderr if state == "pending" else str(variant.failure)
    assert "No space left on device" in said
    if state == "pending":
        run_worker(directory)
        assert Results(directory).counts()["done"] == 1
