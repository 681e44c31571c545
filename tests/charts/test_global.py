"""Values under `global` are looked at as closely as a chart's own: what is misspelt there is refused by its name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.charts.render import CHARTS, Object
from tests.charts.test_all_charts import BASE, OWN_CHARTS, USERS
from tests.cluster.paths import ROOT
from tests.kube import run

MISSPELT: dict[str, Object] = {
    "sshkeys": {"users": {"ada": {"uid": 20001, "sshkeys": []}}},
    "Ada": {"users": {"Ada": {"uid": 20001}}},
    "members": {"groups": {"project": {"gid": 20100, "members": ["ada"]}}},
    "storageclass": {"home": {"storageclass": "shared"}},
    "mountOption": {"home": {"nfs": {"server": "10.0.0.1", "mountOption": ["hard"]}}},
    "create": {"home": {"create": False}},
    "mountpath": {"volumes": {"lake": {"mountPath": "/lake", "mountpath": "/lake", "claim": "lake"}}},
    "level": {"security": {"level": "restricted"}},
    "tag": {"image": {"tag": "1"}},
    "namespace": {"metrics": {"namespace": "monitoring"}},
    "userSecret": {"userSecret": "class"},
}


def rendered(folder: Path, values: Object) -> tuple[int, str]:
    done = run(["helm", "template", "hpc", str(folder), "--values=-"], stdin=json.dumps(values))
    return done.code, done.err


def schema(chart: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "charts" / chart / "values.schema.json").read_text())
    return read


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("word", MISSPELT)
def test_a_misspelt_value_under_global_is_refused_by_name(chart: str, word: str) -> None:
    shared = {**BASE[chart].get("global", {}), **MISSPELT[word]}
    code, said = rendered(ROOT / "charts" / chart, {**BASE[chart], "global": shared})
    assert code != 0
    assert word in said


@pytest.mark.parametrize("chart", OWN_CHARTS)
def test_under_a_chart_of_somebody_else_keys_of_his_other_charts_pass(chart: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "charts" / chart, tmp_path / "charts" / chart)
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: theirs, version: 1.0.0}")
    shared = {"imageRegistry": "registry.example", "users": USERS}
    assert rendered(tmp_path, {"global": shared, chart: BASE[chart]}) == (0, "")


@pytest.mark.parametrize("chart", CHARTS)
def test_global_means_the_same_in_every_chart(chart: str) -> None:
    ours, first = schema(chart), schema("slurm")
    assert ours["properties"]["global"]["properties"] == first["properties"]["global"]["properties"]
    shared = (
        "nfs",
        "user",
        "group",
        "users",
        "groups",
        "volumes",
        "image",
        "sharedHome",
        "security",
        "sharedMetrics",
    )
    assert {name: ours["definitions"][name] for name in shared} == {
        name: first["definitions"][name] for name in shared
    }
