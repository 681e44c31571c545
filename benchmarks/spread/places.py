"""The places where items run: engines here, MPI ranks and array tasks of a release (a pool's engines: pool.py). Each gives times and what was found."""

import contextlib
import importlib
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.release import Release
from benchmarks.spread.engines import run
from benchmarks.spread.worker import block
from tests.sweep_client.executors.engines import start_engines

Items = Sequence[dict[str, Any]]
WORKER = Path(__file__).with_name("worker.py")
# Collects every task's output at the frontend: one command in place of one per task.
GATHER = (
    "import glob, json; print(json.dumps([d for p in glob.glob('out-*.json') for d in json.load(open(p))]))"
)


@dataclass(frozen=True)
class Spread:
    """How long the work took, from the first item's start to the last one's end, and each item's finding in order."""

    seconds: float
    found: list[Any]
    busy: float
    with_start: float


Place = Callable[[Path, Items, str, int], Spread]


def spread(
    done: list[dict[str, Any]], items: Items, with_start: float, seconds: float | None = None
) -> Spread:
    """Put together what workers found.

    Raises:
        RuntimeError: an item is missing or was done twice.
    """
    ordered = sorted(done, key=lambda entry: int(entry["index"]))
    if [entry["index"] for entry in ordered] != [item["index"] for item in items]:
        raise RuntimeError(f"{len(ordered)} of {len(items)} items came back")
    lasted = max(entry["ended"] for entry in done) - min(entry["begun"] for entry in done)
    busy = sum(entry["ended"] - entry["begun"] for entry in done)
    return Spread(seconds or lasted, [entry["found"] for entry in ordered], busy, with_start)


@contextlib.contextmanager
def engines(count: int, connection_file: str = "") -> Iterator[Place]:
    """Engines of IPyParallel: those of a connection file, or so many started on this machine."""
    ipyparallel: Any = importlib.import_module("ipyparallel")
    with contextlib.ExitStack() as stack:
        if not connection_file:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "profile"
            folder.mkdir()
            started = start_engines(folder, count)
            stack.callback(started.stop)
            connection_file = str(started.connection_file)
        client = stack.enter_context(ipyparallel.Client(connection_file, timeout=60))
        yield lambda kernel, items, way, workers: _on_engines(client, kernel, items, way, workers)


def _on_engines(client: Any, kernel: Path, items: Items, way: str, workers: int) -> Spread:
    shares = parts(items, way, workers)
    done, seconds = run(client, kernel.read_text(), shares, way == "balanced", workers)
    return spread(done, items, seconds, seconds)


def parts(items: Items, way: str, workers: int) -> list[list[dict[str, Any]]]:
    """What is sent to engines at once: a block for each, or single items to whoever is free."""
    if way == "balanced":
        return [[item] for item in items]
    return [block(list(items), place, workers) for place in range(workers)]


def mpi(release: Release) -> Place:
    """Ranks of one `srun` on the release's workers."""

    def place(kernel: Path, items: Items, way: str, workers: int) -> Spread:
        # The rank that hands out sleeps; it needs no CPU of its own.
        ranks = workers + (way == "balanced")
        command = f"srun -Q --overcommit --mem=0 -N {{nodes}} -n {ranks} python worker.py mpi {way} {workers}"
        return _in_release(release, kernel, items, workers, command)

    return place


def array(release: Release) -> Place:
    """Tasks of one array job of the release."""

    def place(kernel: Path, items: Items, way: str, workers: int) -> Spread:
        last = workers - 1
        command = f"sbatch -Q --wait --mem=400 -o task-%a.log --array=0-{last} --wrap 'python worker.py array {way} {workers}' || {{ tail -n 5 task-*.log; false; }}"
        return _in_release(release, kernel, items, workers, command)

    return place


def _in_release(release: Release, kernel: Path, items: Items, workers: int, command: str) -> Spread:
    folder = f"bench-{secrets.token_hex(3)}"
    texts = {
        "kernel.py": kernel.read_text(),
        "worker.py": WORKER.read_text(),
        "items.json": json.dumps(list(items)),
    }
    release.put(folder, texts)
    nodes = min(workers, len(release.nodes()))
    begun = time.time()
    try:
        release.run(f"cd {folder} && {command.replace('{nodes}', str(nodes))}")
        spent = time.time() - begun
        done = json.loads(release.run(f'cd {folder} && python3 -c "{GATHER}" && rm -rf ../{folder}'))
    except BaseException:
        release.run(f"rm -rf {folder}")
        raise
    return spread(done, items, spent)
