"""The measurements, each on an installed release; times are wall-clock seconds as a user sees them."""

import re
import statistics
import time
from typing import Any

from tests.charts.slurm.cluster import Cluster

MPI = "srun -N2 -n2 python -c 'from mpi4py import MPI; assert MPI.COMM_WORLD.size == 2'"
SRUN = """
import subprocess, time
times = []
for _ in range({runs}):
    start = time.perf_counter()
    subprocess.run(["srun", "-n1", "hostname"], check=True, capture_output=True)
    times.append(time.perf_counter() - start)
print(*times)
"""
PING = """
from mpi4py import MPI
import time
world, buffer = MPI.COMM_WORLD, bytearray(8)
def once(count):
    for _ in range(count):
        if world.rank == 0:
            world.Send(buffer, 1); world.Recv(buffer, 1)
        else:
            world.Recv(buffer, 0); world.Send(buffer, 0)
once(1000)
best = []
for _ in range(20):
    start = time.perf_counter()
    once(500)
    best.append((time.perf_counter() - start) / 1000 * 1e6)
if world.rank == 0:
    print(sorted(best)[len(best) // 2])
"""
# Slurm's own defaults of what the chart sets for short jobs.
DEFAULTS: dict[str, Any] = {
    "SchedulerParameters": {
        key: None
        for key in (
            "batch_sched_delay",
            "sched_min_interval",
            "sched_interval",
            "bf_interval",
            "default_queue_depth",
        )
    },
    "KillWait": None,
    "SlurmdTimeout": None,
    "BatchStartTimeout": None,
    "CompleteWait": None,
}
DAEMONS = ("slurmctld", "slurmd", "slurmdbd", "slurmrestd", "sackd", "sshd")


def install_to_first_mpi_job(cluster: Cluster) -> float:
    """From `helm install` to the end of an MPI job over both workers."""
    start = time.monotonic()
    cluster.install()
    cluster.wait_nodes(2)
    cluster.ssh("ada", MPI)
    return time.monotonic() - start


def scale(cluster: Cluster, replicas: int) -> float:
    """From `kubectl scale` until all nodes are idle."""
    start = time.monotonic()
    cluster.namespace.kubectl("scale", "statefulset/hpc-worker-cpu", f"--replicas={replicas}")
    cluster.wait_nodes(replicas)
    return time.monotonic() - start


def delete_to_idle(cluster: Cluster) -> float:
    """From `kubectl delete pod` until the node is idle again."""
    old = cluster.namespace.get("pod", "hpc-worker-cpu-1")["metadata"]["uid"]
    start = time.monotonic()
    cluster.namespace.kubectl("delete", "pod", "hpc-worker-cpu-1", "--wait=false")
    while True:
        pod = cluster.namespace.kubectl(
            "get", "pod", "hpc-worker-cpu-1", "-o", "jsonpath={.metadata.uid}", check=False
        )
        if pod.out not in ("", old) and cluster.nodes().get("hpc-worker-cpu-1") == "idle":
            return time.monotonic() - start
        time.sleep(0.1)


def array_seconds(cluster: Cluster, tasks: int) -> float:
    """From submission until accounting's last end of an array of `true`; both times are Slurm's own."""
    job = cluster.submit("true", f"--array=0-{tasks - 1}", "--mem=50")
    cluster.wait_states(job, {"COMPLETED"}, timeout=900)
    rows = cluster.admin(f"sacct -n -X -P -j {job} -o Submit,End").out.split()
    stamps = [
        time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) for row in rows for text in row.split("|")
    ]
    return max(1.0, max(stamps) - min(stamps))


def srun_seconds(cluster: Cluster, runs: int) -> float:
    """Median of `srun hostname` on the frontend."""
    said = cluster.ssh("ada", "python -", stdin=SRUN.format(runs=runs)).out
    return statistics.median(float(word) for word in said.split())


def ping_pong_microseconds(cluster: Cluster) -> float:
    """Median half round trip of eight bytes between two worker pods."""
    cluster.ssh("ada", "cat > ping.py", stdin=PING)
    return float(cluster.ssh("ada", "srun -N2 -n2 python ping.py").out)


def idle_mebibytes(cluster: Cluster) -> dict[str, float]:
    """Resident memory of each daemon of the release, summed over pods."""
    pods = cluster.namespace.get("pods", "-l", "app.kubernetes.io/name=slurm")["items"]
    found = dict.fromkeys(DAEMONS, 0.0)
    for pod in pods:
        for container in pod["spec"]["containers"]:
            shown = cluster.namespace.exec(
                pod["metadata"]["name"],
                *("sh", "-c", "grep -h -E '^(Name|VmRSS)' /proc/[0-9]*/status"),
                container=container["name"],
                check=False,
            )
            for name, kibibytes in re.findall(r"Name:\s+(\S+)\nVmRSS:\s+(\d+)", shown.out):
                if name in found:
                    found[name] += int(kibibytes) / 1024
    return found
