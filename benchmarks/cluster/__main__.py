"""`make bench-cluster`: time and memory of the local cluster, written to docs/performance.md.

Destroys and makes the local cluster several times. `--cold` measures one thing alone: all programs fetched and built
from nothing (20 minutes and 20 GB). On a machine that never built them what is built stays; on any other it goes into a
cache of its own that is removed afterwards, and Docker's layers of Debian packages are there already.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

from benchmarks.page import table, write_section
from tests.cluster import cluster, engine, nodes
from tests.cluster.paths import ROOT, cache
from tests.cluster.steps import run

WARM_RUNS = 3
IDLE_SECONDS = 120


def seconds(*command: str, **environment: str) -> float:
    """Wall time of a command that must succeed."""
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
    return time.monotonic() - start


def warm_cluster() -> list[float]:
    """Seconds from no cluster to all nodes Ready and DNS answering, several times."""
    times = []
    engine.ensure()
    for _ in range(WARM_RUNS):
        # The engine stays: what is measured is a cluster, not dockerd.
        cluster.remove_nodes()
        times.append(seconds("make", "cluster"))
    return times


def idle_mebibytes() -> float:
    """Memory of all node containers without page cache, as `docker stats` counts it, after some idle minutes."""
    time.sleep(IDLE_SECONDS)
    text = run([engine.docker(), "stats", "--no-stream", "--format", "{{.MemUsage}}", *nodes.names()])
    return sum(_mebibytes(line.split("/")[0].strip()) for line in text.splitlines())


def cold_build() -> float:
    """Seconds to build all binaries and the node image with an empty cache of ours, and to start the cluster."""
    if not cache().exists():
        return seconds("make", "tools", "cluster")
    engine.ensure()
    with tempfile.TemporaryDirectory(prefix="hpc-cold-", dir=ROOT.parent) as empty:
        for image in run([engine.docker(), "images", "--quiet", "hpc-kind-node"]).split():
            subprocess.run([engine.docker(), "rmi", "--force", image], check=False, capture_output=True)
        cluster.remove_nodes()
        spent = seconds("make", "tools", "cluster", XDG_CACHE_HOME=empty)
        shutil.rmtree(empty, ignore_errors=True)
        os.mkdir(empty)
    return spent


def main() -> None:
    """Measure and write the section of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cold", action="store_true", help="build everything from nothing, and measure that alone"
    )
    if parser.parse_args().cold:
        row = ["`make tools cluster` with nothing built", f"{cold_build() / 60:.1f} min", "≤ 25 min"]
        write("Local cluster from nothing", "make bench-cluster BENCH_ARGS=--cold", [row])
        return
    warm = warm_cluster()
    memory = idle_mebibytes()
    seconds("make", "images")
    images = seconds("make", "images")
    rows = [
        [f"warm `make cluster`, median of {WARM_RUNS}", f"{statistics.median(warm):.1f} s", "≤ 75 s"],
        ["memory of three idle nodes", f"{memory:.0f} MiB", "≤ 1.2 GiB"],
        ["second `make images`", f"{images:.1f} s", "≤ 15 s"],
    ]
    # Before the tests: one that fails ends this, and these figures are good.
    write("Local cluster", "make bench-cluster", rows)
    rows.append(["`make test`", f"{seconds('make', 'test'):.0f} s", "≤ 3 min"])
    write("Local cluster", "make bench-cluster", rows)


def write(title: str, command: str, rows: list[list[str]]) -> None:
    """Write one section of the page, with the machine and the command that measured it."""
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, `{command}`"
    write_section(title, f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}")


def _mebibytes(text: str) -> float:
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(f"docker stats said {text!r}")


if __name__ == "__main__":
    main()
