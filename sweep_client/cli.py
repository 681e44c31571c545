"""The command ``sweep``: what each subcommand takes; what it does is in the modules it calls."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sweep_client import cli_cost, cli_run, cli_show, cli_tools
from sweep_client.errors import EXIT_INTERRUPTED, EXIT_REFUSED, SweepError

PAIR_OPTIONS = ("-p", "--parameters", "-r", "--parameters_raw")

app = typer.Typer(
    name="sweep",
    help="Run one notebook with many sets of parameters: locally, on Slurm, IPyParallel or Kubernetes.",
    epilog="Exit codes: 0 all done, 1 some variants failed, 2 input refused, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: importing rich for it would take longer than all else
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("sweep-client"))
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    pass


app.command("run")(cli_run.run)
app.command("retry")(cli_run.retry)
app.command("execute", help=cli_run.execute.__doc__)(cli_run.execute)
app.command("status")(cli_show.status)
app.command("metrics")(cli_show.metrics)
app.command("table")(cli_show.table)
app.command("report")(cli_show.report)
app.command("params")(cli_show.params)
app.command("cost")(cli_cost.cost)
app.command("cancel")(cli_tools.cancel)
app.command("repair")(cli_tools.repair)
app.command("check")(cli_tools.check)
app.command("doctor")(cli_tools.doctor)
app.command("generate")(cli_tools.generate)


def main() -> None:
    """Entry point of the command ``sweep``."""
    try:
        app(args=join_pairs(sys.argv[1:]))
    except SweepError as error:
        print(f"sweep: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("sweep: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(EXIT_REFUSED)


def join_pairs(arguments: list[str]) -> list[str]:
    """Make one argument of each ``-p NAME VALUE`` and ``-r NAME TEXT``, as papermill's users write them.

    >>> join_pairs(["execute", "-p", "rate", "-1"])
    ['execute', '-p', 'rate=-1']
    """
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        joined.append(argument)
        if argument in PAIR_OPTIONS:
            name = next(rest, "")
            joined.append(name if "=" in name else f"{name}={next(rest, '')}")
    return joined


if __name__ == "__main__":
    main()
