"""`make bench-mandelbrot`: pictures over 1 to 20 and more workers; time, speed-up and efficiency.

One kernel on IPyParallel's engines (here, of a release's pool `--on`, or of `--connection-file`), as mpi4py ranks and as a
Slurm array. Rows of the picture cost very different time: `static` gives each worker one block of them, `balanced` gives the
next to whoever is free.
"""

import argparse
import base64
import contextlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.grid import forget, run_grid
from benchmarks.mandelbrot import kernel
from benchmarks.mandelbrot.case import ARRAY, ENGINES, LIMIT, MPI, POOL
from benchmarks.release import Release, has_slurm
from benchmarks.report.section import publish
from benchmarks.results.record import Line, Recorder, Run
from benchmarks.results.statistics import interval, reached
from benchmarks.site import command, parser, release, results, where
from benchmarks.spread import pool as pools
from benchmarks.spread.pool import Pool
from tests.kube import Namespace
from tests.sweep_client.executors.engines import start_engines

WORKERS = {"cpu": {"replicas": 2, "cpus": 1, "memory": "512Mi"}}


@dataclass(frozen=True)
class Preset:
    """How much is run."""

    sizes: dict[str, list[str]]
    workers: list[int]
    blocks: int
    repetitions: int


PRESETS = {
    # Seconds per run: shorter ones tell more of the machine than of the pictures.
    "quick": Preset({"ascii": ["640x320"], "numpy": ["1400x1050"]}, [1, 2, 4], 40, 5),
    "smoke": Preset({"ascii": ["40x20"], "numpy": ["80x60"]}, [2], 8, 1),
    "full": Preset(
        {"ascii": ["160x80", "320x160"], "numpy": ["1000x750", "2000x1500"]}, [1, 2, 3, 4, 8, 12, 16, 20, 24], 96, 5
    ),
}  # fmt: skip


def cases(preset: Preset, places: Mapping[str, int], rounds: int = 0) -> list[dict[str, Any]]:
    """All runs on places with the most workers of each. Those of one block follow each other, so that what disturbs the machine disturbs all of them."""
    return [
        {"series": place, "fractal": fractal, "size": size, "rows": rows, "workers": workers, "blocks": preset.blocks, "block": block}
        for block in range(rounds or preset.repetitions)
        for fractal, sizes in preset.sizes.items()
        for size in sizes
        for place in places
        for rows in ("static", "balanced")
        for workers in preset.workers
        if workers <= places[place]
    ]  # fmt: skip


def with_efficiency(runs: Sequence[Run]) -> list[Run]:
    """Add speed-up and efficiency against the run of one worker of the same block; mark pictures that differ."""
    alone = {
        _kind(run): run.figures["seconds"] for run in runs if run.valid and run.parameters["workers"] == 1
    }
    pictures: dict[tuple[object, object], str] = {}
    for run in runs:
        if not run.valid:
            continue
        seen = pictures.setdefault((run.parameters["fractal"], run.parameters["size"]), run.facts["sha256"])
        if seen != run.facts["sha256"]:
            run.valid, run.error = False, "its picture is not that of the other runs"
        elif _kind(run) in alone:
            times = alone[_kind(run)] / run.figures["seconds"]
            run.figures = {
                **run.figures,
                "speedup": times,
                "efficiency": times / int(run.parameters["workers"]),
            }
    return list(runs)


def summary(runs: Sequence[Run], cores: int) -> list[Line]:
    """Efficiency on as many workers as have a core each: what is wanted, per place."""
    lines = []
    for series in dict.fromkeys(run.series for run in runs):
        counts = {int(run.parameters["workers"]) for run in runs if run.series == series}
        workers = max((count for count in counts if 1 < count <= cores), default=0)
        for rows in ("static", "balanced"):
            for fractal in LIMIT:
                wanted = {"rows": rows, "fractal": fractal, "workers": workers}
                found = [
                    run for run in runs if run.series == series and wanted.items() <= run.parameters.items()
                ]
                sizes = sorted(
                    {str(run.parameters["size"]) for run in found}, key=lambda text: int(text.split("x")[0])
                )
                values = [
                    run.figures["efficiency"] for run in found if run.valid and "efficiency" in run.figures and run.parameters["size"] == sizes[-1]
                ]  # fmt: skip
                if values:
                    seen = interval(values)
                    what = f"efficiency of {workers} workers, {series}, {fractal} {sizes[-1]}, {rows} rows"
                    lines.append(Line(what, seen.text(), *_wanted(rows, values)))
    return lines


def picture(size: str = "640x480") -> str:
    """The picture itself as PNG in base64."""
    import numpy
    from matplotlib import image

    width, height = (int(word) for word in size.split("x"))
    item = {"width": width, "height": height, "first": 0, "last": height, "limit": 150}
    counts = numpy.frombuffer(kernel.numpy_rows(item), numpy.uint16).reshape(height, width)
    target = io.BytesIO()
    image.imsave(target, numpy.log1p(counts), cmap="magma", format="png")
    return base64.b64encode(target.getvalue()).decode()


def measure(
    arguments: argparse.Namespace, found: Release | None, folder: Path, pool: Pool | None = None
) -> Path:
    """Run the grid and save the result."""
    preset, most = PRESETS[arguments.preset], max(PRESETS[arguments.preset].workers)
    recorder = Recorder("mandelbrot", arguments.preset, command("benchmarks.mandelbrot"))
    result = recorder.result
    cores = pool.cores() if pool else result.machine["cores"]
    places = {POOL: _engines_of(pool, preset)} if pool else {ENGINES: most}
    if pool:
        result.notes.append(
            f"The pool has {places[POOL]} engines, on machines with {cores} cores together; its client runs beside its controller."
        )
    if found:
        cpus = sum(node.cpus for node in found.nodes())
        places |= {MPI: most, ARRAY: cpus}
        if cpus < most:
            result.notes.append(
                f"The release has {cpus} CPUs: array tasks beyond that would wait, so they are left out; MPI ranks beyond that share CPUs."
            )
    name = f"mandelbrot-{arguments.preset}{f'-on-{pool.name}' if pool else ''}{'' if found else '-here'}"
    with _engines(arguments.connection_file, most, pool) as engines:
        chosen = cases(preset, places, arguments.rounds)
        runs = run_grid(name, "benchmarks.mandelbrot.case:run", chosen, {**where(found), **engines})
    result.runs = with_efficiency(runs)
    result.summary = summary(result.runs, cores)
    installed = found or (pool and Release(Namespace(pool.namespace), pool.release))
    result.images = installed.images() if installed else {}
    result.picture = picture("160x120" if arguments.preset == "smoke" else "640x480")
    path = recorder.save(folder)
    forget(name)
    return path


def _engines_of(pool: Pool, preset: Preset) -> int:
    count, least = pool.engines(), min(preset.workers)
    if count < least:
        sys.exit(
            f"error: pool {pool.name} has {count} engines, this preset wants {least} at least\n"
            f"  next: kubectl scale -n {pool.namespace} deployment/{pool.release}-engines-{pool.name} --replicas={max(preset.workers)}"
        )
    return count


@contextlib.contextmanager
def _engines(connection_file: str, count: int, pool: Pool | None) -> Iterator[dict[str, Any]]:
    """Whose engines a run takes: a pool's, or those that a connection file names."""
    if pool:
        yield {"pool": asdict(pool)}
        return
    with local_engines(connection_file, count) as path:
        yield {"engines": path}


@contextlib.contextmanager
def local_engines(connection_file: str, count: int) -> Iterator[str]:
    """The connection file of some engines: the given one's, or of so many that are started on this machine."""
    if connection_file:
        yield connection_file
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile"
        profile.mkdir()
        started = start_engines(profile, count)
        try:
            yield str(started.connection_file)
        finally:
            started.stop()


def _kind(run: Run) -> tuple[object, ...]:
    return (run.series, run.block, *(run.parameters[name] for name in ("fractal", "size", "rows")))


def _wanted(rows: str, values: Sequence[float]) -> tuple[str, bool | None]:
    return ("", None) if rows == "static" else ("≥ 0.9", reached(values, 0.9))


def main() -> None:
    """Entry point."""
    made = parser(__doc__, list(PRESETS))
    made.add_argument(
        "--on",
        metavar="POOL",
        help="a pool of engines of --release (chart jupyter or hpc) in place of engines here; with --no-cluster nothing else",
    )
    made.add_argument(
        "--connection-file",
        default="",
        help="ipcontroller-client.json of engines; some are started here by default",
    )
    arguments = made.parse_args()
    pool = None
    if arguments.on:
        if not arguments.release:
            made.error("--on needs --release and --namespace, where the pool is")
        pool = pools.installed(arguments.namespace, arguments.release, arguments.on)
        arguments.no_cluster = arguments.no_cluster or not has_slurm(arguments.namespace, arguments.release)
    with release(arguments, WORKERS) as found:
        print(publish(measure(arguments, found, results(arguments), pool)))


if __name__ == "__main__":
    main()
