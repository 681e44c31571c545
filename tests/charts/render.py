"""Render a chart as a user would and look at the objects: `helm template` with values given as Python."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.programs import programs

CHARTS = sorted(path.parent.name for path in ROOT.glob("charts/*/Chart.yaml"))
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
Object = dict[str, Any]


@cache
def _render(chart: str, values: str, helm: str, files: tuple[str, ...]) -> str:
    # A Helm built without its release flags takes an old version for granted; the charts say which they need.
    version = f"--kube-version={programs()['kubernetes'].version}"
    given = [version, *(f"--values={path}" for path in files)]
    folder = f"{ROOT}/charts/{chart}"
    command = [str(TOOLS / "bin" / helm), "template", "hpc", folder, "--namespace=test", *given, "--values=-"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(
    chart: str, values: Object | None = None, *, helm: str = "helm", files: tuple[Path, ...] = ()
) -> list[Object]:
    """All objects that the chart makes with these values, test hooks included."""
    text = _render(chart, json.dumps(values or {}), helm, tuple(str(path) for path in files))
    return [found for found in yaml.safe_load_all(text) if found]


def text(chart: str, values: Object | None = None, *, files: tuple[Path, ...] = ()) -> str:
    """The rendered manifests as one text."""
    return _render(chart, json.dumps(values or {}), "helm", tuple(str(path) for path in files))


def pod_templates(objects: list[Object]) -> list[tuple[str, Object]]:
    """(kind/name, pod template or pod) of everything that makes pods."""
    found = []
    for item in objects:
        name = f"{item['kind']}/{item['metadata']['name']}"
        if item["kind"] == "Pod":
            found.append((name, item))
        elif item["kind"] == "CronJob":
            found.append((name, item["spec"]["jobTemplate"]["spec"]["template"]))
        elif item["kind"] in WORKLOADS:
            found.append((name, item["spec"]["template"]))
    return found


def containers(template: Object) -> list[Object]:
    """Containers and init containers of a pod template."""
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]
