from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep_client.client import acquire, steering
from sweep_client.directory import Directory, open_directory
from sweep_client.errors import DirectoryBusy
from sweep_client.files import write_json
from sweep_client.leases import (
    Heartbeat,
    Observer,
    holder,
    machine,
    new_name,
    process_start,
    release,
    take,
    take_over,
)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return open_directory(tmp_path / "out", create=True)


def beat(directory: Directory, name: str, **facts: object) -> None:
    write_json(directory.workers / f"{name}.json", {"worker": name, "beat": 1, "host": "elsewhere", **facts})


def test_a_lease_has_one_holder(directory: Directory) -> None:
    path = directory.lease("ab" * 16)
    assert take(path, "one")
    assert not take(path, "two")
    assert holder(path) == "one"
    release(path)
    assert holder(path) is None


def test_a_worker_elsewhere_lives_while_its_beat_changes(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    observer = Observer(directory, 60)
    beat(directory, "far")
    assert observer.is_alive("far")
    clock[0] = 50
    assert observer.is_alive("far")
    beat(directory, "far", beat=2)
    clock[0] = 80
    assert observer.is_alive("far")
    clock[0] = 141
    assert not observer.is_alive("far")


def test_a_worker_that_said_it_ended_is_dead(directory: Directory) -> None:
    beat(directory, "far", state="ended")
    assert not Observer(directory, 60).is_alive("far")


def test_a_worker_here_lives_as_long_as_its_process(directory: Directory) -> None:
    Heartbeat(directory, "here", "worker").beat(1, state="running")
    assert Observer(directory, 60).is_alive("here")
    beat(directory, "gone", **(machine() | {"pid": 2**22 + 1}))
    assert not Observer(directory, 60).is_alive("gone")
    beat(directory, "reused", **(machine() | {"start": 1}))
    assert not Observer(directory, 60).is_alive("reused")


def test_a_worker_never_seen_gets_the_benefit_of_the_doubt(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    observer = Observer(directory, 60)
    assert observer.is_alive("never")
    clock[0] = 61
    assert not observer.is_alive("never")


def test_a_stale_lease_is_taken_over_once(directory: Directory) -> None:
    path = directory.lease("ab" * 16)
    take(path, "dead")
    assert take_over(path, "dead")
    assert not take_over(path, "dead")
    take(path, "new")
    assert not take_over(path, "dead")
    assert holder(path) == "new"
    assert os.listdir(path.parent) == [path.name]


def test_a_lease_whose_holder_died_while_writing_it_is_freed(directory: Directory) -> None:
    path = directory.lease("ab" * 16)
    path.parent.mkdir()
    path.touch()
    assert holder(path) == ""
    assert take_over(path, "")


def test_a_zombie_is_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        while process_start(process.pid) is not None:
            pass
    assert process_start(os.getpid())


def test_names_are_never_used_twice() -> None:
    assert len({new_name() for _ in range(100)}) == 100


def test_one_client_steers(directory: Directory) -> None:
    with steering(directory) as client:
        client.beat()
        with pytest.raises(DirectoryBusy, match="watch it: sweep status"):
            acquire(directory)
    assert not directory.client.exists()
    assert list(directory.workers.iterdir()) == []


def test_the_right_of_a_dead_client_is_taken(directory: Directory) -> None:
    directory.client.write_text(json.dumps({"worker": "dead"}))
    beat(directory, "dead", state="ended")
    with steering(directory) as client:
        assert holder(directory.client) == client.name
