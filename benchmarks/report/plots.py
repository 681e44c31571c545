"""Plots of runs: a line per series through medians, a band for their interval, a dot per run; and the numbers behind it."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.results.record import Result, Run, Value
from benchmarks.results.statistics import interval

# Text stays text: files are small, and readers can search and copy it.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hpc",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}

# There are ten colours; lines beyond them are dashed.
DASHES = ("-", "--", ":")


@dataclass(frozen=True)
class Plot:
    """What is drawn over what; runs are of one line where `lines` are equal, and `only` chooses runs."""

    title: str
    x: str
    y: str
    lines: tuple[str, ...] = ()
    only: tuple[tuple[str, Value], ...] = ()
    scale: str = "linear"
    labels: tuple[str, str] = ("", "")
    ideal: str = ""


PLOTS: dict[str, list[Plot]] = {
    "hpl": [
        Plot("Speed over the size of the problem", "N", "gflops", ("NB", "grid"), labels=("N", "GFLOPS")),
        Plot("Speed over the block size", "NB", "gflops", ("N", "grid"), labels=("NB", "GFLOPS")),
        Plot("HPL's part of the matrix product on the same cores", "N", "of_dgemm", ("NB", "grid"), labels=("N", "HPL / DGEMM")),
    ],
    "mandelbrot": [
        Plot("Time", "workers", "seconds", ("fractal", "size", "rows"), scale="log", labels=("workers", "seconds")),
        Plot("Speed-up", "workers", "speedup", ("fractal", "size", "rows"), labels=("workers", "times one worker"), ideal="x"),
        Plot("Efficiency", "workers", "efficiency", ("fractal", "size", "rows"), labels=("workers", "speed-up / workers"), ideal="one"),
    ],
    "mpi": [
        Plot("Ping-pong: half round trip", "bytes", "microseconds", (), (("pattern", "ping-pong"),), "log", ("bytes", "µs")),
        Plot("Ping-pong: bandwidth", "bytes", "megabytes_per_second", (), (("pattern", "ping-pong"),), "log", ("bytes", "MB/s")),
        Plot("All-reduce", "bytes", "microseconds", (), (("pattern", "all-reduce"),), "log", ("bytes", "µs")),
        Plot("All-to-all", "bytes", "microseconds", (), (("pattern", "all-to-all"),), "log", ("bytes per pair", "µs")),
    ],
    "climate": [
        Plot("Time of the mean", "workers", "seconds", ("format",), labels=("workers", "seconds")),
        Plot("Throughput", "workers", "megabytes_per_second", ("format",), labels=("workers", "MB/s")),
    ],
    "sweep": [],
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """The runs of one line at one place."""

    line: str
    x: Value
    values: tuple[float, ...]


def points(plot: Plot, result: Result) -> list[Point]:
    """The runs that a plot shows, by line and place; those that were not valid are left out."""
    found: dict[tuple[str, Value], list[float]] = {}
    for run in result.runs:
        if run.valid and plot.x in run.parameters and plot.y in run.figures and _chosen(plot, run):
            name = ", ".join([run.series, *(_named(key, run) for key in plot.lines if key in run.parameters)])
            found.setdefault((name, run.parameters[plot.x]), []).append(run.figures[plot.y])
    ordered = sorted(found.items(), key=lambda entry: (entry[0][0], float(entry[0][1])))
    return [Point(line, x, tuple(values)) for (line, x), values in ordered]


def as_csv(plot: Plot, shown: Iterable[Point]) -> str:
    """The numbers of a plot, one line per point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["line", plot.x, f"{plot.y} (median)", "low", "high", "runs"])
    for row in rows(shown):
        writer.writerow(row)
    return text.getvalue()


def rows(shown: Iterable[Point]) -> list[list[object]]:
    """The same, as a table's rows."""
    table: list[list[object]] = []
    for point in shown:
        seen = interval(point.values)
        table.append(
            [point.line, point.x, _short(seen.median), _short(seen.low), _short(seen.high), seen.runs]
        )
    return table


def draw(plot: Plot, shown: Sequence[Point]) -> str:
    """The plot as SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for number, line in enumerate(dict.fromkeys(point.line for point in shown)):
            own = [point for point in shown if point.line == line]
            xs = [float(point.x) for point in own]
            seen = [interval(point.values) for point in own]
            (drawn,) = axes.plot(
                xs,
                [part.median for part in seen],
                marker="o",
                markersize=3,
                linestyle=DASHES[number // 10 % len(DASHES)],
                label=line,
            )
            axes.fill_between(
                xs, [p.low for p in seen], [p.high for p in seen], alpha=0.2, color=drawn.get_color()
            )
        places = sorted({float(point.x) for point in shown})
        if plot.ideal:
            axes.plot(places, places if plot.ideal == "x" else [1.0] * len(places), "k:", label="ideal")
        axes.set(xlabel=plot.labels[0], ylabel=plot.labels[1], title=plot.title)
        if plot.scale == "log":
            axes.set(xscale="log", yscale="log")
        else:
            axes.set_ylim(bottom=0)
        axes.legend(fontsize=7)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()[target.getvalue().index("<svg") :]


def _chosen(plot: Plot, run: Run) -> bool:
    return all(run.parameters.get(key) == value for key, value in plot.only)


def _named(key: str, run: Run) -> str:
    value = run.parameters[key]
    return str(value) if isinstance(value, str) else f"{key} {value}"


def _short(number: float) -> str:
    return f"{number:.4g}"
