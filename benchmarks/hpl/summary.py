"""What HPL's runs amount to: the wanted figures with intervals, and why runs were slow."""

from collections.abc import Sequence

from benchmarks.results.record import Line, Run
from benchmarks.results.statistics import interval, reached

# From this size on, HPL is judged: smaller problems are mostly panels and messages.
LEAST_N = 8000


def summary(runs: Sequence[Run], *, one: str, plain: str, two: str) -> list[Line]:
    """The wanted figures, of the series on one pod, in a plain container and on two pods."""
    valid = [run for run in runs if run.valid]
    whole = Line(
        "runs whose residual was checked and passed",
        f"{len(valid)} of {len(runs)}",
        "all",
        len(valid) == len(runs),
    )
    large = [
        run.figures["of_dgemm"]
        for run in valid
        if run.series == one and int(run.parameters["N"]) >= LEAST_N and run.parameters["NB"] == 192
    ]
    lines = [
        whole,
        *_ratio("HPL / DGEMM of the same cores, one pod, N ≥ 8000", large, 0.85),
        *_ratio("pod / plain container, median of interleaved pairs", pairs(valid, one, plain), 0.95),
        *_ratio("two pods / one, median of interleaved pairs", pairs(valid, two, one), 0.90),
    ]
    if valid:
        best = max(valid, key=lambda run: run.figures["gflops"])
        about = ", ".join(
            str(word)
            for word in (
                best.series,
                f"N {best.parameters['N']}",
                f"NB {best.parameters['NB']}",
                best.parameters["grid"],
            )
        )
        lines.append(Line("best run", f"{best.figures['gflops']:.1f} GFLOPS ({about})"))
    return lines


def _ratio(what: str, ratios: list[float], least: float) -> list[Line]:
    return [Line(what, interval(ratios).text(), f"≥ {least:.2f}", reached(ratios, least))] if ratios else []


def pairs(runs: Sequence[Run], first: str, second: str) -> list[float]:
    """Ratios of speed between two series, of runs of the same round and problem."""

    def kind(run: Run) -> tuple[object, ...]:
        return run.block, run.parameters["N"], run.parameters["NB"]

    others = {kind(run): run for run in runs if run.series == second}
    return [
        run.figures["gflops"] / others[kind(run)].figures["gflops"]
        for run in runs
        if run.series == first and kind(run) in others and int(run.parameters["N"]) >= 8000
    ]


def notes(runs: Sequence[Run]) -> list[str]:
    """Why runs are slow, each reason once with how many runs it is seen in."""
    low = [run for run in runs if run.facts.get("reasons")]
    said: dict[str, int] = {}
    for run in low:
        for reason in run.facts["reasons"]:
            said[reason] = said.get(reason, 0) + 1
    return [
        f"{count} of {len(runs)} runs below 0.85 of DGEMM: {reason}."
        for reason, count in sorted(said.items(), key=lambda entry: -entry[1])[:8]
    ]
