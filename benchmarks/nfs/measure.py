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
    """Megabytes a second, cold, of the volume itself and through the server (libnfs in a pod), written and read."""
    url = f"nfs://{site.address}/home/ada/bench?version=4&uid={ADA}&gid={ADA}"
    own, served = "/volume/own", "/volume/home/ada/bench"
    site.namespace.exec(pod, "bash", "-c", f"head -c {megabytes}M /dev/urandom >/tmp/bench")

    def client(script: str) -> None:
        site.namespace.exec(pod, "bash", "-c", script)

    def cold(path: str) -> None:
        site.server("dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none")

    def write_own() -> None:
        site.server(
            "dd", "if=/dev/zero", f"of={own}", "bs=1M", f"count={megabytes}", "conv=fsync", "status=none"
        )

    def write_served() -> None:
        client(f"nfs-cp /tmp/bench '{url}' >/dev/null")
        site.server("sync", served)

    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "write_volume": (lambda: site.server("rm", "-f", own), write_own),
        "write_nfs": (lambda: site.server("rm", "-f", served), write_served),
        "read_volume": (lambda: cold(own), lambda: site.server("dd", f"if={own}", "of=/dev/null", "bs=1M", "status=none")),
        "read_nfs": (lambda: cold(served), lambda: client(f"nfs-cat '{url}' >/dev/null")),
    }  # fmt: skip
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(TRANSFERS):
        for way, (prepare, transfer) in ways.items():
            prepare()
            start = time.monotonic()
            transfer()
            times[way].append(time.monotonic() - start)
    site.server("rm", "-f", own, served)
    return {way: round(megabytes / statistics.median(spent), 1) for way, spent in times.items()}
