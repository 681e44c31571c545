"""One run of HPL: on a release's workers, or in a plain container with the same limits."""

import json
import secrets
import shlex
from pathlib import Path
from typing import Any

from benchmarks.containers import containers
from benchmarks.grid import site
from benchmarks.release import Release
from tests.kube import Namespace

HERE = Path(__file__).parent
FILES = ("job.py", "limits.py", "plan.py", "output.py")
PODS, CONTAINER = "pods", "plain container"
FIGURES = (
    "gflops",
    "seconds",
    "residual",
    "dgemm",
    "of_dgemm",
    "rpeak",
    "predicted",
    "throttled_share",
    "steal_share",
    "load",
)


def run(
    *, series: str, N: int, NB: int, grid: str, nodes: int, ranks_per_node: int, threads: int, cpus: int, limit_seconds: float, dgemm: int, block: int
) -> dict[str, Any]:  # fmt: skip
    """Run one problem; `cpus` are those of a node.

    Raises:
        RuntimeError: it was refused or did not end; the message says why.
    """
    case = {
        "N": N, "NB": NB, "grid": grid, "nodes": nodes, "ranks_per_node": ranks_per_node, "threads": threads,
        "limit_seconds": limit_seconds, "dgemm": dgemm, "launcher": "mpirun" if series.startswith(CONTAINER) else "srun",
    }  # fmt: skip
    found = _in_container(case, cpus) if series.startswith(CONTAINER) else _in_pods(case)
    if "refused" in found:
        raise RuntimeError(found["refused"])
    parameters = {name: found[name] for name in ("N", "NB", "grid", "nodes", "cores", "threads")}
    facts = {name: value for name, value in found.items() if name not in {*FIGURES, *parameters}}
    return {
        "series": series,
        "parameters": parameters,
        "figures": {name: found[name] for name in FIGURES},
        "block": block,
        "valid": found["passed"],
        "facts": facts,
        "error": "" if found["passed"] else "the residual is too large",
    }


def _texts() -> dict[str, str]:
    return {name: (HERE / name).read_text() for name in FILES}


def _in_pods(case: dict[str, Any]) -> dict[str, Any]:
    where = site()
    release = Release(Namespace(where["namespace"]), where["release"])
    folder = f"bench-{secrets.token_hex(3)}"
    # The batch script's own step must not take a CPU that a rank needs, so it asks for all of each node.
    options = f"-N {case['nodes']} --ntasks-per-node={case['ranks_per_node']} --cpus-per-task={case['threads']} --mem=0 --exclusive"
    if where.get("nodelist"):
        options += f" -w {','.join(where['nodelist'][: case['nodes']])}"
    script = f"python3 job.py {shlex.quote(json.dumps(case))}"
    release.put(folder, _texts())
    try:
        release.run(
            f"cd {folder} && sbatch -Q --wait {options} -o out.txt -e err.txt --wrap {shlex.quote(script)} || true",
            timeout=case["limit_seconds"] * 3 + 300,
        )
        said = release.run(f"cd {folder} && cat out.txt; tail -c 1500 err.txt >&2 || true")
        return _last(said, lambda: release.run(f"tail -c 1500 {folder}/err.txt {folder}/out.txt"))
    finally:
        release.run(f"rm -rf {folder}")


def _in_container(case: dict[str, Any], cpus: int) -> dict[str, Any]:
    where = site()
    with containers(cpus=cpus, memory=where["memory"], shm=where["shm"]) as made:
        made[0].put("/tmp/hpl", _texts())  # noqa: S108
        said = made[0].run(
            "python3", "/tmp/hpl/job.py", json.dumps(case), timeout=case["limit_seconds"] * 3 + 300  # noqa: S108
        )  # fmt: skip
        return _last(said, lambda: said)


def _last(said: str, more: Any) -> dict[str, Any]:
    lines = [line for line in said.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"HPL's job said nothing: {more()}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
