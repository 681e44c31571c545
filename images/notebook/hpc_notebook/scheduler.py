"""The task scheduler of a pool's controller: a task whose engine dies runs again, and none goes to an engine that is not connected.

An engine has several connections, and after the controller's restart they come back at their own paces, seconds apart. Upstream
counts on all when one is there, and what it sends over a connection that is not yet back is dropped: the task waits for ever.

Upstream tries a task again only where its view says so (`retries`), and then also one that raises: on another engine, so that in a
pool of one engine the error never comes. Here a lost engine alone counts, for every view.
"""

from collections import Counter
from typing import Any

import zmq
from ipyparallel.controller.task_scheduler import TaskScheduler
from traitlets import Integer

from .routing import ENGINES_SOCKET_OPTIONS, sent

RETRY_SECONDS = 0.5


class NotConnected(Exception):
    """None of the engines that may run a task is connected now."""


class PoolScheduler(TaskScheduler):
    """Upstream's scheduler with sends that are known to have a receiver, and tasks that outlive their engine."""

    lost_tries = Integer(
        2, min=0, help="How often a task whose engine died runs again, beside its view's `retries`."
    ).tag(config=True)

    _retry_is_due = False
    _lost: Counter[str]
    # Engines whose tasks were given up: some may only have been cut off.
    _given_up: set[bytes]

    def start(self) -> None:
        """Set up the socket to the engines before it is used."""
        self._lost, self._given_up = Counter(), set()
        for option in ENGINES_SOCKET_OPTIONS:
            self.engine_stream.socket.setsockopt(option, 1)
        super().start()

    def _register_engine(self, uid: bytes) -> None:
        """Take up an engine; one that was only cut off still runs what it ran, and may have what waits."""
        running = dict(self.pending.get(uid, {}))
        for job in self.queue_map.values():
            job.blacklist.discard(uid)
        super()._register_engine(uid)
        self.pending[uid].update(running)
        self.loads[self.targets.index(uid)] += len(running)

    def dispatch_result(self, raw_msg: list[zmq.Message]) -> None:
        """Hand a result on, but not that of a task which was given up with its engine: it runs elsewhere by now."""
        engine = raw_msg[0].bytes
        if engine in self._given_up:
            _, (_, _, parent, *_) = self.session.feed_identities(raw_msg, copy=False)
            if self.session.unpack(parent.bytes)["msg_id"] not in self.pending.get(engine, {}):
                return
        super().dispatch_result(raw_msg)

    def handle_stranded_tasks(self, engine: bytes) -> None:
        """Have tasks of an engine that died run elsewhere, or when another engine comes."""
        if engine in self.targets:
            return
        for message, job in self.pending[engine].items():
            # A task for this engine alone has nowhere to go.
            has_others = not job.targets or (job.targets - job.blacklist).intersection(self.targets)
            if has_others and self._lost[message] < self.lost_tries:
                self._lost[message] += 1
                # Upstream takes it away again at once.
                self.retries[message] += 1
        super().handle_stranded_tasks(engine)
        self._given_up.add(engine)

    def maybe_run(self, job: Any) -> bool:
        """Run a task if an engine takes it; one that nobody can take now is tried again soon."""
        try:
            return bool(super().maybe_run(job))
        except NotConnected:
            # One try for all that wait: each goes through the whole queue.
            if not self._retry_is_due:
                self._retry_is_due = True
                self.loop.add_timeout(self.loop.time() + RETRY_SECONDS, self._retry)
            return False

    def _retry(self) -> None:
        self._retry_is_due = False
        self.update_graph()

    def submit_task(self, job: Any, indices: list[int] | None = None) -> None:
        """Send a task to the engine that the scheme prefers among those that are connected.

        Raises:
            NotConnected: there is none.
        """
        left = list(range(len(self.targets))) if indices is None else list(indices)
        while left:
            index = left[self.scheme([self.loads[index] for index in left])]
            target = self.targets[index]
            if not self._send([target, *job.raw_msg]):
                left.remove(index)
                continue
            self.add_job(index)
            self.pending[target][job.msg_id] = job
            content = {"msg_id": job.msg_id, "engine_id": target.decode("ascii")}
            to = [b"tracktask", self.ident]
            self.session.send(self.mon_stream, "task_destination", content=content, ident=to)
            return
        raise NotConnected

    def _send(self, message: list[Any]) -> bool:
        """Send to an engine if it is connected, and not by the stream, which only logs an error of its socket."""
        stream = self.engine_stream
        connected = sent(stream.socket, message)
        # A send takes notice of results that came meanwhile, and nothing else would wake the stream up for them.
        if stream.socket.events & zmq.POLLIN:
            self.loop.add_callback(stream.flush, zmq.POLLIN)
        return connected
