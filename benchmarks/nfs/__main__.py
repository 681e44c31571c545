"""`make bench-nfs`: stalls, losses, throughput and memory of the chart `nfs`, written to docs/performance.md.

`--count 2 --megabytes 16` is a small run; the default of 20 kills and 20 moves takes half an hour.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from benchmarks.nfs import measure
from benchmarks.page import table, write_section
from tests.charts.nfs import site as sites
from tests.charts.nfs.conftest import build_client_image, client_pod
from tests.kube import Namespace, image

RESULTS = Path(__file__).parent / "results"


def run(count: int, megabytes: int) -> dict[str, Any]:
    """Install, measure all, and take everything away."""
    namespace = Namespace.create("bench-nfs", pod_security="privileged")
    site, client = sites.Site(namespace), build_client_image()
    try:
        site.install()
        namespace.apply(client_pod("client", client, {"access-nfs": "true"}))
        namespace.wait_ready("pod/client")
        found: dict[str, Any] = {"idle_mebibytes": measure.idle_memory(site)}
        found["delete_to_ready"] = [measure.delete_to_ready(site) for _ in range(3)]
        found["megabytes_per_second"] = measure.throughput(site, "client", megabytes)
        with sites.guest(client, 30) as guest:
            sites.mount(guest, f"{site.address}:/home")
            for way in ("kill", "move"):
                found[way] = measure.restarts(site, guest, way, count)
        return found
    finally:
        namespace.helm("uninstall", sites.RELEASE, "--no-hooks", check=False)
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def page(found: dict[str, Any], machine: str) -> str:
    """The section of docs/performance.md."""
    speed = found["megabytes_per_second"]
    rows: list[list[object]] = []
    for way, wanted in (("kill", "≤ 5 s"), ("move", "≤ 20 s")):
        seen = found[way]
        median, worst = statistics.median(seen["stalls"]), max(seen["stalls"])
        rows.append(
            [
                f"stall over a server {way}, median (worst) of {seen['runs']}",
                f"{median:.1f} s ({worst:.1f} s)",
                wanted,
            ]
        )
        rows.append(
            [
                f"records lost, locks lost in {seen['runs']} of them",
                f"{seen['bytes_lost']}, {seen['locks_lost']}",
                "0, 0",
            ]
        )
    for way in ("write", "read"):
        ratio = speed[f"{way}_nfs"] / speed[f"{way}_volume"]
        text = f"{speed[f'{way}_nfs']:.0f} of {speed[f'{way}_volume']:.0f} MB/s ({ratio:.2f}x)"
        rows.append([f"sequential {way} through the server, of the volume itself, cold", text, "≥ 0.7x"])
    rows.append(["resident memory of the idle server", f"{found['idle_mebibytes']:.0f} MiB", "≤ 32 MiB"])
    rows.append(
        [
            "pod deleted → next one Ready, median of 3",
            f"{statistics.median(found['delete_to_ready']):.1f} s",
            "≤ 3 s",
        ]
    )
    return f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}"  # fmt: skip


def main() -> None:
    """Measure, keep the result, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="kills and moves")
    parser.add_argument("--megabytes", type=int, default=256, help="size of the transferred file")
    arguments = parser.parse_args()
    found = run(arguments.count, arguments.megabytes)
    load = os.getloadavg()[2]
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, load {load:.0f} from other work, `make bench-nfs`"
    record = {"machine": machine, "image": image("nfs"), **found}
    name = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    write_section("Chart nfs", page(found, machine))


if __name__ == "__main__":
    main()
