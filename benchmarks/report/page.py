"""The report: the newest result of each benchmark with its plots and numbers, earlier ones and the publications beside."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from benchmarks.report.plots import PLOTS, as_csv, draw, points, rows
from benchmarks.report.top import HEADS, top_rows
from benchmarks.results.record import Result

TITLES = {
    "hpl": "HPL: a dense linear system",
    "mandelbrot": "Mandelbrot: uneven work over many workers",
    "mpi": "MPI: messages between pods",
    "climate": "Climate: the mean of a gridded variable",
    "sweep": "The thesis's notebooks: many at once, and large results",
}
MOST_EARLIER = 40


def newest(results: Sequence[Result]) -> list[Result]:
    """The newest measured result of each benchmark, in the report's order."""
    last = {result.benchmark: result for result in results if result.source == "measured"}
    return [last[name] for name in TITLES if name in last]


def write(results: Sequence[Result], folder: Path) -> Path:
    """Write `report.html`, and each plot as SVG and CSV beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_part(result, results) for result in newest(results)]
    for figure in [figure for part in parts for figure in part["figures"]]:
        (folder / f"{figure['name']}.svg").write_text(figure["svg"])
        (folder / f"{figure['name']}.csv").write_text(figure["csv"])
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    html = environment.get_template("page.html.jinja").render(
        parts=parts, made=made, top=top_rows(results), top_heads=HEADS
    )
    path = folder / "report.html"
    path.write_text(html)
    return path


def _part(result: Result, results: Sequence[Result]) -> dict[str, Any]:
    figures = []
    for number, plot in enumerate(PLOTS[result.benchmark], 1):
        shown = points(plot, result)
        if shown:
            heads = ["line", plot.x, "median", "low", "high", "runs"]
            name = f"{result.benchmark}-{number}"
            figures.append(
                {"name": name, "svg": draw(plot, shown), "csv": as_csv(plot, shown), "heads": heads, "rows": rows(shown)}
            )  # fmt: skip
    failed = [
        [run.series, _text(run.parameters), run.error or "the check of what it computed failed"]
        for run in result.runs
        if not run.valid
    ]
    others = [other for other in results if other.benchmark == result.benchmark and other is not result]
    earlier = [
        [other.started, other.preset, _where(other), line.what, line.measured]
        for other in reversed(others)
        for line in other.summary
    ]
    return {
        "title": TITLES[result.benchmark],
        "result": result,
        "figures": figures,
        "failed": failed,
        "earlier": earlier[:MOST_EARLIER],
    }


def _where(result: Result) -> str:
    source = f" ({result.command})" if result.source == "quoted" else ""
    return f"{result.machine['cores']} x {result.machine['cpu']}{source}"


def _text(parameters: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())
