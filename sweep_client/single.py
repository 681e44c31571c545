"""Executes one notebook in this process's folder and keeps nothing but the executed notebook: papermill's way."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sweep_client.preparation import Request, prepare
from sweep_client.results import Results, Variant


def execute_once(request: Request, output: Path) -> str | None:
    """Execute the one variant of ``request`` and write its notebook; give its failure in words, or None."""
    with tempfile.TemporaryDirectory(prefix="sweep-once-") as folder:
        variant = execute_in(request, folder)
        if variant.notebook is None:
            return "the notebook was not executed"
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(variant.notebook, output)
        failure = variant.failure
        return None if failure is None else f"{failure.exception} in cell {failure.cell}: {failure.message}"


def execute_in(request: Request, folder: str | Path) -> Variant:
    """Execute the one variant of ``request`` in a results directory of its own, in this process."""
    from sweep_client.worker_process import run_worker

    directory, sweep = prepare(request, folder)
    directory.write_sweep(sweep)
    run_worker(directory)
    return next(Results(directory).variants())
