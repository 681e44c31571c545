"""Measure one release of the chart `nfs` on the local cluster, with a kernel client beside it. Not for any other cluster."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.charts.nfs.site import ADA, Site, appending
from tests.cluster import uml

# Longer than the stall of a move, so that each run sees the server come back.
AFTER_SECONDS = 12.0
TRANSFERS = 3


def restarts(site: Site, guest: uml.Guest, way: str, count: int) -> dict[str, Any]:
    """Stall and losses of `count` kills or moves, each under an open, locked file that grows."""
    stalls, lost, errors = [], 0, []
    for number in range(count):
        with appending(guest, f"/mnt/home/ada/{way}-{time.time():.0f}-{number}") as finish:
            site.kill() if way == "kill" else site.move(force=number % 2 == 1)
            seen = finish(AFTER_SECONDS)
        stalls.append(seen.stall)
        lost += seen.lost + seen.rest
        errors += [seen.error] if seen.error else []
        if way == "kill":
            # A new pod, since kubelet waits longer and longer before it starts one container again and again.
            site.delete()
    return {"runs": count, "stalls": stalls, "bytes_lost": lost, "locks_lost": len(errors), "errors": errors}


def delete_to_ready(site: Site) -> float:
    """Seconds from the deletion of the pod to the readiness of the next one on the same node."""
    start = time.monotonic()
    site.delete()
    return round(time.monotonic() - start, 2)


def idle_memory(site: Site) -> float:
    """Resident mebibytes of a new server."""
    return int(site.server("bash", "-c", "grep VmRSS /proc/$(cat /run/ganesha/pid)/status").split()[1]) / 1024


def throughput(site: Site, pod: str, megabytes: int) -> dict[str, float]:
    """Megabytes a second, cold, of the volume itself and through the server (libnfs in a pod), the start of `kubectl exec` included."""
    folder, server = "/volume/home/ada", site.address
    site.namespace.exec(pod, "bash", "-c", f"head -c {megabytes}M /dev/urandom >/tmp/bench")

    def client(script: str) -> str:
        return site.namespace.exec(pod, "bash", "-c", script).out

    def cold(path: str) -> str:
        return site.server(
            "dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"
        )

    def ways(number: int) -> dict[str, Callable[[], object]]:
        # A name of its own each time: the server does not expect files to vanish beside it.
        own, served = f"/volume/own-{number}", f"{folder}/bench-{number}"
        url = f"nfs://{server}/home/ada/bench-{number}?version=4&uid={ADA}&gid={ADA}"
        block = ["bs=1M", "status=none"]
        return {
            "write_volume": lambda: site.server(
                "dd", "if=/dev/zero", f"of={own}", f"count={megabytes}", "conv=fsync", *block
            ),
            "write_nfs": lambda: (
                client(f"nfs-cp /tmp/bench '{url}' >/dev/null"),
                site.server("sync", served),
            ),
            "cold": lambda: (cold(own), cold(served)),
            "read_volume": lambda: site.server("dd", f"if={own}", "of=/dev/null", *block),
            "read_nfs": lambda: client(f"nfs-cat '{url}' >/dev/null"),
        }

    times: dict[str, list[float]] = {}
    for number in range(TRANSFERS):
        for way, transfer in ways(number).items():
            start = time.monotonic()
            transfer()
            times.setdefault(way, []).append(time.monotonic() - start)
    return {
        way: round(megabytes / statistics.median(spent), 1) for way, spent in times.items() if way != "cold"
    }
