"""Says what this machine has and lacks for sweeps."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sweep_client.directory import Directory
from sweep_client.executors import executor_class, executor_names

LEAST_FREE_BYTES = 1 << 30
LIBRARIES = {
    "numpy": "arrays in results",
    "pandas": "frames in results and tables",
    "matplotlib": "figures in results",
    "ipywidgets": "widgets in notebooks and the live widget",
    "keyring": "tokens of clusters",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``needed`` where nothing works without it."""

    what: str
    good: bool
    text: str
    needed: bool = False


def examine() -> list[Finding]:
    """Look at this machine."""
    return [_python(), _platform(), _memory(), _disk(), _descriptors(), *_libraries(), *_executors()]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", sys.version_info >= (3, 11), version, needed=True)


def _platform() -> Finding:
    good = sys.platform == "linux" and Path("/proc/self/task").is_dir()
    return Finding("fork engine", good, "Linux with /proc" if good else "not Linux: use --engine kernel")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpus = len(os.sched_getaffinity(0))
    return Finding("processors and memory", True, f"{cpus} processors, {total / 2**30:.1f} GiB")


def _disk() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free in {folder}"
    return Finding(
        "temporary files", free > LEAST_FREE_BYTES, text + ("" if free > LEAST_FREE_BYTES else "; set TMPDIR")
    )


def _descriptors() -> Finding:
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Finding(
        "open files", soft >= 256, f"{soft} allowed" + ("" if soft >= 256 else "; raise with: ulimit -n 1024")
    )


def _libraries() -> list[Finding]:
    found = {name: importlib.util.find_spec(name) is not None for name in LIBRARIES}
    return [
        Finding(name, found[name], f"for {use}" + ("" if found[name] else f": pip install {name}"))
        for name, use in LIBRARIES.items()
    ]


def _executors() -> list[Finding]:
    findings = []
    for name in executor_names():
        try:
            missing = executor_class(name)(Directory(Path(tempfile.gettempdir()))).check()
        except Exception as error:
            missing = [f"cannot be used: {error}"]
        findings.append(Finding(f"executor {name}", not missing, "; ".join(missing) or "can be used"))
    return findings
