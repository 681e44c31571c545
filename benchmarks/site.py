"""Options that all benchmarks of a cluster share, and the release they run on: an installed one, or one of their own."""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.release import Release, installed, own_release
from benchmarks.results.record import FOLDER
from tests.cluster.paths import TOOLS
from tests.kube import Namespace


def parser(description: str | None, presets: Sequence[str]) -> argparse.ArgumentParser:
    """A parser with the shared options."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--preset", choices=presets, default=presets[0], help=f"{presets[0]} by default")
    made.add_argument(
        "--release", help="an installed release of chart slurm; without it one is installed and removed"
    )
    made.add_argument("--namespace", default="hpc", help="its namespace; hpc by default")
    made.add_argument(
        "--rounds", type=int, default=0, help="how often all is repeated; the preset's number by default"
    )
    made.add_argument("--no-cluster", action="store_true", help="only what runs on this machine")
    return made


@contextlib.contextmanager
def release(arguments: argparse.Namespace, workers: Mapping[str, Any]) -> Iterator[Release | None]:
    """The release to run on; None with --no-cluster."""
    if arguments.no_cluster:
        yield None
    elif arguments.release:
        named = installed(arguments.namespace, arguments.release)
        try:
            yield named
        finally:
            named.end_jobs()
    else:
        with own_release(workers) as made:
            yield made


def machines() -> list[str]:
    """Machines of the cluster that take ordinary pods."""
    nodes = Namespace("default").get("nodes")["items"]
    return [node["metadata"]["name"] for node in nodes if not node["spec"].get("taints")]


def where(found: Release | None) -> dict[str, Any]:
    """What cases need to know of it."""
    return {"namespace": found.namespace.name, "release": found.name} if found else {}


def results(arguments: argparse.Namespace) -> Path:
    """The folder of results; a smoke run says nothing about speed, so it stays out of the history."""
    return TOOLS / "benchmarks" / "results" if arguments.preset == "smoke" else FOLDER


def command(module: str) -> str:
    """The command that was given, to be kept with its result."""
    context = f"KUBE_CONTEXT={os.environ['KUBE_CONTEXT']} " if os.environ.get("KUBE_CONTEXT") else ""
    return f"{context}python -m {module} {shlex.join(sys.argv[1:])}".strip()
