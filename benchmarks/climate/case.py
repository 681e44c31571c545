"""One run of the climate benchmark: the mean of all time steps by so many workers."""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.grid import site
from benchmarks.release import Release
from benchmarks.spread import places
from tests.kube import Namespace

KERNEL = Path(__file__).with_name("kernel.py")
DASK, DASK_POD = "dask processes, this machine", "dask processes, one pod"
ENGINES, MPI, ARRAY = "IPyParallel engines, this machine", "mpi4py ranks on Slurm", "Slurm array"
IN_RELEASE = (DASK_POD, MPI, ARRAY)
TOLERANCE = 1e-6


def make(path: str, kind: str, steps: int, grid: str, release: Release | None = None) -> dict[str, Any]:
    """Make the data, here or in the home that a release's workers share; give what should come out."""
    return _kernel(f"make {path} {kind} {steps} {grid}", 1, release)


def run(*, series: str, format: str, steps: int, grid: str, workers: int, block: int) -> dict[str, Any]:
    """Take the mean once; it is valid where every step's mean is what the data were made with."""
    where = site()
    data = where["data"]["release" if series in IN_RELEASE else "here"][format]
    release = Release(Namespace(where["namespace"]), where["release"]) if series in IN_RELEASE else None
    if series in (DASK, DASK_POD):
        seconds, means = _dask(data["path"], format, workers, release)
    else:
        size = max(1, steps // (4 * max(where["workers"])))
        items = [
            {
                "index": index,
                "path": data["path"],
                "format": format,
                "first": first,
                "last": min(first + size, steps),
            }
            for index, first in enumerate(range(0, steps, size))
        ]
        found = _spread(series, items, workers, release)
        seconds, means = found.seconds, [mean for part in found.found for mean in part]
    differences = [abs(mean - wanted) for mean, wanted in zip(means, data["means"], strict=True)]
    return {
        "series": series,
        "parameters": {"format": format, "workers": workers, "steps": steps, "grid": grid},
        "figures": {"seconds": seconds, "megabytes_per_second": data["megabytes"] / seconds},
        "block": block,
        "valid": max(differences) < TOLERANCE,
        "error": "" if max(differences) < TOLERANCE else f"a mean is off by {max(differences):.2g} K",
    }


def _spread(series: str, items: list[dict[str, Any]], workers: int, release: Release | None) -> places.Spread:
    if release is None:
        with places.engines(workers, site()["engines"]) as engines:
            return engines(KERNEL, items, "balanced", workers)
    return {MPI: places.mpi, ARRAY: places.array}[series](release)(KERNEL, items, "balanced", workers)


def _dask(path: str, kind: str, workers: int, release: Release | None) -> tuple[float, list[float]]:
    found = _kernel(f"dask {path} {kind} {workers}", workers, release)
    return found["seconds"], found["means"]


def _kernel(arguments: str, cpus: int, release: Release | None) -> dict[str, Any]:
    """Run the kernel's program here, or as a step of a release, and give what it prints last."""
    if release is None:
        command = [sys.executable, str(KERNEL), *arguments.split()]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    else:
        said = _srun(release, arguments, cpus)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _srun(release: Release, arguments: str, cpus: int) -> str:
    folder = f"bench-{secrets.token_hex(3)}"
    release.put(folder, {"kernel.py": KERNEL.read_text()})
    try:
        return release.run(f"srun -Q --mem=0 -N 1 -n 1 -c {cpus} python {folder}/kernel.py {arguments}")
    finally:
        release.run(f"rm -rf {folder}")
