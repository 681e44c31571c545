"""Tasks of a pool: which engine gets them, and what becomes of those whose engine dies."""

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import ipyparallel as ipp  # type: ignore[import-untyped]
import pytest
import zmq
from ipyparallel.controller.task_scheduler import leastload
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

from images.notebook.hpc_notebook import scheduler
from tests.images.notebook.pools import SECONDS, Pool, cut_off, family, kill, known_by_name_alone
from tests.sweep_client.builders import wait_until

# Upstream waits so long for results of an engine that left.
GIVEN_UP_SECONDS = 6


@pytest.mark.e2e
def test_tasks_wait_for_an_engine_that_is_not_connected_again(processes: Pool) -> None:
    with known_by_name_alone(processes) as client:
        # Many, and for several tries: what a try costs must not grow with those before.
        tasks = client.load_balanced_view().map_async(str, range(200))
        time.sleep(2.5)
    assert tasks.get(timeout=SECONDS) == [str(number) for number in range(200)]
    client.close()


def slow_at_first(folder: str) -> str:
    """A task that ends when it is tried again."""
    import time

    first = Path(folder) / "first"
    if first.exists():
        return "again"
    first.with_name("written").write_text(str(os.getpid()))
    first.with_name("written").rename(first)
    time.sleep(600)
    return "first"


def count(folder: str) -> int:
    """A task of some seconds that says how often it was begun."""
    import time

    with open(f"{folder}/runs", "a+") as runs:
        runs.write("x")
        runs.flush()
        time.sleep(3)
        runs.seek(0)
        return len(runs.read())


def fail(folder: str) -> None:
    """A task that counts how often it is run."""
    with open(f"{folder}/runs", "a") as runs:
        runs.write("x")
    raise ValueError("mine")


@pytest.mark.e2e
def test_a_task_whose_engine_dies_runs_again_and_one_that_raises_does_not(processes: Pool) -> None:
    (processes.folder / "config.json").write_text('{"HeartMonitor": {"max_heartmonitor_misses": 5}}')
    processes.controller()
    engines = [processes.engine(), processes.engine()]
    client = processes.client(engines=2)
    view = client.load_balanced_view()
    with pytest.raises(ipp.RemoteError, match="mine"):
        view.apply_async(fail, str(processes.folder)).get(timeout=SECONDS)
    assert (processes.folder / "runs").read_text() == "x"

    task = view.apply_async(slow_at_first, str(processes.folder))
    first = processes.folder / "first"
    wait_until("it runs", first.exists, every=0.2)
    own = int(first.read_text())
    (busy,) = [engine for engine in engines if own in {process.pid for process in family(engine)}]
    kill(busy)
    assert task.get(timeout=SECONDS) == "again"
    client.close()


@pytest.mark.e2e
@pytest.mark.parametrize("beside", [0, 1])
def test_a_task_given_up_with_an_engine_that_comes_back_has_one_result(processes: Pool, beside: int) -> None:
    (processes.folder / "config.json").write_text('{"HeartMonitor": {"max_heartmonitor_misses": 3}}')
    processes.controller()
    engine = processes.engine()
    client = processes.client(engines=1)
    view = client.load_balanced_view()
    # It sends a result as soon as it is back, when others have run its task or it is to run it once more.
    task = view.apply_async(count, str(processes.folder))
    wait_until("it runs", (processes.folder / "runs").exists, every=0.2)
    with cut_off(engine):
        for _ in range(beside):
            processes.engine()
        wait_until("it is given up", lambda: 0 not in client.ids, every=0.2)
        time.sleep(GIVEN_UP_SECONDS)
        wait_until("others are there", lambda: len(client.ids) == beside, every=0.2)
        if beside:
            assert task.get(timeout=SECONDS) in (1, 2)
    assert task.get(timeout=SECONDS) in (1, 2)
    wait_until("it is back", lambda: 0 in client.ids, every=0.2)
    assert view.map_async(str, range(6)).get(timeout=SECONDS) == list("012345")
    status = client.queue_status()
    assert [status[engine]["queue"] for engine in client.ids] == [0] * (1 + beside)
    assert "Traceback" not in processes.logs()
    client.close()


async def served(sends: list[bytes]) -> list[list[bytes]]:
    """What a scheduler's stream hears of an engine that says something just before tasks are sent to some targets."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as engine:
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        engine.identity = b"engine"
        engine.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")
        heard: list[list[bytes]] = []
        stream = ZMQStream(router)
        stream.on_recv(heard.append)
        engine.send(b"hello")
        while not heard:
            await asyncio.sleep(0.01)
        made = scheduler.PoolScheduler(
            engine_stream=stream,
            session=Mock(spec=Session, bsession=b"pool"),
            loop=IOLoop.current(),
            scheme=leastload,
        )
        made.targets, made.loads = list(sends), [0] * len(sends)
        made.pending = {target: {} for target in sends}
        engine.send(b"a result")
        time.sleep(0.2)
        with suppress(scheduler.NotConnected):
            made.submit_task(SimpleNamespace(msg_id="task", raw_msg=[b"task"]))
        await asyncio.sleep(0.5)
        stream.close()
        return heard


@pytest.mark.parametrize("target", [b"engine", b"nobody"])
def test_a_result_that_comes_while_a_task_is_sent_is_heard(target: bytes) -> None:
    # Nothing comes after it that would wake the stream up.
    assert asyncio.run(served([target])) == [[b"engine", b"hello"], [b"engine", b"a result"]]


def test_a_task_for_a_lost_engine_alone_is_not_tried_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ipyparallel.controller.task_scheduler.TaskScheduler.handle_stranded_tasks", lambda *_: None
    )
    lost = scheduler.PoolScheduler.__new__(scheduler.PoolScheduler)
    lost.targets, lost._lost, lost._given_up = [b"other"], Counter(often=2), set()
    lost.retries = dict.fromkeys(("its own", "often", "any"), 0)
    jobs = {"its own": {b"dead"}, "often": set(), "any": set()}
    lost.pending = {
        b"dead": {name: SimpleNamespace(targets=targets, blacklist=set()) for name, targets in jobs.items()}
    }
    lost.handle_stranded_tasks(b"dead")
    assert lost.retries == {"its own": 0, "often": 0, "any": 1}
