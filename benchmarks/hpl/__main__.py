"""`make bench-hpl`: HPL on pods of a release and in a plain container, against the matrix product of the same cores.

Presets: `smoke` (seconds), `quick` (five interleaved rounds at N = 12000), `full` (over N, NB, grids and threads as well) and `thesis`
(5 workers x 2 CPUs, its block sizes, N beyond where it failed). `sweep` drives the grid: an interrupted one goes on.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.grid import forget, run_grid
from benchmarks.hpl.case import CONTAINER, PODS
from benchmarks.hpl.summary import notes, summary
from benchmarks.release import Release
from benchmarks.report.section import publish
from benchmarks.results.record import Recorder
from benchmarks.site import command, parser, release, results, where

Shape = tuple[str, int, int, int]  # where, nodes, ranks of a node, threads of a rank
HEADROOM_MIB = 512
SHM = "256m"


@dataclass(frozen=True)
class Preset:
    """How much is run."""

    shapes: list[Shape]
    problems: list[tuple[int, int]]  # N (0: as large as fits memory and time), NB
    repetitions: int = 1
    grids: list[str] = field(default_factory=lambda: ["auto"])
    replicas: int = 2
    cpus: int = 2
    memory_mib: int = 2048
    limit_seconds: float = 300.0
    dgemm: int = 0  # Size of the matrix product beside it; 0 chooses one that is large enough for its figure.


ROUND: list[Shape] = [(CONTAINER, 1, 2, 1), (PODS, 1, 2, 1), (PODS, 2, 1, 1)]
SIZES = [(n, 192) for n in (1000, 2000, 4000)]
BLOCKS = [(8000, block) for block in (32, 64, 96, 128, 160, 224, 256)]
THESIS = [(n, block) for n in (5000, 10000, 19000, 20000) for block in (64, 96, 128, 181, 192, 256)]
PRESETS = {
    "quick": Preset(ROUND, [(12000, 192)], 5),
    "smoke": Preset([(CONTAINER, 1, 1, 1), (PODS, 1, 1, 1), (PODS, 2, 1, 1)], [(1000, 128)], cpus=1, memory_mib=512, dgemm=600),
    "full": Preset([*ROUND, (PODS, 1, 1, 2)], [(8000, 192), (12000, 192), *SIZES, *BLOCKS, (0, 192)], 5),
    "thesis": Preset([(PODS, 5, 2, 1)], THESIS, 1, ["1x10", "2x5"], replicas=5, memory_mib=1280, limit_seconds=1200.0),
}  # fmt: skip


def cases(preset: Preset, rounds: int = 0) -> list[dict[str, Any]]:
    """All runs. One round follows the other, each in the opposite order, so that pairs see the same machine."""
    found = []
    for block in range(rounds or preset.repetitions):
        shapes = preset.shapes if block % 2 == 0 else preset.shapes[::-1]
        for n, size in preset.problems:
            for grid in preset.grids:
                for place, nodes, ranks, threads in shapes:
                    found.append(
                        {
                            "series": name(place, nodes, ranks, threads), "N": n, "NB": size, "grid": grid, "nodes": nodes,
                            "ranks_per_node": ranks, "threads": threads, "cpus": preset.cpus, "limit_seconds": preset.limit_seconds, "dgemm": preset.dgemm, "block": block,
                        }
                    )  # fmt: skip
    return found


def name(place: str, nodes: int, ranks: int, threads: int) -> str:
    """What the series is called: `pods, 2 x 1 ranks`."""
    return f"{place}, {nodes} x {ranks} {'rank' if nodes * ranks == 1 else 'ranks'}{f' x {threads} threads' if threads > 1 else ''}"


def compared(preset: Preset) -> dict[str, str]:
    """Names of the series that are set beside each other; empty where the preset has none."""
    kinds = {"one": (PODS, 1), "plain": (CONTAINER, 1), "two": (PODS, 2)}
    return {
        key: next((name(*shape) for shape in preset.shapes if shape[:2] == kind), "")
        for key, kind in kinds.items()
    }


def chosen(preset: Preset, arguments: argparse.Namespace) -> Preset:
    """The preset with what the command line says otherwise."""
    if arguments.limit_seconds:
        preset = replace(preset, limit_seconds=arguments.limit_seconds)
    if arguments.sizes or arguments.blocks:
        sizes = arguments.sizes or [n for n, _ in preset.problems]
        blocks = arguments.blocks or [block for _, block in preset.problems]
        preset = replace(preset, problems=list(dict.fromkeys((n, block) for n in sizes for block in blocks)))
    return replace(preset, grids=arguments.grids) if arguments.grids else preset


def fitted(preset: Preset, found: Release) -> Preset:
    """The preset on a release as it is: its nodes' CPUs, and no more nodes than there are."""
    nodes = found.nodes()
    cpus, memory = min(node.cpus for node in nodes), min(node.memory_mib for node in nodes)
    shapes = [shape for shape in preset.shapes if shape[1] <= len(nodes) and shape[2] * shape[3] <= cpus]
    if len(nodes) > 1 and not any(shape[1] > 1 for shape in shapes):
        shapes.append((PODS, len(nodes), cpus, 1))
    return replace(preset, shapes=shapes, replicas=len(nodes), cpus=cpus, memory_mib=memory)


def measure(arguments: argparse.Namespace, found: Release, folder: Path) -> Path:
    """Run the grid and save the result."""
    preset = PRESETS[arguments.preset]
    preset = chosen(preset, arguments)
    if arguments.release:
        preset = fitted(preset, found)
    if not found.has("/opt/hpl/xhpl"):
        raise SystemExit("error: the workers have no HPL\n  next: helm upgrade with benchmark.enabled=true")
    recorder = Recorder("hpl", arguments.preset, command("benchmarks.hpl"))
    grid = f"hpl-{arguments.preset}"
    here = {**where(found), "memory": f"{preset.memory_mib + HEADROOM_MIB}m", "shm": SHM, "image": ""}
    runs = run_grid(grid, "benchmarks.hpl.case:run", cases(preset, arguments.rounds), here)
    result = recorder.result
    result.runs, result.summary, result.notes = runs, summary(runs, **compared(preset)), notes(runs)
    result.images = found.images()
    result.versions = versions(found)
    path = recorder.save(folder)
    if all(run.valid for run in runs):
        forget(grid)
    return path


def versions(found: Release) -> dict[str, str]:
    """Versions of what computes and talks, as the workers have them."""
    said = found.run(
        "srun -Q -n1 sh -c 'mpirun --version | head -1; scontrol --version; uname -r; . /etc/os-release; echo $PRETTY_NAME'"
    )
    names = ("openmpi", "slurm", "kernel", "os")
    return {
        "hpl": "2.0",
        **dict(
            zip(
                names,
                (
                    line.split()[-1] if name != "os" else line
                    for name, line in zip(names, said.splitlines(), strict=False)
                ),
                strict=False,
            )
        ),
    }


def main() -> None:
    """Entry point."""
    made = parser(__doc__, list(PRESETS))
    made.add_argument(
        "--limit-seconds",
        type=float,
        default=0,
        help="longest run; longer ones are refused before they start",
    )
    made.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        help="N, in place of the preset's; 0 is as large as fits memory and time",
    )
    made.add_argument("--blocks", type=int, nargs="+", help="NB, in place of the preset's")
    made.add_argument(
        "--grids", nargs="+", help="P x Q such as 2x5, in place of the preset's; auto is as square as divides"
    )
    arguments = made.parse_args()
    preset = PRESETS[arguments.preset]
    pool = {"replicas": preset.replicas, "cpus": preset.cpus, "memory": f"{preset.memory_mib}Mi"}
    with release(arguments, {"cpu": pool}) as found:
        if found is None:
            raise SystemExit("error: HPL needs a release; next: leave out --no-cluster")
        print(publish(measure(arguments, found, results(arguments))))


if __name__ == "__main__":
    main()
