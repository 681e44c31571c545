"""A controller and engines of IPyParallel on this machine."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60


@dataclass
class Engines:
    """One controller and some engines, in a profile folder of their own."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def connection_file(self) -> Path:
        return self.folder / "security" / "ipcontroller-client.json"

    def controller(self) -> subprocess.Popen[bytes]:
        return self._start("ipyparallel.controller", "--HeartMonitor.period=500", "--ip=127.0.0.1")

    def engine(self) -> subprocess.Popen[bytes]:
        return self._start("ipyparallel.engine", "--IPEngine.wait_for_url_file=60", "--IPEngine.timeout=60")

    def wait_for(self, count: int) -> None:
        import ipyparallel  # type: ignore[import-untyped]

        with ipyparallel.Client(str(self.connection_file), timeout=START_SECONDS) as client:
            client.wait_for_engines(count, timeout=START_SECONDS, interactive=False)

    def restart(self, count: int) -> None:
        """Kill everything, and start as many engines with a new controller that remembers nothing but its keys."""
        self.stop()
        self._start("ipyparallel.controller", "--IPController.reuse_files=True", "--ip=127.0.0.1")
        for _ in range(count):
            self.engine()
        self.wait_for(count)

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, f"--profile-dir={self.folder}", *arguments]
        log = (self.folder.parent / f"{module}.log").open("ab")
        with log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process


def start_engines(folder: Path, count: int) -> Engines:
    """Start a controller and engines, and wait until they have found each other."""
    started = Engines(folder)
    started.controller()
    end = time.monotonic() + START_SECONDS
    while not started.connection_file.exists() and time.monotonic() < end:
        time.sleep(0.1)
    for _ in range(count):
        started.engine()
    started.wait_for(count)
    return started
