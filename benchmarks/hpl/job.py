"""One HPL problem, run where it is measured: `python job.py CASE`, or `python job.py facts` for this machine's limits.

CASE is JSON: N (0 sizes it), NB, grid (`auto` or PxQ), ranks_per_node, threads, nodes, launcher (`srun`, `mpirun`),
limit_seconds, and dgemm (size of the matrix product; 0 chooses). It needs this folder's modules and the standard library.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import limits  # type: ignore[import-not-found]  # noqa: E402
import output  # type: ignore[import-not-found]  # noqa: E402
import plan  # type: ignore[import-not-found]  # noqa: E402

FOLDER = "/opt/hpl/"
# Matrix products of a second or so before HPL, and as many after it.
PRODUCTS = 3
# Kernels of OpenBLAS that do without AVX2: too old for every processor that has it.
OLD = {
    "Prescott",
    "Core2",
    "Penryn",
    "Nehalem",
    "Sandybridge",
    "Bulldozer",
    "Piledriver",
    "Barcelona",
    "Atom",
}


def launch(
    case: dict[str, Any], program: list[str], *, ranks: int, per_node: int, bind: bool, folder: str
) -> str:
    """Run a program in all ranks and give its output."""
    threads = str(case["threads"])
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    # A rank that waits lets others compute, where the machine has more to do than this; HPL has few and large messages.
    environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    if bind:
        environment["BIND_THREADS"] = threads
    if case["launcher"] == "srun":
        command = ["srun", "-Q", "--mem=0", "--overlap", "--chdir", folder]
        command += [f"--ntasks={ranks}", f"--ntasks-per-node={per_node}", f"--cpus-per-task={threads}"]
    else:
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
    done = subprocess.run(
        [*command, *program], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise plan.Refused(
            f"{Path(program[0]).name} left with {done.returncode}: {(done.stderr + done.stdout)[-1500:]}"
        )
    return done.stdout


def each_node(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The limits and counters of every node."""
    if case["launcher"] != "srun":
        return [limits.facts()]
    program = [sys.executable, str(HERE / "job.py"), "facts"]
    said = launch(
        {**case, "threads": 1}, program, ranks=case["nodes"], per_node=1, bind=False, folder=str(HERE)
    )
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def main() -> None:
    """Run the case and print one line of JSON: the run, or why it was refused."""
    if sys.argv[1] == "facts":
        print(json.dumps(limits.facts()), flush=True)
        return
    try:
        print(json.dumps(run(json.loads(sys.argv[1]))))
    except (plan.Refused, ValueError) as error:
        print(json.dumps({"refused": str(error)}))


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Measure DGEMM, size the problem, refuse it or run it, and say what was seen."""
    before = each_node(case)
    per_node, threads, nodes = case["ranks_per_node"], case["threads"], case["nodes"]
    ranks = per_node * nodes
    p, q = plan.grid(ranks) if case["grid"] == "auto" else (int(word) for word in case["grid"].split("x"))
    if p * q != ranks:
        raise plan.Refused(
            f"a grid of {p}x{q} needs {p * q} ranks; {nodes} nodes x {per_node} ranks are {ranks}"
        )
    # The contest for CPUs and the memory of a given N are judged before anything runs.
    plan.check(case["N"] or case["NB"], case["NB"], per_node, before, threads)
    memory = min(node["memory"] for node in before)
    bind = plan.may_bind(before, per_node * threads)
    where = {"ranks": ranks, "per_node": per_node, "bind": bind}
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        size = case["dgemm"] or min(3000, int(math.sqrt(0.25 * memory / per_node / 24)))
        product = [FOLDER + "dgemm", str(size), str(PRODUCTS)]
        dgemm = json.loads(launch(case, product, **where, folder=folder).splitlines()[-1])
        most = plan.largest(memory, per_node, nodes, case["NB"])
        n = case["N"] or plan.within(case["limit_seconds"], dgemm["gflops"], most, case["NB"])
        predicted = plan.seconds(n, plan.EXPECTED * dgemm["gflops"])
        if predicted > case["limit_seconds"]:
            raise plan.Refused(
                f"N = {n} would take about {predicted:.0f} s at {dgemm['gflops']:.0f} GFLOPS of DGEMM; the limit is {case['limit_seconds']:.0f} s"
            )
        print(f"N = {n}, NB = {case['NB']}, {p} x {q}: about {predicted:.0f} s", file=sys.stderr)
        (Path(folder) / "hpccinf.txt").write_text(output.input_text(n, case["NB"], p, q))
        launch(case, [FOLDER + "xhpl"], **where, folder=folder)
        found = output.parse((Path(folder) / "hpccoutf.txt").read_text())
        # Before and after: what cores give changes from one second to the next where others use the same ones.
        after = json.loads(launch(case, product, **where, folder=folder).splitlines()[-1])
        dgemm["gflops"] = (dgemm["gflops"] + after["gflops"]) / 2
    return report(case, n, (p, q), found, dgemm, seen=(before, each_node(case)), bind=bind) | {
        "predicted": predicted
    }


def report(
    case: dict[str, Any], n: int, shape: tuple[int, int], found: dict[str, Any], dgemm: dict[str, Any],
    *, seen: tuple[list[dict[str, Any]], list[dict[str, Any]]], bind: bool,
) -> dict[str, Any]:  # fmt: skip
    """The run with everything needed to judge it."""
    before, after = (sorted(nodes, key=lambda node: str(node["host"])) for nodes in seen)
    pairs = list(zip(before, after, strict=True))
    ticks = sum(b["cpu_ticks"] - a["cpu_ticks"] for a, b in pairs) or 1
    computing = case["ranks_per_node"] * case["threads"]
    first = before[0]
    shm_enough = first["shm"] >= 16 << 20
    run = {
        **found, "N": n, "NB": case["NB"], "grid": f"{shape[0]}x{shape[1]}", "nodes": case["nodes"], "cores": computing, "threads": case["threads"],
        "dgemm": dgemm["gflops"], "of_dgemm": found["gflops"] / dgemm["gflops"], "core": dgemm["core"], "blas": dgemm["blas"],
        "bound": bind, "old_kernels": first["avx2"] and dgemm["core"] in OLD, "load": max(node["load"] for node in before),
        "throttled_share": sum(b["throttled_seconds"] - a["throttled_seconds"] for a, b in pairs) / (found["seconds"] * computing * len(pairs)),
        "steal_share": sum(b["stolen_ticks"] - a["stolen_ticks"] for a, b in pairs) / ticks,
        "transport": "tcp" if case["nodes"] > 1 else "sm" if shm_enough else "tcp, since /dev/shm is too small",
        "memory_mib": first["memory"] >> 20, "cpu_limit": plan.cores(first), "model": first["model"],
        "rpeak": case["nodes"] * computing * first["flops_per_cycle"] * first["megahertz"] / 1000,
    }  # fmt: skip
    return run | {"reasons": plan.reasons(run) if run["of_dgemm"] < plan.EXPECTED else []}


if __name__ == "__main__":
    main()
