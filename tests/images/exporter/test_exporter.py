"""The exporter's metrics from what Slurm's commands print; the real ones answer in tests/charts/hpc."""

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from images.exporter import exporter

JOBS = """
RUNNING|main|ada|4
RUNNING|main|ada|2
PENDING|main,large|ada|1
PENDING|main|grace|1
COMPLETING|main|grace|1
"""
# The first node is in two partitions; the signs say that it does not answer, or that jobs are planned there.
NODES = """
hpc-worker-cpu-0|main|mix-|2/2/0/4
hpc-worker-cpu-0|large|mix-|2/2/0/4
hpc-worker-cpu-1|main|down*|0/0/4/4
hpc-worker-cpu-2|main|drng|4/0/0/4
hpc-worker-cpu-3|main|blocked|0/0/4/4
"""
STATISTICS = {key: number for number, key in enumerate(exporter.STATISTICS.values())}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs in place of Slurm's, in a folder that is all of PATH."""
    said = {
        "squeue": JOBS.lstrip(),
        "sinfo": NODES.lstrip(),
        "sdiag": json.dumps({"statistics": {**STATISTICS, "rpcs": []}}),
    }
    for name, text in said.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\n".replace("\n\nEND", "\nEND"))
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def scrape() -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(exporter.SlurmCollector())
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_jobs_are_counted_by_state_and_once_in_each_partition_they_wait_for(slurm: Path) -> None:
    found = scrape()
    assert found["slurm_up"] == 1
    assert (found["slurm_jobs_running"], found["slurm_jobs_pending"], found["slurm_jobs_completing"]) == (
        2,
        2,
        1,
    )
    assert found["slurm_jobs_suspended"] == 0
    assert found['slurm_partition_jobs_pending{partition="main"}'] == 2
    assert found['slurm_partition_jobs_pending{partition="large"}'] == 1
    assert found['slurm_partition_jobs_running{partition="large"}'] == 0


def test_users_are_there_while_they_have_jobs(slurm: Path) -> None:
    found = scrape()
    assert found['slurm_user_jobs_running{username="ada"}'] == 2
    assert found['slurm_user_jobs_cpus_alloc{username="ada"}'] == 6
    assert found['slurm_user_jobs_pending{username="grace"}'] == 1
    assert 'slurm_user_jobs_running{username="grace"}' not in found


def test_a_node_of_two_partitions_is_one_node(slurm: Path) -> None:
    found = scrape()
    assert found["slurm_nodes"] == 4
    states = {state: found[f"slurm_nodes_{state}"] for state in ("mixed", "down", "drain", "other", "idle")}
    assert states == {"mixed": 1, "down": 1, "drain": 1, "other": 1, "idle": 0}
    assert found['slurm_partition_cpus{partition="main"}'] == 16
    assert found['slurm_partition_nodes_cpus_alloc{partition="main"}'] == 6
    assert found['slurm_partition_nodes_cpus_idle{partition="large"}'] == 2


def test_the_scheduler_says_how_long_its_cycles_take(slurm: Path) -> None:
    found = scrape()
    assert {name: found[name] for name in exporter.STATISTICS} == {
        name: STATISTICS[key] for name, key in exporter.STATISTICS.items()
    }


def test_an_idle_cluster_without_nodes_is_up(slurm: Path) -> None:
    for name in ("squeue", "sinfo"):
        (slurm / name).write_text("#!/bin/sh\n")
    found = scrape()
    assert (found["slurm_up"], found["slurm_nodes"], found["slurm_jobs_pending"]) == (1, 0, 0)


@pytest.mark.parametrize("script", ["echo 'Unable to contact slurm controller' >&2; exit 1", "echo what"])
def test_a_slurmctld_that_does_not_answer_is_down_and_nothing_else(
    slurm: Path, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    (slurm / "sinfo").write_text(f"#!/bin/sh\n{script}\n")
    assert scrape() == {"slurm_up": 0}
    assert "slurmctld does not answer: " in capsys.readouterr().err


def test_one_that_hangs_is_given_up(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ANSWER_SECONDS", 0.2)
    (slurm / "squeue").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    assert scrape() == {"slurm_up": 0}
