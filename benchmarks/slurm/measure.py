"""The measurements, each on an installed release; times are wall-clock seconds as a user sees them."""

import re
import secrets
import statistics
import time

import yaml

from benchmarks.containers import HOME, containers
from tests.charts.slurm.cluster import Cluster
from tests.cluster.paths import ROOT
from tests.kube import image

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
# What the chart sets for short jobs, by groups of keys that do one thing.
GROUPS = {
    "batch_sched_delay, sched_min_interval": ("batch_sched_delay", "sched_min_interval"),
    "sched_interval": ("sched_interval",),
    "bf_interval, default_queue_depth": ("bf_interval", "default_queue_depth"),
    "KillWait, CompleteWait": ("KillWait", "CompleteWait"),
    "SlurmdTimeout, BatchStartTimeout": ("SlurmdTimeout", "BatchStartTimeout"),
}
SCHEDULER = {key for keys in GROUPS.values() for key in keys if key.islower()}
OTHERS = {key for keys in GROUPS.values() for key in keys} - SCHEDULER
DAEMONS = ("slurmctld", "slurmd", "slurmdbd", "slurmrestd", "sackd", "sshd")


def install_to_first_mpi_job(cluster: Cluster) -> float:
    """From `helm install` to the end of an MPI job over both workers."""
    start = time.monotonic()
    cluster.install()
    cluster.wait_nodes(2)
    cluster.ssh("ada", MPI)
    return time.monotonic() - start


def use(cluster: Cluster, *kept: str) -> None:
    """Put back Slurm's own default of all that the chart sets for short jobs, but for these keys."""
    chart = yaml.safe_load((ROOT / "charts/slurm/values.yaml").read_text())["slurm"]["config"]
    scheduler = {key: value if key in kept else None for key, value in chart["SchedulerParameters"].items()}
    others = {key: chart[key] if key in kept else None for key in OTHERS}
    # A setting that is about nothing here, to see when the new file is in use.
    mark = {"MessageTimeout": secrets.randbelow(60) + 20}
    cluster.install(slurm={"config": {"SchedulerParameters": scheduler, **others, **mark}})
    cluster.resync()
    shown = f"MessageTimeout          = {mark['MessageTimeout']} sec"
    cluster.wait("it is in use", lambda: shown in cluster.admin("scontrol show config").out, timeout=150)


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
    end = time.monotonic() + 600
    # Seldom: asking takes CPU time from what is measured.
    while cluster.accounted(job) != ["COMPLETED"] * tasks:
        if time.monotonic() > end:
            raise RuntimeError(f"array {job} has not ended in 600 s: {cluster.admin('squeue').text}")
        time.sleep(3)
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


def plain_ping_pong_microseconds() -> float:
    """The same between two containers of the engine that runs the nodes: no Kubernetes, no Slurm."""
    agent = (ROOT / "benchmarks/mpi/agent.py").read_text()
    start = f"python3 {HOME}/agent.py serve >/dev/null 2>&1 & sleep 1"
    with containers(2, cpus=1, reference=image("compute")) as made:
        for container in made:
            container.put(HOME, {"ping.py": PING, "agent.py": agent})
        made[1].run("sh", "-c", start)
        hosts = ",".join(f"{container.name}:1" for container in made)
        remote = ["--prtemca", "plm_ssh_agent", f"python3 {HOME}/agent.py"]
        return float(
            made[0].run(
                "mpirun", "-n", "2", "--bind-to", "none", "--host", hosts, *remote, "python", "ping.py"
            )
        )


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
