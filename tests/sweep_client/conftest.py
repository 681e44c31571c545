from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sweep_client.directory import Directory, Options
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.results import Results
from sweep_client.worker_process import run_worker
from tests.sweep_client.builders import Cell, write_notebook

settings.register_profile(
    "shared machine", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")

Rows = list[dict[str, Any]]
Execute = Callable[..., Results]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Runs variants of some cells with one worker and gives the results."""

    def run(
        *cells: Cell | str, rows: Rows | None = None, language: str = "python", **options: Any
    ) -> Results:
        directory = planned(tmp_path, *cells, rows=rows or [{}], language=language, **options)
        run_worker(directory)
        return Results(directory)

    return run


def planned(
    folder: Path,
    *cells: Cell | str,
    rows: Rows,
    language: str = "python",
    dependencies: tuple[str, ...] = (),
    **options: Any,
) -> Directory:
    """Prepare a sweep that nobody runs yet."""
    kernel = {"python": "python3", "R": "ir"}.get(language, language)
    template = write_notebook(folder / "template.ipynb", *cells, language=language, kernel=kernel)
    chosen = Options(**({"retries": 0} | options))
    directory, sweep = prepare(
        Request(template, read_rows(rows), dependencies=dependencies, options=chosen), folder / "out"
    )
    directory.write_sweep(sweep)
    return directory


def as_json(value: Any) -> Any:
    """Give a dataclass as it looks in JSON."""
    return json.loads(json.dumps(asdict(value)))
