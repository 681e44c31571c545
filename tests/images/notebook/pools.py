"""Controller and engines of a pool as processes on this machine, for tests."""

import secrets
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


@dataclass
class Pool:
    """Controller and engines as processes with the image's own configuration."""

    folder: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # Tests run beside each other, and a pod has these ports for itself.
    base: int = field(default_factory=lambda: 20_000 + 30 * secrets.randbelow(400))
    # Short where a test waits for engines to be forgotten; elsewhere a full machine may make their hearts late.
    restore: int = SECONDS

    def start(self, program: str, part: str) -> subprocess.Popen[bytes]:
        config = self.folder / f"{program}_config.py"
        given = {"root": str(ROOT), "folder": str(self.folder), "base": self.base, "restore": self.restore}
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


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started at once, as a lost machine does."""
    # It starts no more from here on, and what it started has its ports.
    psutil.Process(process.pid).suspend()
    for own in family(process):
        own.kill()
    process.wait()
