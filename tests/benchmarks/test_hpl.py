"""The size, shape and duration of a problem, what is refused and why, and HPL's files."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hpl import __main__ as benchmark
from benchmarks.hpl import case, limits, output, plan
from benchmarks.hpl.summary import summary
from benchmarks.results.record import Run

NODE: dict[str, Any] = {"host": "hpc-worker-cpu-0", "memory": 2 << 30, "cpus": 2, "quota": 2.0}
SAID = """
T/V                N    NB     P     Q               Time                 Gflops
--------------------------------------------------------------------------------
WR11C2R4        8000   192     1     2               4.30              7.939e+01
--------------------------------------------------------------------------------
||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=        0.0036180 ...... {verdict}
"""


def test_the_result_is_read_with_its_residual() -> None:
    found = output.parse(SAID.format(verdict="PASSED"))
    assert (found["gflops"], found["seconds"], found["passed"]) == (79.39, 4.3, True)
    assert not output.parse(SAID.format(verdict="FAILED"))["passed"]


def test_output_without_a_result_is_an_error_with_its_end() -> None:
    with pytest.raises(ValueError, match="killed by signal 9"):
        output.parse("mpirun: killed by signal 9")


def test_the_input_file_has_hpls_31_lines() -> None:
    lines = output.input_text(8000, 192, 1, 2).splitlines()
    assert len(lines) == 31
    assert (lines[5], lines[7], lines[10], lines[11]) == ("8000 N", "192 NB", "1 P", "2 Q")


def test_n_fills_the_given_part_of_memory_in_whole_blocks() -> None:
    n = plan.largest(2 << 30, 2, 1, 192)
    assert n % 192 == 0
    assert 0.75 < 8 * n * n / ((2 << 30) - 2 * plan.RANK_BYTES) <= 0.8


def test_n_is_smaller_where_the_time_is_short() -> None:
    n = plan.within(10, 100, 20_000, 192)
    assert n < 20_000
    assert plan.seconds(n, 100 * plan.EXPECTED) <= 10


def test_a_problem_larger_than_memory_is_refused_before_the_kernel_kills_it() -> None:
    with pytest.raises(
        plan.Refused,
        match=r"N = 19000 with NB = 256 needs \d+ MiB on hpc-worker-cpu-0, which may use 2048 MiB",
    ):
        plan.check(19000, 256, 2, [NODE], 1)


def test_larger_blocks_need_more_memory() -> None:
    assert plan.needed(19000, 256, 10, 1) > plan.needed(19000, 64, 10, 1)


@pytest.mark.parametrize(("ranks", "threads"), [(3, 1), (2, 2)])
def test_more_ranks_than_cpus_are_refused(ranks: int, threads: int) -> None:
    with pytest.raises(plan.Refused, match="may use 2 CPUs"):
        plan.check(1000, 192, ranks, [NODE], threads)


@pytest.mark.parametrize(
    ("changed", "computing", "bound"), [({}, 2, True), ({"quota": 0.0}, 2, True), ({"quota": 1.0}, 1, False), ({}, 1, False), ({"cpus": 8, "quota": 2.0}, 2, False)]
)  # fmt: skip
def test_ranks_are_bound_only_where_they_fill_the_machine(
    changed: dict[str, Any], computing: int, bound: bool
) -> None:
    assert plan.may_bind([{**NODE, **changed}], computing) is bound


def cgroup(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_limits_are_read_from_cgroup_v2(tmp_path: Path) -> None:
    found = cgroup(
        tmp_path,
        {
            "memory.max": "1073741824\n", "memory.current": "104857600\n", "memory.stat": "anon 1\ninactive_file 4857600\n",
            "cpu.max": "150000 100000\n", "cpu.stat": "usage_usec 5\nthrottled_usec 2500000\n",
        },
    )  # fmt: skip
    assert limits.memory_bytes(found) == 1073741824 - 100000000
    assert limits.cpu_quota(found) == 1.5
    assert limits.throttled_seconds(found) == 2.5


def test_limits_are_read_from_cgroup_v1(tmp_path: Path) -> None:
    found = cgroup(
        tmp_path,
        {
            "memory/memory.limit_in_bytes": "536870912\n", "memory/memory.usage_in_bytes": "0\n", "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n", "cpu/cpu.stat": "nr_periods 1\nthrottled_time 1500000000\n",
        },
    )  # fmt: skip
    assert limits.memory_bytes(found) == 536870912
    assert limits.cpu_quota(found) == 0
    assert limits.throttled_seconds(found) == 1.5


def test_slurm_may_allow_less_than_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "128")
    assert limits.memory_bytes(tmp_path) == 128 << 20


def test_the_job_says_why_it_refuses(tmp_path: Path) -> None:
    for name in case.FILES:
        (tmp_path / name).write_text((case.HERE / name).read_text())
    job = {
        "N": 1000, "NB": 192, "grid": "3x3", "nodes": 1, "ranks_per_node": 1, "threads": 1, "limit_seconds": 1, "dgemm": 0, "launcher": "mpirun",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "job.py", json.dumps(job)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == {"refused": "a grid of 3x3 needs 9 ranks; 1 nodes x 1 ranks are 1"}


def run(series: str, speed: float, block: int) -> Run:
    return Run(
        series, {"N": 8000, "NB": 192, "grid": "1x2"}, {"gflops": speed, "of_dgemm": speed / 100}, block
    )


def test_the_summary_pairs_pods_with_containers() -> None:
    preset = benchmark.PRESETS["quick"]
    names = [benchmark.name(*shape) for shape in preset.shapes]
    runs = [
        run(name, speed, block)
        for block in range(5)
        for name, speed in zip(names, (90, 89 + block / 10, 85), strict=True)
    ]
    lines = {line.what: line for line in summary(runs, **benchmark.compared(preset))}
    assert lines["pod / plain container, median of interleaved pairs"].met is True
    assert lines["two pods / one, median of interleaved pairs"].met is True
    assert lines["HPL / DGEMM of the same cores, one pod, N ≥ 8000"].met is True


def test_every_second_round_runs_in_the_opposite_order() -> None:
    found = benchmark.cases(benchmark.PRESETS["quick"])
    assert [entry["series"] for entry in found[3:6]] == [entry["series"] for entry in found[:3]][::-1]


def test_the_thesis_preset_has_its_workers_blocks_and_grids() -> None:
    found = benchmark.cases(benchmark.PRESETS["thesis"])
    assert {entry["NB"] for entry in found} == {64, 96, 128, 181, 192, 256}
    assert {(entry["nodes"], entry["ranks_per_node"]) for entry in found} == {(5, 2)}
    assert {entry["grid"] for entry in found} == {"1x10", "2x5"}
    assert max(entry["N"] for entry in found) > 19000


def test_reasons_for_a_low_speed_are_named() -> None:
    seen = {
        "N": 1000, "NB": 32, "old_kernels": True, "core": "Prescott", "bound": False, "throttled_share": 0.3, "steal_share": 0.1, "load": 9.0,
        "cores": 2, "transport": "tcp",
    }  # fmt: skip
    assert len(plan.reasons(seen)) == 8


def test_sizes_blocks_and_grids_of_the_command_line_replace_the_presets() -> None:
    given = argparse.Namespace(limit_seconds=0, sizes=[19000], blocks=[64, 256], grids=["2x5"])
    preset = benchmark.chosen(benchmark.PRESETS["thesis"], given)
    assert (preset.problems, preset.grids) == ([(19000, 64), (19000, 256)], ["2x5"])
