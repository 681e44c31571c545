"""One run of the Mandelbrot benchmark: one picture by so many workers."""

import base64
import hashlib
import itertools
import zlib
from pathlib import Path
from typing import Any

from benchmarks.grid import site
from benchmarks.release import Release
from benchmarks.spread import places
from benchmarks.spread.pool import Pool
from tests.kube import Namespace

KERNEL = Path(__file__).with_name("kernel.py")
ENGINES, POOL = "IPyParallel engines", "IPyParallel engines of a pool"
MPI, ARRAY = "mpi4py ranks on Slurm", "Slurm array"
LIMIT = {"ascii": 300, "numpy": 300}


def items(fractal: str, size: str, blocks: int) -> list[dict[str, Any]]:
    """The work: blocks of rows of a picture of `WIDTHxHEIGHT`."""
    width, height = (int(word) for word in size.split("x"))
    edges = [height * place // blocks for place in range(blocks + 1)]
    return [
        {"index": index, "fractal": fractal, "width": width, "height": height, "limit": LIMIT[fractal], "first": first, "last": last}
        for index, (first, last) in enumerate(itertools.pairwise(edges))
    ]  # fmt: skip


def run(
    *, series: str, fractal: str, size: str, rows: str, workers: int, blocks: int, block: int
) -> dict[str, Any]:
    """Compute the picture once; what was computed goes into the facts as a hash."""
    found = _spread(series, items(fractal, size, blocks), rows, workers)
    data = b"".join(zlib.decompress(base64.b64decode(part)) for part in found.found)
    figures = {"seconds": found.seconds, "busy": found.busy, "with_start": found.with_start}
    parameters = {"fractal": fractal, "size": size, "rows": rows, "workers": workers, "blocks": blocks}
    facts = {"sha256": hashlib.sha256(data).hexdigest()}
    return {"series": series, "parameters": parameters, "block": block, "figures": figures, "facts": facts}


def _spread(series: str, work: list[dict[str, Any]], rows: str, workers: int) -> places.Spread:
    where = site()
    if series == ENGINES:
        with places.engines(workers, where["engines"]) as engines:
            return engines(KERNEL, work, rows, workers)
    if series == POOL:
        return Pool(**where["pool"]).place(KERNEL, work, rows, workers)
    release = Release(Namespace(where["namespace"]), where["release"])
    return {MPI: places.mpi, ARRAY: places.array}[series](release)(KERNEL, work, rows, workers)
