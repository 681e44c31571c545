"""Run the commands of a how-to page as they stand there, against a test's release."""

import os
import re
import subprocess
from pathlib import Path

from tests.charts.slurm.cluster import Cluster
from tests.cluster.paths import ROOT, TOOLS
from tests.kube import context_arguments


def follow(page: str, heading: str, cluster: Cluster, folder: Path) -> None:
    """Run the first block below a heading of `docs/how-to/<page>.md`; its namespace `hpc` is the test's, files lie in `folder`."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
    found = re.search(rf"^## {re.escape(heading)}\n.*?```console\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no commands under {heading!r}"
    commands = found[1].replace("-n hpc ", f"-n {cluster.namespace.name} ")
    commands = commands.replace("charts/slurm", str(ROOT / "charts" / "slurm"))
    path = f"{_programs(folder)}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{cluster.namespace.why()}"


def _programs(folder: Path) -> Path:
    """kubectl and helm that talk to the test's cluster, in place of the user's own context."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, flag in (("kubectl", "--context"), ("helm", "--kube-context")):
        script = programs / name
        given = " ".join(context_arguments(flag))
        script.write_text(f'#!/bin/sh\nexec {TOOLS}/bin/{name} {given} "$@"\n')
        script.chmod(0o755)
    return programs
