"""The table that lists of supercomputers have: the best run of each system, with all that is needed to judge it."""

from collections.abc import Sequence

from benchmarks.results.record import Result, Run

HEADS = [
    "when", "system", "series", "Rmax (GFLOPS)", "Nmax", "N1/2", "Rpeak (GFLOPS)", "measured DGEMM", "HPL/DGEMM", "NB", "P x Q", "time (s)",
    "residual", "nodes x cores", "BLAS", "MPI", "transport", "CPU limit", "stolen",
]  # fmt: skip


def top_rows(results: Sequence[Result]) -> list[list[str]]:
    """A row for the best valid run of each series of each HPL result, the fastest first."""
    found: list[tuple[float, list[str]]] = []
    for result in results:
        if result.benchmark != "hpl":
            continue
        valid = [run for run in result.runs if run.valid and "gflops" in run.figures]
        for series in dict.fromkeys(run.series for run in valid):
            runs = [run for run in valid if run.series == series]
            best = max(runs, key=lambda run: run.figures["gflops"])
            found.append((best.figures["gflops"], _row(result, best, runs)))
    return [row for _, row in sorted(found, key=lambda entry: -entry[0])]


def half_size(runs: Sequence[Run], most: float) -> str:
    """N1/2: the smallest N that was seen to reach half of the best speed."""
    sizes = [
        run.parameters["N"] for run in runs if "N" in run.parameters and run.figures["gflops"] >= most / 2
    ]
    return str(min(float(size) for size in sizes)).removesuffix(".0") if sizes else ""


def _row(result: Result, best: Run, runs: Sequence[Run]) -> list[str]:
    facts, parameters, figures = best.facts, best.parameters, best.figures
    known = [
        _number(figures, "gflops"), str(parameters.get("N", "")), half_size(runs, figures["gflops"]), _number(figures, "rpeak"),
        _number(figures, "dgemm"), _number(figures, "of_dgemm", 2), str(parameters.get("NB", "")), str(parameters.get("grid", "")),
        _number(figures, "seconds"), f"{figures['residual']:.1e}" if "residual" in figures else "",
        f"{parameters.get('nodes', 1)} x {parameters.get('cores', '')}", str(facts.get("blas", "")), str(result.versions.get("openmpi", "")),
        str(facts.get("transport", "")), str(facts.get("cpu_limit", "")), str(result.machine.get("steal_share", "")),
    ]  # fmt: skip
    return [result.started, f"{result.machine['cores']} x {result.machine['cpu']}", best.series, *known]


def _number(figures: object, name: str, digits: int = 1) -> str:
    assert isinstance(figures, dict)
    return f"{figures[name]:.{digits}f}" if name in figures else ""
