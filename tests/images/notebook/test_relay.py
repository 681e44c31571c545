"""Messages to one engine: they reach it whenever it is connected, and are not waited with for ever."""

from collections.abc import Iterator

import pytest
import zmq

from images.notebook.hpc_notebook import relay
from tests.images.notebook.pools import SECONDS, Pool, known_by_name_alone

LOOPBACK = "tcp://127.0.0.1"


class Ends:
    """A relay as a process, and makers of those that talk over it."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.peers: list[zmq.Socket[bytes]] = []
        self.hub = self.context.socket(zmq.SUB)
        self.hub.subscribe(b"")
        made = relay.ProcessRelay(zmq.ROUTER, zmq.ROUTER, zmq.PUB, b"in", b"out")  # type: ignore[no-untyped-call]
        self.clients = made.bind_in_to_random_port(LOOPBACK)
        self.engines = made.bind_out_to_random_port(LOOPBACK)
        hub = f"{LOOPBACK}:{self.hub.bind_to_random_port(LOOPBACK)}"
        made.connect_mon(hub)  # type: ignore[no-untyped-call]
        made.start()
        self.launcher = made.launcher
        self.client = self.peer(b"client", self.clients)

    def peer(self, name: bytes, port: int) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.RCVTIMEO, SECONDS * 1000)
        socket.setsockopt(zmq.IDENTITY, name)
        socket.connect(f"{LOOPBACK}:{port}")
        self.peers.append(socket)
        return socket

    def engine(self) -> zmq.Socket[bytes]:
        """An engine that is connected: the client hears it."""
        made = self.peer(b"engine", self.engines)
        made.send_multipart([b"client", b"here"])
        assert self.client.recv_multipart() == [b"engine", b"here"]
        return made


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    # Until client and hub are connected, what is said to them is for nobody.
    while not made.hub.poll(100):
        made.client.send_multipart([b"nobody", b"hello"])
    yield made
    made.launcher.kill()
    made.launcher.join()
    made.context.destroy(linger=0)


@pytest.mark.e2e
def test_what_is_sent_to_an_engine_that_is_not_connected_again_waits_for_it(processes: Pool) -> None:
    with known_by_name_alone(processes) as client:
        tasks = [client[0].apply_async(str, number) for number in range(20)]
        tasks[0].wait(2)
        # Nothing but the engine's reconnecting makes it known: what waits comes first, in the order in which it was sent.
    assert [task.get(timeout=SECONDS) for task in tasks] == [str(number) for number in range(20)]
    client.close()


def test_the_hub_hears_of_both_directions(ends: Ends) -> None:
    engine = ends.engine()
    ends.hub.setsockopt(zmq.RCVTIMEO, SECONDS * 1000)
    ends.client.send_multipart([b"engine", b"question"])
    assert engine.recv_multipart() == [b"client", b"question"]
    engine.send_multipart([b"client", b"answer"])
    assert ends.client.recv_multipart() == [b"engine", b"answer"]
    told: list[list[bytes]] = []
    while not told or told[-1][-1] != b"answer":
        told.append(ends.hub.recv_multipart())
    assert told[-2:] == [
        [b"in", b"engine", b"client", b"question"],
        [b"out", b"client", b"engine", b"answer"],
    ]


def test_an_engine_under_its_name_again_is_reached_before_its_loss_is_noticed(ends: Ends) -> None:
    # Its machine lost power, or the network forgot the connection.
    before = ends.engine()
    again = ends.engine()
    ends.client.send_multipart([b"engine", b"question"])
    assert again.recv_multipart() == [b"client", b"question"]
    assert not before.poll(0)


def test_a_message_without_content_does_not_stop_those_after_it(ends: Ends) -> None:
    engine = ends.engine()
    ends.client.send_multipart([b""])
    ends.client.send_multipart([b"engine"])
    ends.client.send_multipart([b"engine", b"question"])
    assert engine.recv_multipart() == [b"client", b"question"]


def test_an_engine_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    context = zmq.Context()
    engines = context.socket(zmq.ROUTER)
    engines.setsockopt(zmq.ROUTER_MANDATORY, 1)
    made = relay.Relay(context.socket(zmq.ROUTER), engines, context.socket(zmq.PUB), b"in", b"out")
    frames = [zmq.Frame(part) for part in (b"engine", b"client", b"question")]
    made.keep(frames)
    made.send_what_waits()
    assert [*made.waiting] == [b"engine"]
    monkeypatch.setattr(relay, "LONGEST_WAIT_SECONDS", -1)
    made.waiting.clear()
    made.keep(frames)
    made.send_what_waits()
    assert made.waiting == {}
    context.destroy(linger=0)
