"""The way of direct views and of control between clients and engines: a message waits until its engine is connected.

Upstream relays by a device that drops what is for an engine which is not connected now: after the controller's restart, engines
come back over some seconds, and who sent to one of them too early waits for ever.
"""

import time
from collections import deque

import zmq
from zmq.devices import ProcessMonitoredQueue

from .routing import ENGINES_SOCKET_OPTIONS, sent

RETRY_MILLISECONDS = 200
# Longer than a connection to a pod that is gone is tried for (127 s); an engine that died is given up by the hub, which says
# so to who waits.
LONGEST_WAIT_SECONDS = 300

Message = list[zmq.Frame]
Socket = zmq.Socket[bytes]


class ProcessRelay(ProcessMonitoredQueue):
    """A process of the controller between clients and engines; what has no addresses (output) goes upstream's way."""

    def run_device(self) -> None:
        """Relay for ever."""
        if self.out_type != zmq.ROUTER:
            super().run_device()  # type: ignore[no-untyped-call]
            return
        for option in ENGINES_SOCKET_OPTIONS:
            self.setsockopt_out(option, 1)
        clients, engines, hub = self._setup_sockets()  # type: ignore[no-untyped-call]
        Relay(clients, engines, hub, self._in_prefix, self._out_prefix).run()


class Relay:
    """Messages between two sockets that address their peers, each told to a third."""

    def __init__(
        self, clients: Socket, engines: Socket, hub: Socket, in_prefix: bytes, out_prefix: bytes
    ) -> None:
        self.clients, self.engines, self.hub = clients, engines, hub
        self.in_prefix, self.out_prefix = in_prefix, out_prefix
        # What waits for an engine, the oldest first, each with the time until which it does.
        self.waiting: dict[bytes, deque[tuple[float, Message]]] = {}

    def run(self) -> None:
        """Relay for ever."""
        poller = zmq.Poller()
        poller.register(self.clients, zmq.POLLIN)
        poller.register(self.engines, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(RETRY_MILLISECONDS if self.waiting else None))
            if self.engines in ready and (message := self._received(self.engines, self.out_prefix)):
                self.clients.send_multipart(message, copy=False)
            if self.clients in ready and (message := self._received(self.clients, self.in_prefix)):
                self.keep(message)
            self.send_what_waits()

    def _received(self, socket: Socket, prefix: bytes) -> Message | None:
        """A message to who it is for, as the hub was told; none where it is for nobody."""
        sender, *rest = socket.recv_multipart(copy=False)
        if len(rest) < 2:
            return None
        message = [rest[0], sender, *rest[1:]]
        self.hub.send_multipart([prefix, *message], copy=False)
        return message

    def keep(self, message: Message) -> None:
        """Have a message wait for its engine, which is its first frame, behind those that came before it."""
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        self.waiting.setdefault(message[0].bytes, deque()).append((until, message))

    def send_what_waits(self) -> None:
        """Send what waits to the engines that are connected, and forget what has waited too long."""
        for engine, messages in [*self.waiting.items()]:
            while messages and (sent(self.engines, messages[0][1]) or messages[0][0] < time.monotonic()):
                messages.popleft()
            if not messages:
                del self.waiting[engine]
