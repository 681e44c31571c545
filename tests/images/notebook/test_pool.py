"""A pool on this machine: what a controller's restart keeps, and what it forgets."""

import json
import secrets
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import ipyparallel as ipp  # type: ignore[import-untyped]
import psutil
import pytest
from traitlets.config import Config

from images.notebook.hpc_notebook import pool
from images.notebook.hpc_notebook.traits import UnknownTrait
from tests.cluster.paths import ROOT
from tests.images.notebook.pools import SECONDS, Pool, cut_off, family, kill
from tests.sweep_client.builders import wait_until


@pytest.mark.e2e
def test_a_controller_that_was_killed_keeps_engines_and_results_and_forgets_who_left(processes: Pool) -> None:
    processes.restore = 5
    controller, first, second = processes.controller(), processes.engine(), processes.engine()
    client = processes.client(engines=2)
    client[:].push({"kept": 42}, block=True)
    done = client.load_balanced_view().apply_async(str, "finished")
    assert done.get(timeout=SECONDS) == "finished"
    message = done.msg_ids[0]
    # The controller writes down what it knows every two seconds.
    wait_until("the result is written down", lambda: is_kept(processes, message), every=0.2)
    client.close()

    kill(controller)
    kill(second)
    processes.controller()
    again = processes.client(engines=1)
    assert again[:].pull("kept", block=False).get(timeout=SECONDS) == [42]
    assert again.get_result(message, block=False).get(timeout=SECONDS) == "finished"
    again.close()
    assert first.poll() is None
    wait_until("it is said", lambda: "did not come back" in processes.logs())


def is_kept(processes: Pool, message: str) -> bool:
    """Whether the task database has the result of a task, as others than its writer see it."""
    path = processes.folder / "profile" / "tasks.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        ask = "SELECT 1 FROM '{}' WHERE msg_id = ? AND completed IS NOT NULL"
        return any(database.execute(ask.format(name), [message]).fetchone() for (name,) in tables)


def test_an_engine_that_finishes_tasks_is_not_gone_though_its_heart_was_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped: list[bytes] = []
    monkeypatch.setattr(pool.PoolHub, "handle_stopped_heart", lambda _hub, heart: stopped.append(heart))
    hub = pool.PoolHub.__new__(pool.PoolHub)
    hub.hearts, hub.unheard = {b"pod-1": 0, b"pod-2": 1}, {b"pod-1": 0, b"pod-2": 0}
    hub.completed = {0: ["task"], 1: []}
    hub._forget_unheard()
    assert stopped == [b"pod-2"]
    # Nothing more, and still no heart.
    hub._forget_unheard()
    assert stopped == [b"pod-2", b"pod-1"]


@pytest.mark.e2e
def test_an_engine_that_was_cut_off_comes_back_as_itself(processes: Pool) -> None:
    (processes.folder / "config.json").write_text('{"HeartMonitor": {"max_heartmonitor_misses": 3}}')
    processes.controller()
    engine = processes.engine()
    client = processes.client(engines=1)
    client[:].push({"kept": 42}, block=True)
    with cut_off(engine):
        wait_until("it is missed", lambda: client.ids == [], every=0.2)
    wait_until("it is back", lambda: client.ids == [0], every=0.2)
    assert client[:].pull("kept", block=False).get(timeout=SECONDS) == [42]
    state = json.loads((processes.folder / "profile/log/engines.json").read_text())
    assert state["engines"] == {"0": (processes.folder / "engine-0").read_text()}
    client.close()


@pytest.mark.e2e
@pytest.mark.parametrize("number", [1, -1])
def test_a_controller_that_lost_one_of_its_processes_ends_so_that_a_new_one_starts(
    processes: Pool, number: int
) -> None:
    controller = processes.controller()
    processes.client(engines=0).close()
    own = family(controller)
    own[number].kill()
    wait_until("the others end", lambda: controller.poll() is not None, every=0.1)
    assert controller.returncode == 1
    psutil.wait_procs(own[1:], timeout=SECONDS)
    assert f"ended with code {-signal.SIGKILL}" in processes.logs()


@pytest.mark.e2e
def test_an_engine_that_joins_takes_no_id_of_one_that_was_restored(processes: Pool) -> None:
    processes.restore = 5
    controller, first = processes.controller(), processes.engine()
    processes.client(engines=1).close()
    kill(controller)
    controller = processes.controller()
    processes.client(engines=1).close()
    # Upstream forgets the next id in a restore: after a second one, new engines would stand in for those that left.
    kill(controller)
    kill(first)
    processes.controller()
    processes.engine()
    client = processes.client(engines=1)
    wait_until("the one that left is forgotten", lambda: client.ids == [1], every=0.2)
    assert client.load_balanced_view().map_async(str, range(6)).get(timeout=SECONDS) == list("012345")
    client.close()


@pytest.mark.e2e
def test_a_rank_of_a_new_world_takes_the_id_of_the_one_that_died(processes: Pool) -> None:
    given = json.loads((processes.folder / "config.json").read_text())
    # As a rank of MPI asks for.
    (processes.folder / "config.json").write_text(json.dumps({**given, "IPEngine": {"id": 0}}))
    processes.controller()
    died = processes.engine()
    client = processes.client(engines=1)
    lost = client[0].apply_async(time.sleep, 600)
    state, rank = processes.folder / "profile/log/engines.json", processes.folder / "engine-0"
    before = rank.read_text()
    kill(died)
    processes.engine()
    wait_until("the new one starts", lambda: rank.read_text() not in {before, ""}, every=0.2)
    wait_until("the new one is there", lambda: rank.read_text() in state.read_text(), every=0.2)
    # The heart of the old one was not missed yet: upstream would give the new one another id.
    assert json.loads(state.read_text())["engines"] == {"0": rank.read_text()}
    with pytest.raises(ipp.RemoteError, match="died while running"):
        lost.get(timeout=SECONDS)
    wait_until("the client knows the new one", lambda: client.ids == [0], every=0.2)
    assert client[0].apply_async(int, "42").get(timeout=SECONDS) == 42
    client.close()


def test_tasks_of_a_new_rank_are_not_taken_for_those_of_the_one_that_died() -> None:
    hub = pool.PoolHub.__new__(pool.PoolHub)
    hub.engines, hub.queues, hub.pending = {0: "the new one"}, {0: ["task"]}, {"task"}
    hub._handle_stranded_msgs(0, "the old one")
    assert hub.pending == {"task"}


@pytest.mark.e2e
def test_an_engine_says_which_entry_of_the_controller_s_list_it_is(processes: Pool) -> None:
    processes.controller()
    processes.engine()
    processes.client(engines=1).close()
    state = json.loads((processes.folder / "profile/log/engines.json").read_text())
    name = (processes.folder / "engine-0").read_text()
    assert list(state["engines"].values()) == [name]
    environment = {**processes.environment, "IDENTITY_FILE": str(processes.folder / "engine")}
    probe = [str(ROOT / "images/notebook/pool-probe"), "engine"]
    assert subprocess.run(probe, env=environment, check=False).returncode == 0
    # A world of two of which one is not there yet, then is forgotten.
    environment["POOL_RANKS"] = "2"
    assert subprocess.run(probe, env=environment, check=False).returncode != 0
    (processes.folder / "engine-1").write_text(name)
    assert subprocess.run(probe, env=environment, check=False).returncode == 0
    (processes.folder / "engine-0").write_text("forgotten")
    assert subprocess.run(probe, env=environment, check=False).returncode != 0


@pytest.mark.e2e
def test_files_of_another_release_s_keys_are_removed_and_nobody_else_reads_the_new_ones(
    processes: Pool,
) -> None:
    controller = processes.controller()
    processes.client(engines=0).close()
    kill(controller)
    (processes.folder / "key").write_bytes(secrets.token_bytes(32))
    processes.controller()
    # An engine that read the old files would wait for nobody; in a pod its liveness probe starts it again.
    processes.client(engines=0).close()
    processes.engine()
    processes.client(engines=1).close()
    modes = {path.stat().st_mode & 0o777 for path in processes.folder.glob("profile/security/*.json")}
    assert modes == {0o600}


def test_values_reach_traits_and_unknown_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONFIG", tmp_path / "config.json")
    monkeypatch.setattr(pool, "IDENTITY", tmp_path / "engine")
    monkeypatch.setenv("HOSTNAME", "pod")
    c = Config()
    (tmp_path / "config.json").write_text('{"IPEngine": {"timeout": 7}, "IPController": {"log_level": 10}}')
    pool.engine(c)
    assert c.IPEngine.timeout == 7
    assert "IPController" not in c
    (tmp_path / "config.json").write_text('{"HeartMonitor": {"perod": 7}}')
    with pytest.raises(
        UnknownTrait, match=r"engines\.config\.HeartMonitor\.perod: unknown trait; did you mean period"
    ):
        pool.engine(Config())
