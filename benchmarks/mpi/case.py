"""One run of the MPI benchmark: all patterns and sizes at one place."""

import json
import secrets
from pathlib import Path
from typing import Any

from benchmarks.containers import HOME, Container, containers
from benchmarks.grid import site
from benchmarks.release import Node, Release
from tests.kube import Namespace

HERE = Path(__file__).parent
MACHINES, MACHINE, POD = "pods on two machines", "pods on one machine", "one pod"
TWO_CONTAINERS, CONTAINER = "two plain containers", "one plain container"
SHORTEST_MEASUREMENT = 0.1


def nodes_of(series: str, nodes: list[Node]) -> list[str]:
    """Names of the nodes that a series runs on; empty where the release has none of this kind."""
    if series == POD:
        return next(([node.name] for node in nodes if node.cpus >= 2), [])
    pairs = [
        (a, b)
        for a in nodes
        for b in nodes
        if a.name < b.name and (a.machine == b.machine) == (series == MACHINE)
    ]
    return [node.name for node in pairs[0]] if pairs else []


def run(*, series: str, seconds: float, largest: int, block: int) -> list[dict[str, Any]]:
    """Time all patterns and sizes with two ranks.

    Raises:
        RuntimeError: the ranks are not where they should be.
    """
    # A smoke run must end on a busy machine too: ranks that wait let others run, which a measurement must not do.
    kind = ["env", "OMPI_MCA_mpi_yield_when_idle=1"] if seconds < SHORTEST_MEASUREMENT else []
    program = [*kind, "python3", "job.py", str(seconds), str(largest)]
    said = _containers(series, program) if series in (TWO_CONTAINERS, CONTAINER) else _pods(series, program)
    found = json.loads([line for line in said.splitlines() if line.startswith("{")][-1])
    hosts = len(set(found["hosts"]))
    if found["ranks"] != 2 or hosts != (1 if series in (POD, CONTAINER) else 2):
        raise RuntimeError(f"{series}: {found['ranks']} ranks on {found['hosts']}")
    return [
        {
            "series": series,
            "parameters": {"pattern": row["pattern"], "bytes": row["bytes"], "ranks": 2},
            "figures": {name: row[name] for name in ("microseconds", "megabytes_per_second")},
            "block": block,
            "valid": row["right"],
            "facts": {"mpi": found["mpi"]} if row["bytes"] == 8 else {},
        }
        for row in found["found"]
    ]


def _pods(series: str, program: list[str]) -> str:
    where = site()
    release = Release(Namespace(where["namespace"]), where["release"])
    names = where["nodes"][series]
    folder = f"bench-{secrets.token_hex(3)}"
    release.put(folder, {"job.py": (HERE / "job.py").read_text()})
    try:
        return release.run(
            f"cd {folder} && srun -Q --mem=0 -w {','.join(names)} -N {len(names)} -n 2 --ntasks-per-node={2 // len(names)} {' '.join(program)}"
        )
    finally:
        release.run(f"rm -rf {folder}")


def _containers(series: str, program: list[str]) -> str:
    texts = {name: (HERE / name).read_text() for name in ("job.py", "agent.py")}
    with containers(2 if series == TWO_CONTAINERS else 1, cpus=2) as made:
        for container in made:
            container.put(HOME, texts)
        hosts = [container.name for container in made]
        options = [
            "--bind-to",
            "none",
            "--map-by",
            "node",
            "--host",
            ",".join(f"{host}:{2 // len(hosts)}" for host in hosts),
        ]
        if len(made) > 1:
            _serve(made[1])
            options += [
                "--prtemca",
                "plm_rsh_agent",
                f"python3 {HOME}/agent.py",
                "--prtemca",
                "plm_ssh_agent",
                f"python3 {HOME}/agent.py",
            ]
        return made[0].run("mpirun", "-n", "2", *options, *program)


def _serve(container: Container) -> None:
    wait = f"python3 {HOME}/agent.py serve >/dev/null 2>&1 & for i in $(seq 50); do python3 {HOME}/agent.py localhost true && exit; sleep 0.1; done"
    container.run("sh", "-c", wait)
