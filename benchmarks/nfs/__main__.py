"""`make bench-nfs`: stalls, losses, throughput and memory of the chart `nfs`, written to docs/performance.md.

`--count 2 --megabytes 16` is a small run; the default of 20 kills and 20 moves takes half an hour. `--count 0` leaves both
out, and their section of the page as it is.
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
from tests.cluster import child_image
from tests.kube import Namespace, image

# Pods that are deleted, one after the other.
READY = 7
RESULTS = Path(__file__).parent / "results"


def run(count: int, megabytes: int) -> dict[str, Any]:
    """Install, measure all, and take everything away."""
    namespace = Namespace.create("bench-nfs", pod_security="privileged")
    site = sites.Site(namespace)
    try:
        site.install()
        namespace.apply(measuring_pod())
        namespace.wait_ready("pod/fio")
        found: dict[str, Any] = {"idle_mebibytes": measure.idle_memory(site)}
        found["delete_to_ready"] = [measure.delete_to_ready(site) for _ in range(READY)]
        found["megabytes_per_second"] = measure.throughput(site, "fio", megabytes)
        if count:
            with sites.guest(build_client_image(), 30) as guest:
                sites.mount(guest, f"{site.address}:/home")
                for way in ("kill", "move"):
                    found[way] = measure.restarts(site, guest, way, count)
        return found
    finally:
        namespace.helm("uninstall", sites.RELEASE, "--no-hooks", check=False)
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def measuring_pod() -> dict[str, Any]:
    """A pod with fio that has the server's volume as its own too, and writes there as root."""
    built = child_image.pushed("nfs-fio", "base", Path(__file__).parent / "client")
    pod = client_pod("fio", built, {"access-nfs": "true"})
    pod["spec"]["volumes"] = [{"name": "volume", "persistentVolumeClaim": {"claimName": "nfs-nfs"}}]
    container = pod["spec"]["containers"][0]
    container["securityContext"] = {"runAsUser": 0}
    container["volumeMounts"] = [{"name": "volume", "mountPath": "/volume"}]
    return pod


def restarts(found: dict[str, Any]) -> str:
    """What clients saw of kills and moves."""
    rows: list[list[object]] = []
    for way, wanted in (("kill", "≤ 5 s"), ("move", "≤ 20 s")):
        seen = found[way]
        median, worst = statistics.median(seen["stalls"]), max(seen["stalls"])
        stall = f"stall over a server {way}, median (worst) of {seen['runs']}"
        rows.append([stall, f"{median:.1f} s ({worst:.1f} s)", wanted])
        lost = f"{seen['bytes_lost']}, {seen['locks_lost']}"
        rows.append([f"records lost, locks lost in {seen['runs']} of them", lost, "0, 0"])
    return table(["what", "measured", "wanted"], rows)


def speed_and_size(found: dict[str, Any]) -> str:
    """How fast files are read and written, what the server holds, and how soon the next one is there."""
    speed, rows = found["megabytes_per_second"], []
    for way in ("write", "read"):
        ratio = speed[f"{way}_nfs"] / speed[f"{way}_volume"]
        text = f"{speed[f'{way}_nfs']:.0f} of {speed[f'{way}_volume']:.0f} MB/s ({ratio:.2f}x)"
        rows.append([f"sequential {way} through the server, of the volume itself, cold", text, "≥ 0.7x"])
    rows.append(["resident memory of the idle server", f"{found['idle_mebibytes']:.0f} MiB", "≤ 32 MiB"])
    ready = f"{statistics.median(found['delete_to_ready']):.1f} s"
    rows.append([f"pod deleted → next one Ready, median of {READY}", ready, "≤ 3 s"])
    return table(["what", "measured", "wanted"], rows)


def main() -> None:
    """Measure, keep the result, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="kills and moves")
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the transferred file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found = run(arguments.count, arguments.megabytes)
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, load {load:.1f} before, `make bench-nfs`"
    record = {"machine": machine, "image": image("nfs"), **found}
    name = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    if arguments.count:
        write_section("Chart nfs: kills and moves", f"{machine}\n\n{restarts(found)}")
    write_section("Chart nfs: speed and size", f"{machine}\n\n{speed_and_size(found)}")


if __name__ == "__main__":
    main()
