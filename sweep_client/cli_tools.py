"""The subcommands around a sweep: ``cancel``, ``repair``, ``check``, ``doctor`` and ``generate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sweep_client.cli_options import AsJson, Grid, Notebook, Params, Set, Zip
from sweep_client.errors import EXIT_FAILED

Directory = Annotated[Path, typer.Argument(help="The results directory.", show_default=False)]


def cancel(results: Directory) -> None:
    """Stop all workers; what is finished stays, and ``sweep retry`` goes on."""
    from sweep_client.sweep import Sweep

    sweep = Sweep.attach(results)
    sweep.cancel()
    typer.echo(f"cancelled; go on with: sweep retry {results}")


def repair(results: Directory, as_json: AsJson = False) -> None:
    """Rebuild the cache from the published files and remove what crashes left."""
    from sweep_client.repair import repair_directory

    found = repair_directory(results)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        typer.echo(
            f"{found.records} records, {found.unreadable} unreadable, {found.leases} stale leases, {found.folders} leftovers"
        )


def check(
    notebook: Notebook,
    param: Set = None,
    as_json: AsJson = False,
) -> None:
    """Run a notebook with a fork and with a kernel, and compare every cell."""
    from sweep_client.check import compare_engines
    from sweep_client.cli_run import fixed_values

    differences = compare_engines(notebook, fixed_values(param, None, None, None))
    if as_json:
        typer.echo(json.dumps([asdict(difference) for difference in differences], ensure_ascii=False))
    else:
        for difference in differences:
            typer.echo(str(difference))
        typer.echo("the same in all cells" if not differences else f"{len(differences)} cells differ")
    raise typer.Exit(EXIT_FAILED if differences else 0)


def doctor(as_json: AsJson = False) -> None:
    """Say what is missing on this machine."""
    from sweep_client.doctor import examine

    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{'ok     ' if finding.good else 'missing'} {finding.what}: {finding.text}")
    raise typer.Exit(EXIT_FAILED if any(finding.needed and not finding.good for finding in findings) else 0)


def generate(
    notebook: Notebook,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the notebooks.")],
    *,
    params: Params = None,
    grid: Grid = None,
    zipped: Zip = None,
    param: Set = None,
) -> None:
    """Write one notebook per set of parameters, and run none."""
    from sweep_client.cli_run import fixed_values, parameter_rows
    from sweep_client.generation import generate_notebooks

    count = generate_notebooks(
        notebook, parameter_rows(params, grid, zipped), out, fixed_values(param, None, None, None)
    )
    typer.echo(f"{out}: {count} notebooks")
