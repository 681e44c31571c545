"""The size of a problem, the shape of its grid, how long it will take, and whether it may run at all.

It is copied to where HPL runs, so it needs the standard library alone.
"""

import math
from collections.abc import Sequence
from typing import Any

# The matrix's part of the memory; panels, messages and the programs take the rest.
FRACTION = 0.8
RANK_BYTES = 96 << 20
# What of DGEMM a prediction assumes: measured on one node from N = 8000.
EXPECTED = 0.85


class Refused(Exception):
    """The problem must not be started; the message says why."""


def grid(ranks: int) -> tuple[int, int]:
    """P x Q with P <= Q and P as near to the root as divides.

    >>> [grid(n) for n in (1, 2, 6, 10, 7)]
    [(1, 1), (1, 2), (2, 3), (2, 5), (1, 7)]
    """
    p = max(p for p in range(1, math.isqrt(ranks) + 1) if ranks % p == 0)
    return p, ranks // p


def largest(memory: int, ranks_per_node: int, nodes: int, block: int, *, fraction: float = FRACTION) -> int:
    """The largest N, a multiple of the block size, whose matrix fits; `memory` is that of the smallest node."""
    free = max(0, memory - ranks_per_node * RANK_BYTES) * nodes
    return int(math.sqrt(fraction * free / 8)) // block * block


def needed(n: int, block: int, ranks_per_node: int, nodes: int) -> int:
    """Bytes per node: the matrix, two panels in each rank (1.4 were measured at N = 6000, NB 64 to 256), and the programs."""
    return 8 * n * n // nodes + 2 * n * block * 8 * ranks_per_node + ranks_per_node * RANK_BYTES


def seconds(n: int, gflops: float) -> float:
    """How long a problem takes at a speed."""
    return (2 / 3 * n**3 + 2 * n**2) / (gflops * 1e9)


def within(limit: float, gflops: float, most: int, block: int) -> int:
    """The largest N that fits the memory and is predicted to end in time."""
    n = int((1.5 * limit * gflops * EXPECTED * 1e9) ** (1 / 3)) // block * block
    return max(block, min(n, most))


def check(n: int, block: int, ranks_per_node: int, nodes: Sequence[dict[str, Any]], threads: int) -> None:
    """Refuse what would be killed by the kernel, or be a contest for CPUs.

    Raises:
        Refused: it does not fit.
    """
    for node in nodes:
        wanted = needed(n, block, ranks_per_node, len(nodes))
        if wanted > node["memory"]:
            raise Refused(
                f"N = {n} with NB = {block} needs {wanted >> 20} MiB on {node['host']}, which may use "
                f"{node['memory'] >> 20} MiB: the kernel would end it. Take N <= "
                f"{largest(node['memory'], ranks_per_node, len(nodes), block)}, more nodes or more memory"
            )
        cpus = cores(node)
        if ranks_per_node * threads > cpus + 1e-6:
            raise Refused(
                f"{ranks_per_node} ranks x {threads} threads on {node['host']}, which may use {cpus:g} CPUs: "
                "waiting ranks would take time from those that compute"
            )


def cores(node: dict[str, Any]) -> float:
    """CPUs that a node's processes may use at once."""
    return float(min(node["quota"] or node["cpus"], node["cpus"]))


def may_bind(nodes: Sequence[dict[str, Any]], computing: int) -> bool:
    """Whether ranks may be kept to cores: where they fill the machine, since other pods could be kept to the same cores."""
    return all(cores(node) == node["cpus"] == computing for node in nodes)


def reasons(run: dict[str, Any]) -> list[str]:
    """Why HPL reached less of DGEMM than it could, as far as can be seen."""
    found = []
    if run["N"] < 8000:
        found.append(f"N = {run['N']} is small: panels and messages weigh more than from N = 8000 on")
    if run["NB"] < 64:
        found.append(f"NB = {run['NB']} is too small for the matrix product")
    if run["old_kernels"]:
        found.append(f"OpenBLAS uses kernels for {run['core']}, older than this processor")
    if not run["bound"]:
        found.append(
            "ranks are not bound, since they do not fill the machine: the kernel moves them between cores"
        )
    if run["throttled_share"] > 0.02:
        found.append(f"the CPU quota stopped the ranks for {run['throttled_share']:.0%} of the time")
    if run["steal_share"] > 0.02:
        found.append(f"the hypervisor took {run['steal_share']:.0%} of the CPU time")
    if run["load"] > run["cores"] + 0.5:
        found.append("others computed too: the load was above the number of cores at the start")
    if run["transport"] != "sm":
        found.append(f"messages go by {run['transport']}")
    return found
