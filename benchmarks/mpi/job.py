"""What each rank runs: `python job.py SECONDS LARGEST` times messages of growing size and prints JSON on rank 0.

Ping-pong is between the first two ranks, all-reduce and all-to-all are over all. A size runs in batches until it had its
SECONDS; the figure is the median batch. Sums and contents are checked. It needs mpi4py and NumPy alone.
"""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy
from mpi4py import MPI  # type: ignore[import-not-found]

BATCHES = 11
WORLD = MPI.COMM_WORLD


def time_of(operation: Callable[[], None], seconds: float) -> float:
    """Median seconds of an operation, over batches that all ranks run in step."""
    operation()
    WORLD.Barrier()
    begun = MPI.Wtime()
    operation()
    once: float = WORLD.bcast(max(1e-7, MPI.Wtime() - begun), 0)
    count = max(1, min(20_000, int(seconds / BATCHES / once)))
    batches: list[float] = []
    for _ in range(BATCHES):
        WORLD.Barrier()
        begun = MPI.Wtime()
        for _ in range(count):
            operation()
        batches.append((MPI.Wtime() - begun) / count)
    return statistics.median(batches)


def ping_pong(size: int) -> tuple[Callable[[], None], Callable[[], bool]]:
    """A message there and back."""
    sent, received = numpy.full(size, WORLD.rank + 1, numpy.uint8), numpy.zeros(size, numpy.uint8)

    def operation() -> None:
        if WORLD.rank == 0:
            WORLD.Send(sent, 1)
            WORLD.Recv(received, 1)
        elif WORLD.rank == 1:
            WORLD.Recv(received, 0)
            WORLD.Send(sent, 0)

    return operation, lambda: WORLD.rank > 1 or bool((received == 2 - WORLD.rank).all())


def all_reduce(size: int) -> tuple[Callable[[], None], Callable[[], bool]]:
    """The sum of all ranks' numbers, for all of them."""
    sent = numpy.full(max(1, size // 8), float(WORLD.rank + 1))
    received = numpy.zeros_like(sent)
    total = WORLD.size * (WORLD.size + 1) / 2
    return lambda: WORLD.Allreduce(sent, received), lambda: bool((received == total).all())


def all_to_all(size: int) -> tuple[Callable[[], None], Callable[[], bool]]:
    """A message from each rank to each."""
    sent = numpy.full((WORLD.size, size), WORLD.rank, numpy.uint8)
    received = numpy.zeros_like(sent)
    expected = numpy.arange(WORLD.size, dtype=numpy.uint8)[:, None]
    return lambda: WORLD.Alltoall(sent, received), lambda: bool((received == expected).all())


def main() -> None:
    """Time all patterns and sizes."""
    seconds, largest = float(sys.argv[1]), int(sys.argv[2])
    found: list[dict[str, Any]] = []
    for pattern, make in (("ping-pong", ping_pong), ("all-reduce", all_reduce), ("all-to-all", all_to_all)):
        size = 8
        while size <= largest:
            operation, check = make(size)
            spent = time_of(operation, seconds)
            right = WORLD.allreduce(check(), MPI.LAND)
            one_way = spent / 2 if pattern == "ping-pong" else spent
            found.append(
                {"pattern": pattern, "bytes": size, "microseconds": one_way * 1e6, "megabytes_per_second": size / one_way / 1e6, "right": right}
            )  # fmt: skip
            size *= 8
    hosts = WORLD.gather(MPI.Get_processor_name(), 0)
    if WORLD.rank == 0:
        print(
            json.dumps(
                {
                    "ranks": WORLD.size,
                    "hosts": hosts,
                    "found": found,
                    "mpi": MPI.Get_library_version().split(",")[0],
                }
            )
        )


if __name__ == "__main__":
    main()
