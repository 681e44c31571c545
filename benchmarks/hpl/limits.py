"""What a pod, container or Slurm job may use, read from where the kernel says it; and what happened to it meanwhile.

It is copied to where HPL runs, so it needs the standard library alone.
"""

import os
import socket
from pathlib import Path
from typing import Any

CGROUP = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60


def facts(cgroup: Path = CGROUP) -> dict[str, Any]:
    """Limits and counters of this machine and this cgroup."""
    return {
        "host": socket.gethostname(),
        "memory": memory_bytes(cgroup),
        "cpus": len(os.sched_getaffinity(0)),
        "quota": cpu_quota(cgroup),
        "throttled_seconds": throttled_seconds(cgroup),
        "shm": _shm_bytes(),
        **_cpu_times(),
        **_processor(),
    }


def memory_bytes(cgroup: Path = CGROUP) -> int:
    """The least of what the cgroup allows, Slurm gave and the machine has."""
    found = []
    for folder, limit_name, used_name in (
        (cgroup, "memory.max", "memory.current"),
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit = _number(folder / limit_name)
        if limit < UNLIMITED:
            found.append(max(0, limit - _number(folder / used_name) + _cached(folder)))
    given = os.environ.get("SLURM_MEM_PER_NODE", "")
    slurm = [int(given) << 20] if given.isdigit() and int(given) else []
    available = [
        int(line.split()[1]) << 10
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable")
    ]
    return min([*found, *slurm, *available])


def cpu_quota(cgroup: Path = CGROUP) -> float:
    """CPUs that the cgroup's quota allows; 0 for no quota."""
    if (cgroup / "cpu.max").exists():
        quota, period = (cgroup / "cpu.max").read_text().split()
        return 0.0 if quota == "max" else int(quota) / int(period)
    folder = cgroup / "cpu"
    if not (folder / "cpu.cfs_quota_us").exists():
        return 0.0
    limit = int((folder / "cpu.cfs_quota_us").read_text())
    return limit / int((folder / "cpu.cfs_period_us").read_text()) if limit > 0 else 0.0


def throttled_seconds(cgroup: Path = CGROUP) -> float:
    """How long the quota stopped processes, since the cgroup exists."""
    for path, name, unit in (
        (cgroup / "cpu.stat", "throttled_usec", 1e-6),
        (cgroup / "cpu" / "cpu.stat", "throttled_time", 1e-9),
    ):
        if path.exists():
            counters = dict(line.split() for line in path.read_text().splitlines())
            return int(counters.get(name, 0)) * unit
    return 0.0


def _cached(folder: Path) -> int:
    """Files in memory that the kernel gives up for programs."""
    try:
        counters = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return 0
    return int(counters.get("total_inactive_file", counters.get("inactive_file", 0)))


def _number(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return UNLIMITED
    return int(text) if text.isdigit() else UNLIMITED


def _shm_bytes() -> int:
    try:
        stat = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return 0
    return stat.f_bavail * stat.f_frsize


def _cpu_times() -> dict[str, float]:
    words = Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    ticks = [int(word) for word in words]
    return {"cpu_ticks": float(sum(ticks)), "stolen_ticks": float(ticks[7]), "load": os.getloadavg()[0]}


def _processor() -> dict[str, Any]:
    """Model, clock and the widest arithmetic that the kernel shows of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(fields.get("flags", "").split())
    per_cycle = 32 if "avx512f" in flags else 16 if {"avx2", "fma"} <= flags else 8 if "avx" in flags else 4
    return {
        "model": fields.get("model name", ""),
        "megahertz": float(fields.get("cpu MHz", 0) or 0),
        "flops_per_cycle": per_cycle,
        "avx2": "avx2" in flags,
    }
