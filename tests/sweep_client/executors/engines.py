"""A controller and engines of IPyParallel on this machine."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.sweep_client.builders import wait_until

START_SECONDS = 180


@dataclass
class Engines:
    """One controller and some engines, in a profile folder of their own."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def connection_file(self) -> Path:
        return self.folder / "security" / "ipcontroller-client.json"

    def controller(self) -> subprocess.Popen[bytes]:
        # Engines are known after a beat; one whose heart a full machine leaves out for a while is not dead.
        heart = ["--HeartMonitor.period=500", f"--HeartMonitor.max_heartmonitor_misses={2 * START_SECONDS}"]
        return self._start("ipyparallel.controller", *heart, "--ip=127.0.0.1")

    def engine(self) -> subprocess.Popen[bytes]:
        waits = [f"--IPEngine.{name}={START_SECONDS}" for name in ("wait_for_url_file", "timeout")]
        return self._start("ipyparallel.engine", *waits)

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
    wait_until("the controller listens", started.connection_file.exists, seconds=START_SECONDS)
    for _ in range(count):
        started.engine()
    started.wait_for(count)
    return started
