"""`make bench-mpi`: ping-pong, all-reduce and all-to-all between pods, inside one, and between plain containers."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.grid import forget, run_grid
from benchmarks.mpi.case import CONTAINER, MACHINE, MACHINES, POD, TWO_CONTAINERS, nodes_of
from benchmarks.release import Release
from benchmarks.report.section import publish
from benchmarks.results.record import Line, Recorder, Run
from benchmarks.results.statistics import interval, verdict
from benchmarks.site import command, machines, parser, release, results, where

# Seconds of a size, the largest message, repetitions.
PRESETS = {"quick": (0.2, 1 << 21, 5), "smoke": (0.005, 1 << 9, 1), "full": (1.0, 1 << 24, 11)}
SERIES = (TWO_CONTAINERS, MACHINES, MACHINE, CONTAINER, POD)


def pools() -> dict[str, Any]:
    """Two pods on one machine and one on another, each with room for two ranks."""
    names = machines()
    pool = {"cpus": 2, "memory": "512Mi"}
    chosen = [{"nodeSelector": {"kubernetes.io/hostname": name}} for name in names[:2]]
    found = {"near": {**pool, **chosen[0], "replicas": 2}}
    return found | ({"far": {**pool, **chosen[1], "replicas": 1}} if len(chosen) > 1 else {})


def cases(preset: str, series: Sequence[str], rounds: int = 0) -> list[dict[str, Any]]:
    """One round after the other, so that pairs see the same machine."""
    seconds, largest, repetitions = PRESETS[preset]
    return [
        {"series": name, "seconds": seconds, "largest": largest, "block": block}
        for block in range(rounds or repetitions)
        for name in (series if block % 2 == 0 else series[::-1])
    ]


def summary(runs: Sequence[Run]) -> list[Line]:
    """Latency and bandwidth of each place, and pods beside containers."""
    lines = []
    # A run that failed has its case alone.
    largest = max((int(run.parameters["bytes"]) for run in runs if "bytes" in run.parameters), default=0)
    for series in dict.fromkeys(run.series for run in runs):
        latency = values(runs, series, "ping-pong", 8, "microseconds")
        bandwidth = values(runs, series, "ping-pong", largest, "megabytes_per_second")
        if latency and bandwidth:
            said = f"{interval(latency).text(1)} µs, {interval(bandwidth).text(0)} MB/s"
            lines.append(Line(f"{series}: half round trip of 8 bytes, bandwidth at {largest} bytes", said))
    for pods, plain in ((MACHINES, TWO_CONTAINERS), (MACHINE, TWO_CONTAINERS), (POD, CONTAINER)):
        for pattern in ("ping-pong", "all-reduce", "all-to-all"):
            first, second = (values(runs, name, pattern, 8, "microseconds") for name in (pods, plain))
            if first and len(first) == len(second):
                ratios = [b / a for a, b in zip(first, second, strict=True)]
                said = f"{interval(ratios).text()}: {verdict(ratios)}"
                lines.append(Line(f"{pods} / {plain}, {pattern} of 8 bytes, as fast", said))
    return lines


def values(runs: Sequence[Run], series: str, pattern: str, size: int, figure: str) -> list[float]:
    """One figure of one place, in the order of rounds."""
    found = [
        (run.block, run.figures[figure])
        for run in runs
        if run.valid and run.series == series and (run.parameters["pattern"], run.parameters["bytes"]) == (pattern, size)
    ]  # fmt: skip
    return [value for _, value in sorted(found)]


def measure(arguments: argparse.Namespace, found: Release, folder: Path) -> Path:
    """Run the grid and save the result."""
    recorder = Recorder("mpi", arguments.preset, command("benchmarks.mpi"))
    nodes = {name: nodes_of(name, found.nodes()) for name in (MACHINES, MACHINE, POD)}
    series = [name for name in SERIES if nodes.get(name, ["here"])]
    grid = f"mpi-{arguments.preset}"
    runs = run_grid(
        grid,
        "benchmarks.mpi.case:run",
        cases(arguments.preset, series, arguments.rounds),
        {**where(found), "nodes": nodes},
    )
    result = recorder.result
    result.runs, result.summary, result.images = runs, summary(runs), found.images()
    result.notes = [f"The release has no {name}." for name in SERIES if name not in series]
    path = recorder.save(folder)
    forget(grid)
    return path


def main() -> None:
    """Entry point."""
    arguments = parser(__doc__, list(PRESETS)).parse_args()
    with release(arguments, {} if arguments.release else pools()) as found:
        if found is None:
            raise SystemExit("error: MPI needs a release; next: leave out --no-cluster")
        print(publish(measure(arguments, found, results(arguments))))


if __name__ == "__main__":
    main()
