"""Writes what comes from elsewhere: pages of docs/reference on values, command line, Python API (generate_api.py) and compatibility, and
the versions that charts carry of what writes data. `make docs` calls it.

A test compares each file with what this module would write.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from docs import generate_api
from tests.charts.render import CHARTS
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.programs import programs

REFERENCE = "docs/reference"
# Programs by chart whose data an older one cannot read: charts refuse to go back over them.
WRITERS = {"slurm": ("mariadb", "slurm"), "jupyter": ("jupyterhub",)}
HEAD = "<!-- Written by `make docs`; change the source that the page names. -->\n"
VALUES_TEMPLATE = """{{ define "page" }}# Values of chart `{{ .Name }}`

From `charts/{{ .Name }}/values.yaml`; types and limits are in `values.schema.json` beside it, and `helm install` refuses what it does not know.

{{ template "chart.valuesTable" . }}
{{ end }}{{ template "page" . }}"""


def files() -> dict[str, Callable[[], str]]:
    """What writes each generated file, by its path."""
    found: dict[str, Callable[[], str]] = {
        f"{REFERENCE}/values-{chart}.md": partial(values, chart) for chart in CHARTS
    }
    found |= {f"charts/{chart}/files/upstream.json": partial(upstream, chart) for chart in WRITERS}
    found |= {f"{REFERENCE}/cli.md": command_line, f"{REFERENCE}/compatibility.md": compatibility}
    return {**found, f"{REFERENCE}/api.md": python_interface}


def values(chart: str) -> str:
    """The table of a chart's values, from the comments in its values.yaml."""
    template = TOOLS / "values.md.gotmpl"
    template.write_text(VALUES_TEMPLATE)
    folder = ROOT / "charts" / chart
    command = [str(TOOLS / "bin" / "helm-docs"), "--dry-run", "--skip-version-footer"]
    options = [f"--chart-search-root={folder}", f"--template-files={os.path.relpath(template, folder)}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, cwd=ROOT)
    return HEAD + done.stdout.strip() + "\n"


def command_line() -> str:
    """Every command and option of `sweep`, from its own help."""
    command = [sys.executable, "-m", "typer", "sweep_client.cli", "utils", "docs", "--name", "sweep"]
    environment = {**os.environ, "COLUMNS": "120", "TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return HEAD + done.stdout.strip() + "\n"


def python_interface() -> str:
    """Every public name of `sweep_client`, from its docstrings."""
    return f"{HEAD}{generate_api.page()}"


def compatibility() -> str:
    """What this version is made of and was tried with, from images/versions.json and the charts."""
    table = programs()
    rows = [
        ("Kubernetes, installed and used in every test run", table["kubernetes"].version),
        ("Kubernetes, least version that the charts accept", _least_kubernetes()),
        ("Helm", f"{table['helm'].version} and {table['helm3'].version}"),
        ("Debian of all images", "trixie"),
        ("Python in images", "3.13"),
        ("Python of `sweep_client`", _python_of_client()),
        *((name, version) for name, version in sorted(_pinned().items())),
    ]
    version = (ROOT / "VERSION").read_text().strip()
    lines = [f"| {what} | {value} |" for what, value in rows]
    head = f"{HEAD}# What version {version} goes with\n\n| what | version |\n| --- | --- |\n"
    return head + "\n".join(lines) + "\n"


def upstream(chart: str) -> str:
    """Versions of the programs of a chart that write data."""
    return json.dumps({name: _pinned()[name] for name in WRITERS[chart]}, indent=2) + "\n"


def write() -> list[Path]:
    """Write every file; give those that changed."""
    changed = []
    for name, make in files().items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed


def _pinned() -> dict[str, str]:
    return dict(json.loads((ROOT / "images" / "versions.json").read_text())["upstream"])


def _least_kubernetes() -> str:
    chart = (ROOT / "charts" / "hpc" / "Chart.yaml").read_text()
    line = next(line for line in chart.splitlines() if line.startswith("kubeVersion:"))
    return line.split('"')[1].removesuffix("-0").removeprefix(">=")


def _python_of_client() -> str:
    import tomllib

    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])


if __name__ == "__main__":
    for path in write():
        print(f"wrote {path.relative_to(ROOT)}")
