"""`make bench-compare`: a result beside an earlier one, or one series beside another of the same result.

Runs of the same parameters and block are pairs. What is printed is the median of their ratios, its interval, and in words
what that allows to say. Pairs of one result were made one after the other; pairs of two results were not, so a
difference between those may be the machine's.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.page import table
from benchmarks.results.record import FOLDER, Result, Run, history, read
from benchmarks.results.statistics import interval, verdict

# Figures of which less is better; of all others more is.
LESS = {"seconds", "microseconds", "with_start"}
SKIPPED = {"residual", "rpeak", "predicted", "load", "busy", "steal_share", "throttled_share"}


def compare(new: Sequence[Run], old: Sequence[Run]) -> list[list[str]]:
    """A row per kind of run and figure that both have."""
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    partners = _by_place(old)
    for place, run in _by_place(new).items():
        other = partners.get(place)
        for name in set(run.figures) & set(other.figures) - SKIPPED if other else ():
            assert other is not None
            first, second = run.figures[name], other.figures[name]
            if first > 0 and second > 0:
                ratios[_text(place[0]), name].append(second / first if name in LESS else first / second)
    return [
        [what, name, interval(values).text(), verdict(values)]
        for (what, name), values in sorted(ratios.items())
    ]


def chosen(arguments: argparse.Namespace) -> tuple[Sequence[Run], Sequence[Run]]:
    """The runs to compare: of two series, of two files, or of the two newest results of a benchmark."""
    if arguments.series:
        result = read(arguments.files[0]) if arguments.files else _newest(arguments.benchmark)[-1]
        return tuple(_of(result, lambda run, name=name: run.series == name) for name in arguments.series)  # type: ignore[return-value,misc]
    results = [read(path) for path in arguments.files] or _newest(arguments.benchmark)[-2:][::-1]
    if len(results) != 2:
        sys.exit(
            f"error: there are not two results of {arguments.benchmark}; next: make bench-{arguments.benchmark}"
        )
    new, old = ([run for run in result.runs if run.valid] for result in results)
    shared = {run.series for run in new} & {run.series for run in old}
    return [run for run in new if run.series in shared], [run for run in old if run.series in shared]


def _newest(benchmark: str) -> list[Result]:
    return [
        result
        for result in history([FOLDER])
        if result.benchmark == benchmark and result.source == "measured"
    ]


def _of(result: Result, condition: Callable[[Run], bool]) -> list[Run]:
    return [run for run in result.runs if run.valid and condition(run)]


def _by_place(runs: Sequence[Run]) -> dict[tuple[tuple[tuple[str, object], ...], int], Run]:
    return {(tuple(sorted(run.parameters.items())), run.block): run for run in runs}


def _text(parameters: tuple[tuple[str, object], ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="*", type=Path, help="a result and an earlier one; the two newest by default"
    )
    parser.add_argument("--benchmark", default="hpl", help="whose newest results, where no file is given")
    parser.add_argument("--series", nargs=2, metavar=("NEW", "OLD"), help="two series of one result")
    rows = compare(*chosen(parser.parse_args()))
    if not rows:
        sys.exit("error: the two have no run of the same parameters; next: run the same preset again")
    print(table(["runs", "figure", "times as good, median of pairs", "so it is"], rows))


if __name__ == "__main__":
    main()
