"""`make bench-climate`: the mean of a generated ERA5-like variable with 1, 2 and 4 workers under dask, engines and Slurm."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.climate.case import ARRAY, DASK, DASK_POD, ENGINES, MPI, make
from benchmarks.grid import forget, run_grid
from benchmarks.mandelbrot.__main__ import local_engines
from benchmarks.release import Release
from benchmarks.report.section import publish
from benchmarks.results.record import Line, Recorder, Run
from benchmarks.results.statistics import interval
from benchmarks.site import command, parser, release, results, where

FORMATS = ("netcdf", "zarr")
WORKERS = {"cpu": {"replicas": 2, "cpus": 2, "memory": "2Gi"}}
# Latitudes x longitudes, steps, workers, repetitions. 721x1440 is ERA5's own grid; a step of it is 2 MB.
PRESETS = {
    "quick": ("361x720", 192, (1, 2, 4), 5),
    "smoke": ("19x36", 16, (2,), 1),
    "full": ("721x1440", 384, (1, 2, 4), 5),
}  # fmt: skip


def cases(
    preset: str, series: Sequence[str], megabytes: int, cpus: int, rounds: int = 0
) -> list[dict[str, Any]]:
    """All runs, a round after the other; dask in a pod has no more workers than the pod CPUs."""
    grid, _, workers, repetitions = PRESETS[preset]
    return [
        {"series": name, "format": kind, "steps": steps(preset, megabytes), "grid": grid, "workers": count, "block": block}
        for block in range(rounds or repetitions)
        for kind in FORMATS
        for name in series
        for count in workers
        if name != DASK_POD or count <= cpus
    ]  # fmt: skip


def steps(preset: str, megabytes: int) -> int:
    """Time steps of the preset, or those that make a size."""
    grid, own, _, _ = PRESETS[preset]
    rows, columns = (int(word) for word in grid.split("x"))
    return max(4, round(megabytes * 1e6 / (2 * rows * columns))) if megabytes else own


def summary(runs: Sequence[Run]) -> list[Line]:
    """Time and throughput per place and number of workers."""
    lines = []
    kinds = dict.fromkeys(
        (run.series, run.parameters["format"], run.parameters["workers"]) for run in runs if run.valid
    )
    for series, kind, workers in kinds:
        own = [
            run
            for run in runs
            if run.valid
            and (run.series, run.parameters["format"], run.parameters["workers"]) == (series, kind, workers)
        ]
        seconds = interval([run.figures["seconds"] for run in own])
        speed = interval([run.figures["megabytes_per_second"] for run in own])
        lines.append(
            Line(f"{series}, {kind}, {workers} workers", f"{seconds.text()} s, {speed.median:.0f} MB/s")
        )
    return lines


def measure(arguments: argparse.Namespace, found: Release | None, folder: Path) -> Path:
    """Make the data, run the grid and save the result."""
    grid, _, workers, _ = PRESETS[arguments.preset]
    count = steps(arguments.preset, arguments.megabytes)
    recorder = Recorder("climate", arguments.preset, command("benchmarks.climate"))
    series = [DASK, ENGINES, *([DASK_POD, MPI, ARRAY] if found else [])]
    cpus = max(node.cpus for node in found.nodes()) if found else 0
    name = f"climate-{arguments.preset}{'' if found else '-here'}"
    with (
        tempfile.TemporaryDirectory() as made,
        local_engines(arguments.connection_file, max(workers)) as connection_file,
    ):
        data = {
            "here": _data(f"{made}/t2m", count, grid),
            "release": _data("bench-climate/t2m", count, grid, found) if found else {},
        }
        here = {**where(found), "engines": connection_file, "data": data, "workers": workers}
        runs = run_grid(
            name,
            "benchmarks.climate.case:run",
            cases(arguments.preset, series, arguments.megabytes, cpus, arguments.rounds),
            here,
        )
    if found:
        found.run("rm -rf bench-climate")
    result = recorder.result
    result.runs, result.summary = runs, summary(runs)
    result.images = found.images() if found else {}
    result.notes = [
        f"{count} steps of {grid} cells, two bytes each: {data['here'][FORMATS[0]]['megabytes']:.0f} MB unpacked from NetCDF (zlib) or Zarr."
    ]
    path = recorder.save(folder)
    forget(name)
    return path


def _data(path: str, count: int, grid: str, found: Release | None = None) -> dict[str, Any]:
    # Tasks of an array run in folders of their own below the home.
    seen = {kind: f"{found.home()}/{path}.{kind}" if found else f"{path}.{kind}" for kind in FORMATS}
    return {kind: {"path": place, **make(place, kind, count, grid, found)} for kind, place in seen.items()}


def main() -> None:
    """Entry point."""
    made = parser(__doc__, list(PRESETS))
    made.add_argument(
        "--megabytes", type=int, default=0, help="size of the variable; the preset's by default"
    )
    made.add_argument(
        "--connection-file",
        default="",
        help="ipcontroller-client.json of engines; some are started here by default",
    )
    arguments = made.parse_args()
    with release(arguments, WORKERS) as found:
        print(publish(measure(arguments, found, results(arguments))))


if __name__ == "__main__":
    main()
