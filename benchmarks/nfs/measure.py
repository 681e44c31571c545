"""Measure one release of the chart `nfs` on the local cluster, with a kernel client beside it. Not for any other cluster."""

import json
import shlex
import statistics
import subprocess
import time
from typing import Any

from tests.charts.nfs.site import ADA, SERVER, Site, appending
from tests.cluster import uml
from tests.kube import context_arguments

# Longer than the stall of a move, so that each run sees the server come back.
AFTER_SECONDS = 12.0
TRANSFERS = 4
# Rented disks let a burst through at first, and have it again after a rest.
REST_SECONDS = 10
SETTLE_SECONDS = 5
# Requests under way at once, as a kernel client has them.
IN_FLIGHT = 8


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
    # What kubelet still does for the last new pod is not of this one.
    time.sleep(SETTLE_SECONDS)
    uid = site.uid
    path = f"/api/v1/namespaces/{site.namespace.name}/pods?watch=1&fieldSelector=metadata.name%3D{SERVER}"
    # Told, not asked again and again, which takes time from what is measured.
    command = ["kubectl", *context_arguments(), "get", "--raw", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout
        # The pod as it is: from here on changes are told.
        watch.stdout.readline()
        start = time.monotonic()
        site.namespace.kubectl("delete", "pod", SERVER, "--wait=false")
        for line in watch.stdout:
            pod = json.loads(line)["object"]
            ready = {"type": "Ready", "status": "True"}
            told = [{key: entry[key] for key in ready} for entry in pod["status"].get("conditions", [])]
            if pod["metadata"]["uid"] != uid and ready in told:
                break
        else:
            raise RuntimeError("kubectl's watch ended before the server was ready")
        seconds = time.monotonic() - start
        watch.terminate()
    return round(seconds, 2)


def idle_memory(site: Site) -> float:
    """Resident mebibytes of a new server."""
    return int(site.server("bash", "-c", "grep VmRSS /proc/$(cat /run/ganesha/pid)/status").split()[1]) / 1024


def throughput(site: Site, pod: str, megabytes: int) -> dict[str, float]:
    """Megabytes a second, cold, of the volume itself and through the server, by fio in a pod that has both.

    Time is that of the whole command in the pod, so that it ends with the data on disk: an fsync on the volume; through the
    server the COMMIT with which libnfs closes a file.
    """
    folder = "/volume/home/ada"

    def fio(name: str, way: str, *engine: str) -> float:
        job = [
            "fio",
            f"--name={name}",
            f"--filename={name}",
            f"--rw={way}",
            "--bs=1M",
            f"--size={megabytes}M",
            "--output-format=json",
            "--output=/tmp/said",
        ]
        script = f"cd /volume && TIMEFORMAT=%R && time {shlex.join([*job, *engine])} && cat /tmp/said"
        time.sleep(REST_SECONDS)
        done = site.namespace.exec(pod, "bash", "-c", script)
        # Refused by a server, fio ends at once and well; at its end it does not wait for what is under way.
        if json.loads(done.out)["jobs"][0][way]["io_bytes"] < (megabytes - IN_FLIGHT) << 20:
            raise RuntimeError(f"fio did not {way} {megabytes} MiB: {done.err}")
        return float(done.err.split()[-1])

    def cold(*paths: str) -> None:
        for path in paths:
            site.server(
                "dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"
            )

    url = f"nfs://{site.address}/home/ada?version=4&uid={ADA}&gid={ADA}"
    served = ["--ioengine=nfs", f"--nfs_url={url}", f"--iodepth={IN_FLIGHT}"]
    times: dict[str, list[float]] = {}
    for number in range(TRANSFERS):
        # A name of its own each time: the server does not expect files to vanish beside it.
        own, shared = f"own-{number}", f"bench-{number}"
        ways: list[tuple[str, str, tuple[str, ...]]] = [("volume", own, ()), ("nfs", shared, tuple(served))]
        if number % 2:
            ways.reverse()
        spent = {
            f"write_{way}": fio(name, "write", *engine or ("--end_fsync=1",)) for way, name, engine in ways
        }
        cold(f"/volume/{own}", f"{folder}/{shared}")
        spent |= {f"read_{way}": fio(name, "read", *engine) for way, name, engine in ways}
        for way, seconds in spent.items():
            times.setdefault(way, []).append(seconds)
    return {way: round(megabytes / statistics.median(spent), 1) for way, spent in times.items()}
