"""`make bench-jupyter`: figures of the chart `jupyter`, written to docs/performance.md. `--runs 1 --tasks 100` is a small run."""

import argparse
import datetime
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from benchmarks.jupyter import measure
from benchmarks.page import table, write_section
from tests.charts.jupyter import crowd
from tests.charts.jupyter.conftest import PASSWORDS, values
from tests.charts.jupyter.site import RELEASE, Site
from tests.kube import Namespace, image

RESULTS = Path(__file__).parent / "results"
# What is measured, its unit, and what is wanted of it.
ROWS = {
    "login_to_lab": ("login → JupyterLab", "s", "≤ 8 s"),
    "first_cell": ("login → first cell's output", "s", "≤ 15 s"),
    "engines_to_first_result": ("engines from none to the first result", "s", "≤ 10 s"),
    "hub_restart": ("hub deleted → next login", "s", "≤ 10 s"),
    "proxy_outage": ("proxy deleted: outage of a server", "s", "≤ 5 s"),
    "controller_kill": ("controller killed → what its two engines kept is read", "s", "≤ 30 s"),
    "no_op_ratio": ("tasks that do nothing on 2 engines, of plain IPyParallel's rate", "x", "≥ 0.9x"),
    "crowd": ("30 logins at once: until the own server is there, median (first to last)", "s", ""),
    "hub_mebibytes": ("memory of the hub with 30 servers (PSS)", "MiB", "≤ 200 MiB"),
}


def run(runs: int, tasks: int) -> dict[str, list[float]]:
    """Install, measure all, and take everything away."""
    namespace = Namespace.create("bench-jupyter", pod_security="restricted")
    given = values()
    site = Site(namespace, {**given, "users": {**given["users"], **crowd.users()}})
    try:
        site.install()
        measure.login_to_lab(site)
        return figures(site, runs, tasks)
    finally:
        site.close()
        namespace.helm("uninstall", RELEASE, "--no-hooks", check=False)
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def figures(site: Site, runs: int, tasks: int) -> dict[str, list[float]]:
    """All figures, each as often as wanted; images are present."""
    found = {
        "login_to_lab": [measure.login_to_lab(site) for _ in range(runs)],
        "first_cell": [measure.first_cell(site) for _ in range(runs)],
    }
    with site.user("ada", PASSWORDS["ada"]) as ada:
        found["engines_to_first_result"] = [measure.engines_to_first_result(site, ada) for _ in range(runs)]
        found["hub_restart"] = [measure.hub_restart(site) for _ in range(runs)]
        found["proxy_outage"] = [measure.proxy_outage(site, ada) for _ in range(runs)]
        found["controller_kill"] = [measure.controller_kill(site, ada) for _ in range(runs)]
        # In pairs: the machine is not the same from minute to minute.
        pairs = [
            (measure.no_op_seconds(site, ada, tasks), measure.plain_no_op_seconds(tasks)) for _ in range(runs)
        ]
        found["no_op_seconds"], found["plain_no_op_seconds"] = [
            list(column) for column in zip(*pairs, strict=True)
        ]
        found["crowd"] = crowd.log_in_all(site)
        found["hub_mebibytes"] = [measure.hub_mebibytes(site)]
    found["no_op_ratio"] = [plain / seconds for seconds, plain in pairs]
    return found


def page(found: dict[str, list[float]], machine: str) -> str:
    """The section of docs/performance.md."""
    rows = []
    for key, (what, unit, wanted) in ROWS.items():
        seen = found[key]
        text = (
            f"{statistics.median(seen):.2f}{unit}" if unit == "x" else f"{statistics.median(seen):.1f} {unit}"
        )
        spread = f" ({min(seen):.1f} to {max(seen):.1f})" if len(seen) > 1 else ""
        rows.append([what, text + spread, wanted])
    return f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}"


def main() -> None:
    """Measure, keep the result, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is measured")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks that do nothing")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found: dict[str, Any] = dict(run(arguments.runs, arguments.tasks))
    machine = (
        f"{os.cpu_count()} cores, Linux {platform.release()}, load {load:.1f} before, "
        f"medians of {arguments.runs} (least to largest), {arguments.tasks} tasks, `make bench-jupyter`"
    )
    record = {
        "machine": machine,
        "images": {name: image(name) for name in ("hub", "proxy", "notebook")},
        **found,
    }
    name = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    write_section("Chart jupyter", page(found, machine))


if __name__ == "__main__":
    main()
