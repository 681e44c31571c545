"""A grid of runs, one after the other, as a sweep: an interrupted grid goes on where it was.

Each run is a variant of a small notebook that calls one function. What the function needs besides its parameters (which
release, whose engines) comes by `SITE`, since it may differ when a grid goes on.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results.record import Run
from sweep_client.sweep import Sweep, run
from tests.cluster.paths import ROOT, TOOLS

SITE = "HPC_BENCHMARK_SITE"
FOLDER = TOOLS / "benchmarks" / "grids"
LONGEST_RUN_SECONDS = 24 * 3600


def site() -> dict[str, Any]:
    """What `run_grid` was told about where to run."""
    told: dict[str, Any] = json.loads(os.environ.get(SITE, "{}"))
    return told


def run_grid(
    name: str,
    function: str,
    cases: Sequence[Mapping[str, Any]],
    where: Mapping[str, Any],
    *,
    folder: Path = FOLDER,
) -> list[Run]:
    """Call `function` (module:name) with each case and give the runs; finished cases of an interrupted grid are not run again."""
    place = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    notebook = folder / f"{name}.ipynb"
    notebook.write_text(json.dumps(_notebook(function, cases[0])))
    os.environ[SITE] = json.dumps(dict(where))
    options: dict[str, Any] = {"retries": 0, "time_seconds": LONGEST_RUN_SECONDS}
    sweep = run(notebook, [dict(case) for case in cases], place, executor_options={"workers": 1}, **options)
    if sweep.counts()["failed"]:
        sweep.retry()
    print(f"{name}: {len(cases)} runs; look: sweep status --follow {place}", file=sys.stderr)
    try:
        sweep.wait()
    except BaseException:
        # Whoever interrupts a benchmark wants the machine back; the run that is on ends, the others wait.
        sweep.cancel()
        raise
    return [found for variant in Sweep.attach(place).results.variants() for found in _runs(variant)]


def forget(name: str, *, folder: Path = FOLDER) -> None:
    """Remove a grid whose result was saved, so that the next one starts anew."""
    shutil.rmtree(folder / name, ignore_errors=True)


def _notebook(function: str, example: Mapping[str, Any]) -> dict[str, Any]:
    module, _, name = function.partition(":")
    parameters = "\n".join(f"{key}: {type(value).__name__} = {value!r}" for key, value in example.items())
    call = ", ".join(f"{key}={key}" for key in example)
    body = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom {module} import {name}\nfound = {name}({call})\nfound"
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": tag, "metadata": {"tags": [tag]}, "execution_count": None, "outputs": [], "source": source}
        for tag, source in (("parameters", parameters), ("results", body))
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "cells": cells, "metadata": {"kernelspec": kernel}}


def _runs(variant: Any) -> list[Run]:
    if variant.state == "done":
        found = variant.values["found"].load()
        return [Run(**entry) for entry in (found if isinstance(found, list) else [found])]
    reason = variant.failure.message if variant.failure else variant.state
    parameters = {key: value for key, value in variant.parameters.items() if key not in ("series", "block")}
    series, block = str(variant.parameters.get("series", "")), int(variant.parameters.get("block", 0))
    return [Run(series, parameters, {}, block, valid=False, error=str(reason)[-500:])]
