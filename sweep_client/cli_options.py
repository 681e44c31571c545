"""The options that subcommands share: their names, types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Notebook = Annotated[Path, typer.Argument(help="The template notebook.", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="The results directory.", show_default=False)
]
Params = Annotated[
    list[Path] | None,
    typer.Option(
        "--params", metavar="FILE", help="Rows of parameters: CSV, JSON, JSON Lines, YAML, Parquet."
    ),
]
Grid = Annotated[
    list[str] | None,
    typer.Option("--grid", metavar="NAME=VALUES", help="name=values; every combination: rate=0.01:0.05:0.01"),
]
Zip = Annotated[
    list[str] | None,
    typer.Option("--zip", metavar="NAME=VALUES", help="name=values; side by side with the other --zip."),
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
    list[Path] | None,
    typer.Option("--parameters_file", "-f", metavar="FILE", help="A YAML file with values for all."),
]
Yaml = Annotated[
    list[str] | None,
    typer.Option("--parameters_yaml", "-y", metavar="YAML", help="YAML text with values for all."),
]
Depends = Annotated[
    list[str] | None,
    typer.Option(
        "--depends", "-d", metavar="PATH", help="A file or folder the notebook reads; it travels along."
    ),
]
On = Annotated[str, typer.Option("--on", help="The executor; see: sweep doctor")]
ExecutorOption = Annotated[
    list[str] | None, typer.Option("--option", "-O", metavar="NAME=VALUE", help="For the executor.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
Workers = Annotated[int | None, typer.Option("--workers", "-j", help="How many at once.")]
Retries = Annotated[int, typer.Option(help="How often a failed variant is tried again.")]
Time = Annotated[str, typer.Option(help="Time limit of a variant: 90s, 15m, 2h; 0 is none.")]
Memory = Annotated[str | None, typer.Option(help="Memory limit of a variant: 512M, 2G.")]
Isolate = Annotated[str, typer.Option(help="auto shares the cells before the parameters, full never does.")]
Engine = Annotated[str, typer.Option(help="fork, or kernel for any language and platform.")]
Environment = Annotated[str, typer.Option(help="A name of the environment; another name is another result.")]
Requirements = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A requirements or lock file; its environment is built once per sweep, where the workers run.",
    ),
]
Cwd = Annotated[str | None, typer.Option(help="Run in this folder.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, run nothing.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Start workers and leave; watch with: sweep status --follow")
]
First = Annotated[
    int | None, typer.Option(min=1, help="Run the first so many only; run again without it for all.")
]
