"""Runs one variant after another through a zygote, within limits, and says how each has ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sweep_client.execution import Report, read_progress
from sweep_client.limits import Limits, Watch
from sweep_client.zygote import Request, Zygote, fork_zygote

Tick = Callable[[], None]


class Stopped(Exception):
    """The worker was told to stop at once."""


class MakeZygote(Protocol):
    """Makes the object that serves in the forked process."""

    def __call__(self, control: socket.socket, scratch: Path) -> Zygote:
        """Make it."""


@dataclass
class Ended:
    """How a variant has ended; ``reason`` is None where its process ended by itself with an outcome."""

    report: Report
    reason: str | None
    message: str = ""
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    tail: dict[str, str] = field(default_factory=dict)


class Runner:
    """Keeps a zygote alive and asks it to run variants."""

    def __init__(self, make: MakeZygote, *, share: bool, working: Path | None, tick: Tick) -> None:
        self._make = make
        self._share = share
        self._tick = tick
        self._scratch = Path(tempfile.mkdtemp(prefix="sweep-"))
        self.working = working or self._scratch / "shared"
        self.working.mkdir(exist_ok=True)
        self._pid = 0
        self._socket: socket.socket | None = None
        self._buffer = b""
        self.notes: list[str] = []

    def start(self, seconds: float | None) -> None:
        """Start a zygote; where its cells cannot be shared, one without them."""
        self._fork()
        try:
            answer = self._receive(Watch(self._pid, Limits(time_seconds=seconds)))
        except EOFError:
            answer = {
                "ready": False,
                "notes": ["the cells before the parameters ended the process or took too long"],
            }
        if not answer["ready"]:
            self.notes = [f"not shared, each variant runs all cells: {reason}" for reason in answer["notes"]]
            self.close_zygote()
            self._clear_working()
            self._share = False
            self._fork()
            self._receive(None)

    def ensure(self, seconds: float | None) -> None:
        """Start a zygote where none runs."""
        if self._socket is None:
            self.start(seconds)

    def run(self, request: Request, limits: Limits) -> Ended:
        """Run one variant to its end."""
        self._clean()
        try:
            self._ask(request)
            watch = Watch(self._receive(None)["pid"], limits)
            try:
                end = self._receive(watch)
            except Stopped:
                watch.kill()
                raise
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.close_zygote()
            return Ended(self._report(), "crash", "the worker's process was ended from outside")
        return self._ended(watch, end)

    def close_zygote(self) -> None:
        """End the zygote."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0

    def close(self) -> None:
        """End the zygote and remove what it wrote locally."""
        self.close_zygote()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _fork(self) -> None:
        def make(control: socket.socket) -> Zygote:
            return self._make(control, self._scratch)

        self._buffer = b""
        self._pid, self._socket = fork_zygote(make, share=self._share, working=str(self.working))

    def _clear_working(self) -> None:
        """Forget files that cells have made which will run again."""
        if self.working.parent == self._scratch:
            for path in self.working.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                elif not path.is_symlink():
                    path.unlink()

    def _clean(self) -> None:
        (self._scratch / "progress").write_bytes(b"")

    def _ask(self, request: Request) -> None:
        assert self._socket is not None
        content = {name: getattr(request, name) for name in Request.__dataclass_fields__}
        self._socket.sendall(json.dumps(content).encode() + b"\n")

    def _receive(self, watch: Watch | None) -> dict[str, Any]:
        """Wait for the next message, while the worker's heart beats and the limits are watched."""
        assert self._socket is not None
        while b"\n" not in self._buffer:
            wait = watch.wait_seconds() if watch else 0.2
            if select.select([self._socket], [], [], wait)[0]:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise EOFError
                self._buffer += data
            else:
                self._tick()
                if watch:
                    watch.look()
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _report(self) -> Report:
        return read_progress(self._scratch / "progress")

    def _ended(self, watch: Watch, end: dict[str, Any]) -> Ended:
        report = self._report()
        reason, message = watch.reason, ""
        if reason is None and (report.outcome is None or end["status"] != 0):
            reason, message = "crash", _describe(end["status"])
        tail = self._tail() if report.outcome is None else {}
        return Ended(report, reason, message, end["cpu_seconds"], end["peak_memory_bytes"], tail)

    def _tail(self) -> dict[str, str]:
        """What the process wrote to its descriptors; the last words of a crash."""
        found = {}
        for name in ("stdout", "stderr"):
            with contextlib.suppress(OSError):
                found[name] = (self._scratch / name).read_bytes()[-100_000:].decode("utf-8", "replace")
        return {name: text for name, text in found.items() if text}


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = "; the machine may have run out of memory" if number == signal.SIGKILL else ""
        return f"the process was ended by {signal.Signals(number).name}{hint}"
    return f"the process left with exit code {os.WEXITSTATUS(status)} before the notebook's end"
