"""`make check-config`: Slurm's own opinion on the values, without a cluster."""

from pathlib import Path

import pytest
import yaml

from images import check_config
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT
from tests.kube import image_arguments

SLURM = ROOT / "charts" / "slurm"


def values(folder: Path, **given: object) -> list[str]:
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump({"users": {"ada": {"uid": 20001}}, **given}))
    return [*image_arguments(), f"--values={path}"]


def test_a_key_that_slurm_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"slurm\.config\.NoSuchKey: Slurm does not know this key"):
        check_config.check(SLURM, values(tmp_path, slurm={"config": {"NoSuchKey": 1}}))


def test_the_command_fails_with_the_key_s_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = values(tmp_path, accounting={"config": {"NoSuchKey": 1}})
    monkeypatch.setattr("sys.argv", ["check_config", str(SLURM), *given])
    assert check_config.main() == 1
    assert "accounting.config.NoSuchKey: slurmdbd does not know this key" in capsys.readouterr().err


@pytest.mark.e2e
def test_what_slurm_accepts_passes(tmp_path: Path) -> None:
    topology = {"files": {"topology.conf": "SwitchName=one Nodes=hpc-worker-cpu-[0-1]"}}
    restricted = {"profile": "restricted", "user": "ada"}
    assert "/slurm-controller:" in check_config.check(SLURM, values(tmp_path, slurm=topology))
    assert "/slurm-controller:" in check_config.check(SLURM, values(tmp_path, security=restricted))


@pytest.mark.e2e
@pytest.mark.parametrize("limits", ["accounting", "affinity", "cgroup"])
def test_slurm_accepts_every_way_to_keep_a_task_to_its_size(tmp_path: Path, limits: str) -> None:
    check_config.check(SLURM, values(tmp_path, security={"taskLimits": limits}))


@pytest.mark.e2e
@pytest.mark.parametrize(
    "given",
    [
        {"partitions": {"main": {"NoSuchKey": 1}}},
        {"cgroup": {"NoSuchKey": 1}},
        {"files": {"topology.conf": "NoSuchKey=1"}, "config": {"TopologyPlugin": "topology/tree"}},
    ],
    ids=["a partition", "cgroup.conf", "topology.conf"],
)
def test_what_only_slurm_can_judge_is_refused_by_slurm(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(ClusterError, match="NoSuchKey"):
        check_config.check(SLURM, values(tmp_path, slurm=given))
