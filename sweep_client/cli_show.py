"""The subcommands that show: ``status``, ``metrics``, ``table``, ``report`` and ``params``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sweep_client.errors import InputRefused

Directory = Annotated[Path, typer.Argument(help="The results directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def status(
    results: Directory,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing until it ends.")] = False,
    variants: Annotated[bool, typer.Option("--variants", help="List every variant.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a sweep is, and its failures grouped by cell and exception."""
    from sweep_client.results import Results

    if follow:
        from sweep_client.steer import steer_or_watch
        from sweep_client.sweep import Sweep

        steer_or_watch(Sweep.attach(results))
    found = Results(results)
    if variants:
        _list_variants(found, as_json)
        return
    groups = [
        {"cell": failure.cell, "exception": failure.exception, "reason": failure.reason, "message": failure.message,
         "variants": count, "example": example.index, "notebook": str(example.notebook)}
        for failure, count, example in found.groups()
    ]  # fmt: skip
    if as_json:
        typer.echo(
            json.dumps({"name": found.sweep.name, **found.counts(), "failures": groups}, ensure_ascii=False)
        )
        return
    typer.echo(
        f"{found.sweep.name}: " + ", ".join(f"{count} {state}" for state, count in found.counts().items())
    )
    for group in groups:
        where = "no cell" if group["cell"] is None else f"cell {group['cell']}"
        typer.echo(f"  {group['variants']} x {group['exception']} in {where}: {group['message']}")
        typer.echo(f"    for example {group['notebook']}")


def metrics(
    results: Annotated[list[Path], typer.Argument(help="Results directories.", show_default=False)],
) -> None:
    """Write variants by state as Prometheus reads them, for a push gateway or node_exporter's textfile collector."""
    from sweep_client.results import Results

    lines = ["# HELP sweep_variants Variants of a sweep by state.", "# TYPE sweep_variants gauge"]
    for path in results:
        found = Results(path)
        labels = f"sweep={json.dumps(found.sweep.name)},directory={json.dumps(str(path.resolve()))}"
        lines += [
            f'sweep_variants{{{labels},state="{state}"}} {count}' for state, count in found.counts().items()
        ]
    typer.echo("\n".join(lines))


def table(
    results: Directory,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Which table; see the error for the names.")
    ] = None,
    kind: Annotated[str, typer.Option("--format", help="csv, json or parquet.")] = "csv",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file; by default standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the table of parameters and results; also while the sweep runs."""
    from sweep_client.results import Results
    from sweep_client.tables import FORMATS, write_table, write_text

    kind = "json" if as_json else out.suffix[1:] if out and out.suffix[1:] in FORMATS else kind
    if kind not in FORMATS:
        raise InputRefused(f"--format {kind!r}: must be {', '.join(FORMATS)}")
    if kind == "parquet" and out is None:
        raise InputRefused("--format parquet needs a file: --out table.parquet")
    if out is None:
        write_text(Results(results), sys.stdout, kind, name)
    else:
        count = write_table(Results(results), out, kind, name)
        typer.echo(f"{out}: {count} rows", err=True)


def report(results: Directory) -> None:
    """Write report.html into the results directory."""
    try:
        from sweep_client.report import write_report
    except ImportError:
        raise InputRefused("this installation has no report; install the complete package") from None
    typer.echo(str(write_report(results)))


def params(
    notebook: Annotated[Path, typer.Argument(help="The template notebook.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List the parameters and results of a notebook."""
    from sweep_client.notebook import read_template

    template = read_template(notebook)
    rows: list[dict[str, Any]] = [
        {"name": p.name, "type": str(p.type), "default": p.default, "help": p.help}
        for p in template.parameters
    ]
    results = [{"name": r.name, "cell": r.cell, "concatenate": r.concatenate} for r in template.results]
    if as_json:
        typer.echo(json.dumps({"parameters": rows, "results": results}, ensure_ascii=False))
        return
    for row in rows:
        default = "required" if row["default"] is None else f"= {row['default']}"
        typer.echo(f"{row['name']}: {row['type']} {default}" + (f"  # {row['help']}" if row["help"] else ""))
    for result in results:
        typer.echo(
            f"result {result['name']} from cell {result['cell']}"
            + (", joined" if result["concatenate"] else "")
        )


def _list_variants(found: Any, as_json: bool) -> None:
    for variant in found.variants():
        row = {
            "index": variant.index,
            "key": variant.key,
            "state": variant.state,
            "parameters": variant.encoded,
        }
        row["notebook"] = str(variant.notebook) if variant.notebook else None
        if as_json:
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo(
                f"{row['index']:>6} {row['state']:<8} {json.dumps(row['parameters'], ensure_ascii=False)}"
            )
