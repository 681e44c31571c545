"""`make bench-hpc`: `make demo` from no cluster to the report, and the memory of the idle release, written to docs/performance.md.

Removes the local cluster and makes it again; what is built and cached outside the cluster stays, images in the registry too.
"""

import json
import os
import platform
import subprocess
import time
from collections import defaultdict

from benchmarks.page import table, write_section
from docs.examples import demo
from tests.cluster import cluster, engine
from tests.cluster.paths import ROOT
from tests.kube import Namespace

IDLE_SECONDS = 120


def demo_seconds() -> float:
    """Wall time of `make demo` where no cluster is."""
    engine.ensure()
    # The registry stays: what is measured is the demo, not the making of images.
    cluster.remove_nodes()
    start = time.monotonic()
    subprocess.run(["make", "demo"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - start


def idle_mebibytes() -> dict[str, float]:
    """Working set of each component's pods, as kubelet counts it and `kubectl top` shows it, after some idle minutes."""
    time.sleep(IDLE_SECONDS)
    namespace = Namespace(demo.NAMESPACE)
    component = {
        pod["metadata"]["name"]: pod["metadata"]["labels"].get("app.kubernetes.io/component", "")
        for pod in namespace.get("pods")["items"]
        if pod["status"]["phase"] == "Running"
    }
    found: dict[str, float] = defaultdict(float)
    for node in namespace.get("nodes")["items"]:
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for pod in json.loads(namespace.kubectl("get", "--raw", path).out)["pods"]:
            if pod["podRef"]["namespace"] == namespace.name and pod["podRef"]["name"] in component:
                found[component[pod["podRef"]["name"]]] += pod["memory"]["workingSetBytes"] / 2**20
    return dict(found)


def main() -> None:
    """Measure and write the section."""
    seconds = demo_seconds()
    memory = idle_mebibytes()
    parts = ", ".join(
        f"{name} {size:.0f}" for name, size in sorted(memory.items(), key=lambda kind: -kind[1])
    )
    rows = [
        [
            "`make demo` from no cluster to the report, images and programs built",
            f"{seconds:.0f} s",
            "≤ 4 min",
        ],
        [
            f"memory of the idle release, {len(memory)} components",
            f"{sum(memory.values()):.0f} MiB ({parts})",
            "≤ 1.5 GiB",
        ],
    ]
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, `make bench-hpc`"
    write_section("Chart hpc", f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}")


if __name__ == "__main__":
    main()
