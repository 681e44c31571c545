"""The subcommands that run variants: ``run``, ``retry`` and ``execute``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep_client.cli_options import (
    AsJson,
    Cwd,
    Depends,
    Detach,
    DryRun,
    Engine,
    Environment,
    ExecutorOption,
    File,
    First,
    Grid,
    Isolate,
    Memory,
    Notebook,
    On,
    Out,
    Params,
    Raw,
    Requirements,
    Retries,
    Set,
    Time,
    Workers,
    Yaml,
    Zip,
)
from sweep_client.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, DirectoryBusy, InputRefused

if TYPE_CHECKING:
    from sweep_client.parameter_files import Row
    from sweep_client.preparation import Request
    from sweep_client.sweep import Sweep


def run(
    notebook: Notebook,
    out: Out,
    *,
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
    workers: Workers = None,
    retries: Retries = 1,
    time: Time = "15m",
    memory: Memory = None,
    isolate: Isolate = "auto",
    engine: Engine = "fork",
    environment: Environment = "",
    requirements: Requirements = None,
    cwd: Cwd = None,
    first: First = None,
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Run a notebook once for each set of parameters. Finished variants are not run again."""
    from sweep_client.cli_support import executor_options, limits

    source = islice(parameter_rows(params, grid, zipped), first)
    fixed = fixed_values(param, raw, parameters_file, parameters_yaml)
    options = limits(retries, time, memory, isolate, engine)
    own = executor_options(option, workers)
    request = _request(
        notebook,
        source,
        fixed,
        cwd=cwd,
        options=options,
        dependencies=tuple(depends or ()),
        environment=environment,
        requirements=requirements,
    )
    if dry_run:
        _rehearse(request, out, as_json)
    elif detach:
        _begin(request, out, on, own)
        typer.echo(json.dumps({"out": str(out)}) if as_json else f"started; see: sweep status --follow {out}")
    else:
        _finish(_begin(request, out, on, own), as_json)


def retry(
    results: Annotated[Path, typer.Argument(help="The results directory.")],
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A reason (time, memory, …) or an exception.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Another memory limit.")] = None,
    time: Annotated[str | None, typer.Option(help="Another time limit.")] = None,
    detach: Detach = False,
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
    *,
    param: Set = None,
    raw: Raw = None,
    parameters_file: File = None,
    parameters_yaml: Yaml = None,
    cwd: Cwd = None,
    time: Time = "0",
    engine: Engine = "fork",
) -> None:
    """Execute one notebook, as papermill does: sweep execute in.ipynb out.ipynb -p name value"""
    from sweep_client.cli_support import limits
    from sweep_client.single import execute_once

    fixed = fixed_values(param, raw, parameters_file, parameters_yaml)
    options = limits(0, time, None, "auto", engine)
    request = _request(notebook, iter([_empty_row()]), fixed, cwd=cwd or str(Path.cwd()), options=options)
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
    notebook: Path, rows: Iterator[Row], fixed: dict[str, Any], *, cwd: str | None, options: Any, **found: Any
) -> Request:
    from sweep_client.preparation import Request

    directory = str(Path(cwd).absolute()) if cwd else None
    return Request(notebook, rows, fixed, directory=directory, options=options, **found)


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
