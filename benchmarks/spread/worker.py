"""What a worker runs, wherever it is: `python worker.py mpi|array WAY WORKERS`, beside `kernel.py` (which has `warm()` and `work(item)`) and `items.json`.

WAY is `static` (each worker has one block of items) or `balanced` (whoever is free takes the next). It needs nothing of
this repository, since it is copied to where the workers are. It writes `out-<worker>.json`.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def timed(item: dict[str, Any]) -> dict[str, Any]:
    """Run the kernel on one item."""
    kernel = warm_kernel()
    begun = time.time()
    found = kernel.work(item)
    return {"index": item["index"], "begun": begun, "ended": time.time(), "found": found}


def warm_kernel() -> Any:
    """The kernel's module; what it imports is imported before the clock starts."""
    import kernel  # type: ignore[import-not-found]

    kernel.warm()
    return kernel


def block(items: list[dict[str, Any]], worker: int, workers: int) -> list[dict[str, Any]]:
    """The items of one worker where each has a block."""
    return items[worker * len(items) // workers : (worker + 1) * len(items) // workers]


def by_array(items: list[dict[str, Any]], way: str, workers: int) -> None:
    """A task of an array: its block, or whatever nobody has claimed yet."""
    worker = int(os.environ["SLURM_ARRAY_TASK_ID"])
    own = block(items, worker, workers) if way == "static" else filter(_claimed, items)
    write(worker, [timed(item) for item in own])


def by_mpi(items: list[dict[str, Any]], way: str, workers: int) -> None:
    """A rank. Balanced work has one rank more, which hands out and computes nothing."""
    from mpi4py import MPI  # type: ignore[import-not-found]
    from mpi4py.futures import MPICommExecutor  # type: ignore[import-not-found]

    world = MPI.COMM_WORLD
    expected = workers + (way == "balanced")
    if world.size != expected:
        sys.exit(f"{world.size} ranks where {expected} were wanted")
    world.Barrier()
    if way == "static":
        write(world.rank, [timed(item) for item in block(items, world.rank, workers)])
        return
    with MPICommExecutor(world, root=0) as pool:
        if pool is not None:
            write(0, list(pool.map(timed, items, unordered=True)))


def write(worker: int, done: list[dict[str, Any]]) -> None:
    """Publish what a worker found, whole."""
    path = HERE / f"out-{worker}.json"
    path.with_suffix(".tmp").write_text(json.dumps(done))
    path.with_suffix(".tmp").rename(path)


def _claimed(item: dict[str, Any]) -> bool:
    """Claim an item; creating a file exclusively works on shared folders too."""
    try:
        os.close(os.open(HERE / f"claim-{item['index']}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def main() -> None:
    """Entry point."""
    how, way, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    items = json.loads((HERE / "items.json").read_text())
    warm_kernel()
    {"array": by_array, "mpi": by_mpi}[how](items, way, workers)


if __name__ == "__main__":
    main()
