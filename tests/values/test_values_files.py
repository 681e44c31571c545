"""Every ready values file says when to use it, renders with chart hpc, and gives objects that the API server takes."""

from pathlib import Path

import pytest

from tests.charts import schemas
from tests.charts.render import containers, pod_templates, render, text
from tests.cluster.paths import ROOT
from tests.kube import run

FILES = sorted((ROOT / "values").glob("*.yaml"))
# What the user gives on the command line, as each file's first comment says.
GIVEN = {"global": {"image": {"registry": "registry.example/hpc"}}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_values_file_opens_with_its_use_and_its_command(path: Path) -> None:
    comment = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert "Use:" in comment[0]
    assert any("helm install hpc charts/hpc" in line and f"values/{path.name}" in line for line in comment)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_values_file_gives_objects_that_the_api_server_takes(path: Path) -> None:
    manifests = text("hpc", GIVEN, files=(path,))
    checked = run(
        ["kubeconform", "-strict", "-summary", "-schema-location", schemas.location()], stdin=manifests
    )
    assert checked.code == 0, checked.text
    assert any(item["kind"] == "StatefulSet" for item in render("hpc", GIVEN, files=(path,)))


def test_the_restricted_file_has_nothing_that_runs_as_root_or_keeps_a_capability() -> None:
    for name, template in pod_templates(render("hpc", GIVEN, files=(ROOT / "values" / "restricted.yaml",))):
        for container in containers(template):
            given = container["securityContext"]
            assert given["runAsNonRoot"], name
            assert given["capabilities"] == {"drop": ["ALL"]}, name
