"""Controller and engines of a pool as processes on this machine, for tests."""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import ipyparallel as ipp  # type: ignore[import-untyped]
import psutil

from tests.cluster.paths import ROOT
from tests.sweep_client.builders import wait_until

SECONDS = 180
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from images.notebook.hpc_notebook import pool
pool.CONFIG, pool.CURVE_KEY, pool.IDENTITY = Path({folder!r}) / "config.json", Path({folder!r}) / "key", Path({folder!r}) / "engine"
pool.ENGINE_PORTS, pool.CLIENT_PORTS, pool.INTERNAL_PORTS = (range({base} + n, {base} + n + 9) for n in (0, 10, 20))
pool.RESTORE_SECONDS = {restore}
pool.{part}(get_config())
"""


def claimed() -> socket.socket:
    """Hold the first of thirty ports that no other test's pool has, by its twin of UDP."""
    while True:
        held = socket.socket(type=socket.SOCK_DGRAM)
        try:
            held.bind(("127.0.0.1", 20_000 + 30 * secrets.randbelow(400)))
        except OSError:
            held.close()
        else:
            return held


@dataclass
class Pool:
    """Controller and engines as processes with the image's own configuration."""

    folder: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # Tests run beside each other, and a pod has its ports for itself.
    ports: socket.socket = field(default_factory=claimed)
    # Short where a test waits for engines to be forgotten; elsewhere a full machine may make their hearts late.
    restore: int = SECONDS

    def start(self, program: str, part: str) -> subprocess.Popen[bytes]:
        config = self.folder / f"{program}_config.py"
        base = self.ports.getsockname()[1]
        given = {"root": str(ROOT), "folder": str(self.folder), "base": base, "restore": self.restore}
        config.write_text(PROGRAM.format(part=part, **given))
        command = [
            f"{sys.prefix}/bin/{program}",
            f"--profile-dir={self.folder}/profile",
            f"--config={config}",
        ]
        with (self.folder / f"{program}.log").open("ab") as log:
            made = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self.processes.append(made)
        return made

    def controller(self) -> subprocess.Popen[bytes]:
        return self.start("ipcontroller", "controller")

    def engine(self) -> subprocess.Popen[bytes]:
        # Of a file that is being written an engine dies; in a pod it starts again.
        wait_until("the controller is there", self.has_files, every=0.1)
        return self.start("ipengine", "engine")

    def client(self, engines: int) -> ipp.Client:
        """A client that sees so many engines."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                client = ipp.Client(str(self.folder / "profile/security/ipcontroller-client.json"), timeout=5)
                while len(client.ids) != engines and time.monotonic() < end:
                    time.sleep(0.2)
                assert len(client.ids) == engines, (client.ids, self.logs())
                return client
            except (OSError, TimeoutError, ipp.error.TimeoutError):
                assert time.monotonic() < end, self.logs()
                time.sleep(0.3)

    def has_files(self) -> bool:
        """Whether a controller has written its connection files."""
        try:
            json.loads((self.folder / "profile/security/ipcontroller-engine.json").read_text())
        except (OSError, ValueError):
            return False
        return True

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A process and all that it started."""
    own = psutil.Process(process.pid)
    return [own, *own.children(recursive=True)]


@contextmanager
def cut_off(engine: subprocess.Popen[bytes]) -> Iterator[None]:
    """Have an engine say nothing for a while."""
    own = family(engine)
    for process in own:
        process.suspend()
    try:
        yield
    finally:
        for process in own:
            process.resume()


@contextmanager
def known_by_name_alone(pool: Pool) -> Iterator[ipp.Client]:
    """A client of a new controller that has one engine's name, while the engine is not connected again."""
    controller, engine = pool.controller(), pool.engine()
    pool.client(engines=1).close()
    kill(controller)
    with cut_off(engine):
        pool.controller()
        yield pool.client(engines=1)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started at once, as a lost machine does."""
    # It starts no more from here on, and what it started has its ports.
    psutil.Process(process.pid).suspend()
    own = family(process)
    for each in own:
        each.kill()
    process.wait()
    psutil.wait_procs(own[1:])
