"""A benchmark's newest result inside a notebook: its summary, its plots and their numbers as tables."""

from typing import Any

from benchmarks.report.page import newest
from benchmarks.report.plots import PLOTS, draw, points, rows
from benchmarks.results.record import Result, history


def result(benchmark: str) -> Result:
    """The newest measured result.

    Raises:
        LookupError: there is none.
    """
    found = [result for result in newest(history()) if result.benchmark == benchmark]
    if not found:
        raise LookupError(f"there is no result of {benchmark}; next: make bench-{benchmark}")
    return found[0]


def summary(found: Result) -> Any:
    """What was wanted and what came out, as a table."""
    import pandas

    return pandas.DataFrame([line.__dict__ for line in found.summary])


def plots(found: Result) -> list[tuple[Any, Any]]:
    """Each plot as an image that a notebook shows, and its numbers as a table."""
    import pandas
    from IPython.display import SVG

    shown = [(plot, points(plot, found)) for plot in PLOTS[found.benchmark]]
    heads = ["line", "x", "median", "low", "high", "runs"]
    return [(SVG(draw(plot, own)), pandas.DataFrame(rows(own), columns=heads)) for plot, own in shown if own]
