"""`make bench-thesis`: the thesis's two experiments with notebooks, as it did them.

Sixteen notebooks that multiply matrices: how long from the start to the last result, and how much of that is waiting; here
and on a release's Slurm. And a result of five million elements: time and size of each format that can hold it.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sweep_client
from benchmarks.release import Release
from benchmarks.report.section import publish
from benchmarks.results.record import Line, Recorder, Run
from benchmarks.results.statistics import interval
from benchmarks.site import command, parser, release, results

NOTEBOOKS = 16
WORKERS = {"cpu": {"replicas": 2, "cpus": 1, "memory": "768Mi"}}
# Rows of the matrices, elements of the result, repetitions.
PRESETS = {"quick": (1500, 5_000_000, 3), "smoke": (50, 1000, 1)}
THERE = {
    "total": "200.27 s",
    "work": "21 to 22 s each",
    "waiting": "about 150 s",
    "generated": "0.28 s",
    "joined": "0.04 s",
}
PRODUCT = "import time\nimport numpy\nbegun = time.perf_counter()\nmatrix = numpy.random.default_rng(seed).random((rows, rows))\nfor _ in range(8):\n    matrix = matrix @ matrix\n    matrix /= matrix.max()\nfound = {'seed': seed, 'seconds': time.perf_counter() - begun, 'trace': float(matrix.trace())}\nfound"


def notebook(path: Path, rows: int) -> Path:
    """The notebook: parameters and products."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": tag, "metadata": {"tags": [tag]}, "execution_count": None, "outputs": [], "source": source}
        for tag, source in (("parameters", f"seed: int = 0\nrows: int = {rows}"), ("results", PRODUCT))
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells, "metadata": {"kernelspec": kernel}})
    )
    return path


def here(rows: int, block: int) -> Run:
    """All notebooks on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        source = notebook(Path(folder) / "product.ipynb", rows)
        begun = time.perf_counter()
        sweep = sweep_client.run(
            source, [{"seed": seed, "rows": rows} for seed in range(NOTEBOOKS)], Path(folder) / "out"
        )
        counts = sweep.wait()
        total = time.perf_counter() - begun
        begun = time.perf_counter()
        work = [value["seconds"] for value in (v.values["found"].load() for v in sweep.results.variants())]
        joined = time.perf_counter() - begun
    return _run(
        "here", total, work, joined=joined, done=counts["done"], block=block, workers=os.cpu_count() or 1
    )


def on_slurm(found: Release, rows: int, block: int) -> Run:
    """All notebooks as one array job, started at the release's frontend."""
    with tempfile.TemporaryDirectory() as folder:
        text = notebook(Path(folder) / "product.ipynb", rows).read_text()
    name = f"bench-thesis-{block}"
    workers = sum(node.cpus for node in found.nodes())
    program = (
        "import json, time\nfrom sweep_client.sweep import run\nbegun = time.perf_counter()\n"
        f"s = run('product.ipynb', [dict(seed=n, rows={rows}) for n in range({NOTEBOOKS})], 'out', 'slurm', executor_options=dict(workers={workers}, memory='400M'))\n"
        "counts = s.wait()\ntotal = time.perf_counter() - begun\nbegun = time.perf_counter()\n"
        "work = [v.values['found'].load()['seconds'] for v in s.results.variants()]\n"
        "print(json.dumps([total, work, time.perf_counter() - begun, counts['done']]))\n"
    )
    found.put(name, {"product.ipynb": text, "run.py": program})
    try:
        said = found.run(f"cd {name} && python3 run.py").splitlines()[-1]
    finally:
        found.run(f"rm -rf {name}")
    total, work, joined, done = json.loads(said)
    return _run("as Slurm jobs", total, work, joined=joined, done=done, block=block, workers=workers)


def saved(elements: int, block: int) -> list[Run]:
    """A result of so many numbers in every format: written, read, and its size."""
    import numpy

    numbers = numpy.random.default_rng(block).normal(size=elements)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (write, read) in formats(Path(folder) / "numbers").items():
            begun = time.perf_counter()
            path = write(numbers)
            spent = time.perf_counter() - begun
            begun = time.perf_counter()
            same = bool(numpy.allclose(numpy.asarray(read(path)), numbers, rtol=1e-12))
            figures = {
                "seconds": spent,
                "read_seconds": time.perf_counter() - begun,
                "megabytes": path.stat().st_size / 1e6,
            }
            found.append(Run("save", {"format": name, "elements": elements}, figures, block, same))
    return found


def formats(path: Path) -> dict[str, tuple[Callable[[Any], Path], Callable[[Path], Any]]]:
    """How each format is written and read, as its usual library does it."""
    import pickle

    import numpy
    import pandas
    import pyarrow
    from pyarrow import feather, parquet

    def at(suffix: str, write: Callable[[Any, Path], object]) -> Callable[[Any], Path]:
        target = path.with_suffix(suffix)

        def written(numbers: Any) -> Path:
            write(numbers, target)
            return target

        return written

    def arrow(numbers: Any) -> Any:
        return pyarrow.table({"x": numbers})

    return {
        "Arrow": (at(".arrow", lambda x, p: feather.write_feather(arrow(x), p, compression="uncompressed")), lambda p: feather.read_table(p)["x"]),
        "Parquet": (at(".parquet", lambda x, p: parquet.write_table(arrow(x), p)), lambda p: parquet.read_table(p)["x"]),
        "NPY": (at(".npy", lambda x, p: numpy.save(p, x)), numpy.load),
        "pickle": (at(".pickle", lambda x, p: p.write_bytes(pickle.dumps(x))), lambda p: pickle.loads(p.read_bytes())),  # noqa: S301
        "JSON": (at(".json", lambda x, p: p.write_text(json.dumps(x.tolist()))), lambda p: json.loads(p.read_text())),
        "CSV": (at(".csv", lambda x, p: pandas.DataFrame({"x": x}).to_csv(p, index=False)), lambda p: pandas.read_csv(p)["x"]),
    }  # fmt: skip


def summary(runs: Sequence[Run]) -> list[Line]:
    """A line per place and per format."""
    lines = []
    for series in ("here", "as Slurm jobs"):
        own = [run for run in runs if run.series == series and run.valid]
        if own:
            total, work, waiting, joined = (
                interval([run.figures[key] for run in own])
                for key in ("seconds", "work", "waiting", "joined")
            )
            said = f"{total.text()} s; work of a notebook {work.median:.2f} s, workers without work {waiting.text()} s, joined in {joined.median:.3f} s"
            lines.append(
                Line(
                    f"{NOTEBOOKS} notebooks of matrix products, {series}",
                    said,
                    f"the thesis: {THERE['total']}, {THERE['waiting']} of it waiting",
                )
            )
    for kind in dict.fromkeys(run.parameters["format"] for run in runs if run.series == "save"):
        own = [run for run in runs if run.series == "save" and run.parameters["format"] == kind]
        seconds, read, size = (
            interval([run.figures[key] for run in own]) for key in ("seconds", "read_seconds", "megabytes")
        )
        what = f"{own[0].parameters['elements']:,} numbers as {kind}"
        lines.append(
            Line(
                what, f"written in {seconds.median:.3f} s, read in {read.median:.3f} s, {size.median:.1f} MB"
            )
        )
    return lines


def _run(
    series: str, total: float, work: list[float], *, joined: float, done: int, block: int, workers: int
) -> Run:
    # Waiting is what is left when all work is shared evenly by the workers.
    figures = {
        "seconds": total,
        "work": sum(work) / len(work),
        "waiting": total - sum(work) / workers,
        "joined": joined,
    }
    return Run(series, {"notebooks": NOTEBOOKS}, figures, block, done == NOTEBOOKS)


def main() -> None:
    """Entry point."""
    arguments = parser(__doc__, list(PRESETS)).parse_args()
    rows, elements, repetitions = PRESETS[arguments.preset]
    recorder = Recorder("sweep", arguments.preset, command("benchmarks.sweep.thesis"))
    with release(arguments, WORKERS) as found:
        for block in range(arguments.rounds or repetitions):
            recorder.result.runs += [
                here(rows, block),
                *([on_slurm(found, rows, block)] if found else []),
                *saved(elements, block),
            ]
    recorder.result.summary = summary(recorder.result.runs)
    print(publish(recorder.save(results(arguments))))


if __name__ == "__main__":
    main()
