"""The process that is forked for each variant: it has run the cells before the parameters, and waits.

It is asked over a socket by its worker (``runner``), forks, waits for the child and says how it ended.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sweep_client.cells import source
from sweep_client.encoding import decode
from sweep_client.execution import Execution, Progress
from sweep_client.files import fault_point
from sweep_client.fork_safety import open_sockets, reasons
from sweep_client.limits import children, limit_memory
from sweep_client.notebook import Template
from sweep_client.preload import heavy_imports, may_preload
from sweep_client.seeding import reseed, seeds_itself
from sweep_client.streams import Streams

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Request:
    """What to execute and where."""

    key: str
    parameters: dict[str, Any]
    folder: str
    working: str
    memory_bytes: int | None


class Zygote:
    """Serves one worker until the socket closes."""

    def __init__(self, template: Template, shell: Any, control: socket.socket, scratch: Path) -> None:
        self._control = control
        self._template = template
        self._scratch = scratch
        self._execution = Execution(template, shell)
        self._streams = Streams(shell.recorder.outputs)
        self._reseeds = not seeds_itself(source(cell) for cell in template.cells[: template.position])
        self._first = 0
        self._learnt = False
        self._known: set[str] = set()

    def serve(self, *, share: bool, working: str) -> NoReturn:
        """Run the shared cells if asked, then variants, until nobody asks any more."""
        _control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
        _control_process(PR_SET_CHILD_SUBREAPER, 1)
        try:
            notes = self._share(working) if share else []
            self._say({"ready": not notes, "notes": notes})
            gc.freeze()
            self._known = set(sys.modules)
            self._random_state = random.getstate()
            with self._control.makefile("r") as requests:
                for line in requests:
                    self._run(Request(**json.loads(line)))
        except ConnectionError:
            pass
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        os._exit(0)

    def _share(self, working: str) -> list[str]:
        """Run the cells before the parameters; give the reasons why they cannot be shared."""
        sockets = open_sockets()
        os.chdir(working)
        self._streams.attach(str(self._scratch))
        progress = Progress(self._scratch / "progress")
        self._execution.run(range(self._template.position), progress, self._scratch)
        if self._execution.error is not None:
            return ["the cells before the parameters failed"]
        for module in heavy_imports(self._template):
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        self._first = self._template.position
        return reasons(sockets)

    def _run(self, request: Request) -> None:
        pid = _fork()
        if pid == 0:
            self._child(request)
        self._say({"pid": pid})
        _, status, usage = os.wait4(pid, 0)
        _end_family(pid)
        self._learn()
        cpu = usage.ru_utime + usage.ru_stime
        self._say({"status": status, "cpu_seconds": cpu, "peak_memory_bytes": usage.ru_maxrss * 1024})

    def _child(self, request: Request) -> NoReturn:
        try:
            os.setsid()
            _control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
            self._control.close()
            _be_first_to_go()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir(request.working)
            self._attach_streams()
            limit_memory(request.memory_bytes)
            self._execute(request)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            os._exit(70)
        os._exit(0)

    def _attach_streams(self) -> None:
        self._streams.attach(str(self._scratch))

    def _execute(self, request: Request) -> None:
        execution, cells = self._execution, range(self._first, len(self._template.cells))
        progress = Progress(self._scratch / "progress")
        fault_point("child-started")
        for index in execution.shell.recorder.outputs.cells:
            execution.shell.recorder.outputs.changed.add(index)
        execution.write_outputs(progress)
        folder = Path(request.folder)
        if self._first == 0:
            execution.run(range(self._template.position), progress, folder)
        if self._reseeds:
            reseed(request.key, execution.shell.user_ns)
        elif self._first:
            random.setstate(self._random_state)  # Python seeds it anew in every forked process
        rest = range(max(cells.start, self._template.position), cells.stop)
        execution.run(rest, progress, folder, decode(request.parameters))
        self._teach()
        _leave(execution.shell)
        execution.write_outputs(progress)
        progress.outcome(execution.outcome())

    def _teach(self) -> None:
        """Tell the next variants which libraries this one has imported."""
        if not self._learnt:
            names = [name for name in list(sys.modules) if name not in self._known and may_preload(name)]
            (self._scratch / "modules").write_text("\n".join(names))

    def _learn(self) -> None:
        """Import what the first variant has imported, so that the others need not."""
        path = self._scratch / "modules"
        if self._learnt or not self._first or not path.exists():
            return
        self._learnt = True
        for name in path.read_text().splitlines():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        gc.freeze()

    def _say(self, message: dict[str, Any]) -> None:
        self._control.sendall(json.dumps(message).encode() + b"\n")


def fork_zygote(
    make: Callable[[socket.socket], Zygote], *, share: bool, working: str
) -> tuple[int, socket.socket]:
    """Fork a zygote; give its process and the socket to ask it."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)
            make(theirs).serve(share=share, working=working)
        finally:
            traceback.print_exc()
            os._exit(1)
    theirs.close()
    return pid, ours


def _fork() -> int:
    """Fork; that threads run which are ready for it is no reason to warn, nor to fail where warnings are errors."""
    if sys.version_info < (3, 12):
        return os.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _leave(shell: Any) -> None:
    """Do what the end of an interpreter does for a notebook: exit functions run, files are closed."""
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    shell.user_ns.clear()
    shell.recorder.outputs.drain()


def _end_family(pid: int) -> None:
    """End whatever processes a variant has left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while left := children(os.getpid()):
        for child in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _be_first_to_go() -> None:
    """When the machine has no memory left, the kernel shall end variants, not workers."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _control_process(option: int, value: int) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)
