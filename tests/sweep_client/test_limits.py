from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sweep_client.limits import children, family, memory
from sweep_client.results import Failure
from tests.sweep_client.builders import cell, read_notebook, wait_until
from tests.sweep_client.conftest import Execute


def failure_of(execute: Execute, source: str, **options: object) -> Failure:
    (variant,) = execute(cell("a = 1", "P"), source, **options).variants()
    assert variant.failure is not None
    return variant.failure


def test_a_variant_that_takes_too_long_is_interrupted_and_says_where(execute: Execute) -> None:
    results = execute(cell("a = 1", "P"), "import time\nprint('begun')\ntime.sleep(60)", time_seconds=3.0)
    (variant,) = results.variants()
    assert variant.failure is not None
    assert (variant.failure.reason, variant.failure.message) == ("time", "took longer than 3 s")
    outputs = read_notebook(variant.notebook)["cells"][2]["outputs"]
    assert outputs[0]["text"] == ["begun\n"]
    assert outputs[1]["ename"] == "KeyboardInterrupt"


def test_a_variant_that_ignores_the_interruption_is_killed(execute: Execute) -> None:
    source = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    assert failure_of(execute, source, time_seconds=0.5).reason == "time"


def test_a_large_allocation_raises_a_memory_error(execute: Execute) -> None:
    failure = failure_of(execute, "x = bytearray(2 << 30)", memory_bytes=256 << 20)
    assert (failure.reason, failure.exception) == ("memory", "MemoryError")


def test_memory_of_subprocesses_counts(execute: Execute) -> None:
    eat = "import subprocess, sys\neat = [sys.executable, '-c', 'import time; x = b\"1\" * (150 << 20); time.sleep(600)']\n[p.wait() for p in [subprocess.Popen(eat), subprocess.Popen(eat)]]"
    assert failure_of(execute, eat, memory_bytes=200 << 20, time_seconds=180).reason == "memory"


def test_a_fork_bomb_costs_one_variant(execute: Execute) -> None:
    bomb = "import os, time\nwhile a == 1:\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)\n    time.sleep(0.001)"
    results = execute(cell("a = 1", "P"), bomb, rows=[{"a": 1}, {"a": 2}], processes=50, time_seconds=180)
    bombed, other = results.variants()
    assert bombed.failure is not None
    assert bombed.failure.reason == "processes"
    assert other.state == "done"


def test_processes_left_behind_are_ended(execute: Execute) -> None:
    source = "import subprocess\nleft = subprocess.Popen(['sleep', '300'], start_new_session=True).pid"
    (variant,) = execute(cell("a = 1", "P"), source, cell("left", "R")).variants()
    assert not os.path.exists(f"/proc/{variant.values['left'].load()}")


def test_a_resource_column_is_a_limit_of_its_row(execute: Execute) -> None:
    results = execute(
        cell("a = 1", "P"),
        "import time\ntime.sleep(1.5)",
        rows=[{"a": 1, "@time": "0.5"}, {"a": 2, "@time": "1m"}],
    )
    assert [variant.state for variant in results.variants()] == ["failed", "done"]


def test_a_family_is_a_process_with_its_descendants() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        wait_until("there is a child", lambda: len(family(process.pid)) == 2)
        assert len(children(process.pid)) == 1
        assert memory(family(process.pid), 0) > 0
        process.communicate(b"\n")


@pytest.mark.parametrize("pid", [2**22 + 1])
def test_a_process_that_has_ended_has_no_memory(pid: int) -> None:
    assert memory([pid], 0) == 0
    assert children(pid) == []
