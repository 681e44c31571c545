"""The subcommands that run variants: ``run``, ``retry`` and ``execute``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep_client.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, DirectoryBusy, InputRefused

if TYPE_CHECKING:
    from sweep_client.parameter_files import Row
    from sweep_client.preparation import Request
    from sweep_client.sweep import Sweep

Notebook = Annotated[Path, typer.Argument(help="The template notebook.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="The results directory.", show_default=False)]
Params = Annotated[
    list[Path] | None,
    typer.Option("--params", help="Rows of parameters: CSV, JSON, JSON Lines, YAML, Parquet."),
]
Grid = Annotated[
    list[str] | None, typer.Option("--grid", help="name=values; every combination: rate=0.01:0.05:0.01")
]
Zip = Annotated[
    list[str] | None, typer.Option("--zip", help="name=values; side by side with the other --zip.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--parameters", "-p", metavar="NAME VALUE", help="One value for all variants."),
]
Raw = Annotated[
    list[str] | None,
    typer.Option("--parameters_raw", "-r", metavar="NAME TEXT", help="One text for all variants."),
]
File = Annotated[
    list[Path] | None, typer.Option("--parameters_file", "-f", help="A YAML file with values for all.")
]
Yaml = Annotated[
    list[str] | None, typer.Option("--parameters_yaml", "-y", help="YAML text with values for all.")
]
Depends = Annotated[
    list[str] | None,
    typer.Option("--depends", "-d", help="A file or folder the notebook reads; it travels along."),
]
On = Annotated[str, typer.Option("--on", help="The executor; see: sweep doctor")]
ExecutorOption = Annotated[
    list[str] | None, typer.Option("--option", "-O", metavar="NAME=VALUE", help="For the executor.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def run(
    notebook: Notebook,
    out: Out,
    params: Params = None,
    grid: Grid = None,
    zipped: Zip = None,
    param: Set = None,
    raw: Raw = None,
    parameters_file: File = None,
    parameters_yaml: Yaml = None,
    depends: Depends = None,
    on: On = "local",
    option: ExecutorOption = None,
    workers: Annotated[int | None, typer.Option("--workers", "-j", help="How many at once.")] = None,
    retries: Annotated[int, typer.Option(help="How often a failed variant is tried again.")] = 1,
    time: Annotated[str, typer.Option(help="Time limit of a variant: 90s, 15m, 2h; 0 is none.")] = "15m",
    memory: Annotated[str | None, typer.Option(help="Memory limit of a variant: 512M, 2G.")] = None,
    isolate: Annotated[
        str, typer.Option(help="auto shares the cells before the parameters, full never does.")
    ] = "auto",
    engine: Annotated[str, typer.Option(help="fork, or kernel for any language and platform.")] = "fork",
    environment: Annotated[
        str, typer.Option(help="A name of the environment; another name is another result.")
    ] = "",
    cwd: Annotated[str | None, typer.Option(help="Run variants in this folder instead of their own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, run nothing.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start workers and leave; watch with: sweep status --follow")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a notebook once for each set of parameters. Finished variants are not run again."""
    from sweep_client.cli_support import executor_options, limits

    source = parameter_rows(params, grid, zipped)
    fixed = fixed_values(param, raw, parameters_file, parameters_yaml)
    options = limits(retries, time, memory, isolate, engine)
    own = executor_options(option, workers)
    request = _request(notebook, source, fixed, depends, environment, cwd, options)
    if dry_run:
        _rehearse(request, out, as_json)
        return
    sweep = _begin(request, out, on, own)
    if detach:
        typer.echo(
            json.dumps({"out": str(out)}) if as_json else f"started; watch with: sweep status --follow {out}"
        )
        return
    _finish(sweep, as_json)


def retry(
    results: Annotated[Path, typer.Argument(help="The results directory.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A reason (time, memory, …) or an exception.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Another memory limit.")] = None,
    time: Annotated[str | None, typer.Option(help="Another time limit.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start workers and leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try failed variants again; also goes on after an interruption or a cancel."""
    from sweep_client.cli_support import change_limits
    from sweep_client.client import steering
    from sweep_client.sweep import Sweep

    sweep = Sweep.attach(results)
    with steering(sweep.directory):
        change_limits(sweep.directory, memory, time)
        count = sweep.retry(only or ())
        sweep.start()
    if not as_json:
        typer.echo(f"{count} failed variants will be tried again", err=True)
    if not detach:
        _finish(sweep, as_json)


def execute(
    notebook: Notebook,
    output: Annotated[Path, typer.Argument(help="Where the executed notebook goes.")],
    param: Set = None,
    raw: Raw = None,
    parameters_file: File = None,
    parameters_yaml: Yaml = None,
    cwd: Annotated[str | None, typer.Option(help="Run in this folder; the present one by default.")] = None,
    time: Annotated[str, typer.Option(help="Time limit: 90s, 15m, 2h; 0 is none.")] = "0",
    engine: Annotated[str, typer.Option(help="fork, or kernel for any language and platform.")] = "fork",
) -> None:
    """Execute one notebook, as papermill does: sweep execute in.ipynb out.ipynb -p name value"""
    from sweep_client.cli_support import limits
    from sweep_client.single import execute_once

    fixed = fixed_values(param, raw, parameters_file, parameters_yaml)
    request = _request(
        notebook,
        iter([_empty_row()]),
        fixed,
        None,
        "",
        cwd or str(Path.cwd()),
        limits(0, time, None, "auto", engine),
    )
    failure = execute_once(request, output)
    if failure is not None:
        typer.echo(f"sweep: {failure}; see {output}", err=True)
        raise typer.Exit(EXIT_FAILED)


def parameter_rows(
    params: list[Path] | None, grid: list[str] | None, zipped: list[str] | None
) -> Iterator[Row]:
    """Give the rows of files and grids together."""
    from sweep_client.grids import expand, parse_axis
    from sweep_client.parameter_files import Row, read_rows

    axes, side = dict(map(parse_axis, grid or [])), dict(map(parse_axis, zipped or []))
    if not params:
        return (Row(f"set {number}", values) for number, values in enumerate(expand(axes, side), 1))
    files = chain.from_iterable(_labelled(path, len(params)) for path in params)
    if not axes and not side:
        return files
    first = read_rows(params[0]) if len(params) == 1 else files
    return (Row(row.label, row.values | values) for row in first for values in expand(axes, side))


def _labelled(path: Path, files: int) -> Iterator[Row]:
    from sweep_client.parameter_files import Row, read_rows

    for row in read_rows(path):
        yield Row(f"{path}, {row.label}", row.values) if files > 1 else row


def _empty_row() -> Row:
    from sweep_client.parameter_files import Row

    return Row("the command line", {})


def fixed_values(
    param: list[str] | None,
    raw: list[str] | None,
    files: list[Path] | None,
    texts: list[str] | None,
) -> dict[str, Any]:
    """Join single values as papermill does: files, then YAML texts, then -p, then -r."""
    from sweep_client.parameter_files import Text, load_yaml

    found: dict[str, Any] = {}
    sources: Iterable[tuple[str, str]] = [
        *((str(path), path.read_text(encoding="utf-8")) for path in files or []),
        *(("-y", text) for text in texts or []),
    ]
    for name, text in sources:
        content = load_yaml(text, name)
        if not isinstance(content, dict):
            raise InputRefused(f"{name}: must hold names with values")
        found |= content
    found |= {name: Text(value) for name, value in map(_pair, param or [])}
    return found | dict(map(_pair, raw or []))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputRefused(f"-p {text}: write -p NAME VALUE")
    return name, value


def _request(
    notebook: Path,
    rows: Iterator[Row],
    fixed: dict[str, Any],
    depends: list[str] | None,
    environment: str,
    cwd: str | None,
    options: Any,
) -> Request:
    from sweep_client.preparation import Request

    directory = str(Path(cwd).absolute()) if cwd else None
    return Request(notebook, rows, fixed, tuple(depends or ()), environment, directory, options)


def _rehearse(request: Request, out: Path, as_json: bool) -> None:
    from dataclasses import asdict

    from sweep_client.preparation import rehearse

    found = rehearse(request, out)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    typer.echo(f"{found.variants} variants, {found.already_done} of them done before; nothing was run")
    for parameters in found.parameters:
        typer.echo(f"  {json.dumps(parameters, ensure_ascii=False)}")
    typer.echo(f"results: {', '.join(found.results) or 'none; tag a cell with results to save its value'}")


def _begin(request: Request, out: Path, on: str, own: dict[str, Any]) -> Sweep:
    from sweep_client.client import steering
    from sweep_client.executors import executor_class
    from sweep_client.preparation import prepare
    from sweep_client.sweep import Sweep

    executor_class(on)
    directory, sweep_file = prepare(request, out)
    sweep = Sweep(directory, on, **own)
    try:
        with steering(directory):
            directory.write_sweep(sweep_file)
            sweep.resume()
            sweep.start()
    except DirectoryBusy:
        if directory.read_sweep().plan != sweep_file.plan:
            raise
        typer.echo(f"sweep: another client steers {out}; watching it", err=True)
    return sweep


def _finish(sweep: Sweep, as_json: bool) -> None:
    from sweep_client.steer import steer_or_watch

    try:
        counts = steer_or_watch(sweep)
    except KeyboardInterrupt:
        sweep.cancel()
        typer.echo(f"\nsweep: interrupted; go on with: sweep retry {sweep.directory.root}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(counts))
    sys.stdout.flush()
    unfinished = counts["failed"] + counts["pending"] + counts["running"]
    raise typer.Exit(EXIT_FAILED if unfinished else EXIT_DONE)
