"""`make bench-slurm`: figures of the chart `slurm`, written to docs/performance.md. `--tasks 20 --runs 5` is a small run."""

import argparse
import datetime
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.page import table, write_section
from benchmarks.slurm import measure
from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import values
from tests.conftest import make_accounts
from tests.kube import Namespace

RESULTS = Path(__file__).parent / "results"


def run(tasks: int, runs: int) -> dict[str, Any]:
    """Install, measure all, and take everything away."""
    namespace = Namespace.create("bench-slurm")
    with tempfile.TemporaryDirectory() as keys:
        accounts = make_accounts(Path(keys))
        cluster = Cluster(namespace, accounts, values(accounts))
        try:
            return figures(cluster, tasks, runs)
        finally:
            cluster.close()
            namespace.helm("uninstall", cluster.release, "--no-hooks", check=False)
            namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def figures(cluster: Cluster, tasks: int, runs: int) -> dict[str, Any]:
    """All figures, in an order in which none disturbs the next."""
    found: dict[str, Any] = {"tasks": tasks, "runs": runs}
    found["install"] = measure.install_to_first_mpi_job(cluster)
    found["idle"] = measure.idle_mebibytes(cluster)
    found["srun"] = measure.srun_seconds(cluster, runs)
    found["ping"] = measure.ping_pong_microseconds(cluster)
    found["ping_plain"] = measure.plain_ping_pong_microseconds()
    found["deleted"] = measure.delete_to_idle(cluster)
    found["array"] = measure.array_seconds(cluster, tasks)
    found["scaled"] = measure.scale(cluster, 4)
    measure.scale(cluster, 2)
    measure.use(cluster)
    found["array_defaults"] = measure.array_seconds(cluster, tasks)
    found["array_only"] = {}
    for name, keys in measure.GROUPS.items():
        measure.use(cluster, *keys)
        found["array_only"][name] = measure.array_seconds(cluster, tasks // 3)
    return found


def page(found: dict[str, Any], machine: str) -> str:
    """The section of docs/performance.md."""
    tasks, idle = found["tasks"], found["idle"]
    ratio = found["array_defaults"] / found["array"]
    rows: list[list[object]] = [
        [
            "helm install → first MPI job over two workers done, images present",
            f"{found['install']:.1f} s",
            "≤ 45 s",
        ],
        ["workers 2 → 4 until idle", f"{found['scaled']:.1f} s", "≤ 15 s"],
        ["worker pod deleted → node idle again", f"{found['deleted']:.1f} s", "≤ 5 s"],
        [
            f"array of {tasks} `true`: time, and of Slurm's defaults",
            f"{found['array']:.0f} s, {found['array_defaults']:.0f} s ({ratio:.1f}x)",
            "≥ 3x",
        ],
        [f"`srun hostname`, median of {found['runs']}", f"{found['srun']:.2f} s", "≤ 0.2 s"],
        [
            "MPI half round trip of 8 bytes between two pods; between two plain containers; median",
            f"{found['ping']:.1f} µs, {found['ping_plain']:.1f} µs ({found['ping'] / found['ping_plain']:.2f}x)",
            "≤ 1.2x",
        ],
        [
            "resident memory without the database",
            f"{sum(idle.values()):.0f} MiB ({', '.join(f'{name} {size:.0f}' for name, size in idle.items())})",
            "≤ 120 MB",
        ],
    ]
    return f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}\n\n{settings(found)}"


def settings(found: dict[str, Any]) -> str:
    """Which of the chart's settings for short jobs matter: each group alone on top of Slurm's defaults."""
    tasks = found["tasks"]
    default = tasks / found["array_defaults"]
    rows: list[list[object]] = [["none: Slurm's defaults", f"{default:.1f}", "1.0x"]]
    for name, seconds in found["array_only"].items():
        rate = (tasks // 3) / seconds
        rows.append([f"{name} alone", f"{rate:.1f}", f"{rate / default:.1f}x"])
    rows.append(["all", f"{tasks / found['array']:.1f}", f"{found['array_defaults'] / found['array']:.1f}x"])
    return table(["settings for short jobs in use", "tasks per second", "of the defaults'"], rows)


def main() -> None:
    """Measure, keep the result, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=150, help="size of the array")
    parser.add_argument("--runs", type=int, default=40, help="runs of srun")
    arguments = parser.parse_args()
    before = os.getloadavg()[0]
    found = run(arguments.tasks, arguments.runs)
    today = datetime.date.today().isoformat()
    load = os.getloadavg()[1]
    machine = f"{today}, {os.cpu_count()} cores, {platform.platform()}, load of the machine {before:.1f} before, {load:.1f} over the run's last five minutes."
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}.json").write_text(json.dumps({"machine": machine, **found}, indent=2) + "\n")
    write_section("Chart slurm", page(found, machine))


if __name__ == "__main__":
    main()
