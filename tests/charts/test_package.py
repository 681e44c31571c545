"""A release: charts that stand alone, images by digest, checksums that hold, and an install that takes nothing but `oci://`."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from charts import package
from tests.charts.render import CHARTS, containers, pod_templates
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT
from tests.cluster.tools import BIN
from tests.conftest import MakeNamespace
from tests.kube import run

USERS = {"global": {"users": {"ada": {"uid": 20001, "passwordHash": f"$6$saltsalt${'a' * 86}"}}}}
VERSION = (ROOT / "VERSION").read_text().strip()
DIGESTS = {
    name: f"sha256:{position:064x}"
    for position, name in enumerate(json.loads((ROOT / "images" / "versions.json").read_text())["images"])
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charts as a release has them, with digests of nothing."""
    folder = tmp_path_factory.mktemp("release")
    package.package_charts("registry.example/hpc", DIGESTS, folder)
    return folder


@pytest.mark.parametrize("chart", CHARTS)
def test_a_released_chart_alone_names_every_image_by_digest(archives: Path, chart: str) -> None:
    archive = str(archives / f"{chart}-{VERSION}.tgz")
    rendered = run([str(BIN / "helm"), "template", "hpc", archive, "--values=-"], stdin=json.dumps(USERS))
    assert rendered.code == 0, rendered.text
    objects = [item for item in yaml.safe_load_all(rendered.out) if item]
    images = {item["image"] for _, template in pod_templates(objects) for item in containers(template)}
    assert images
    for image in images:
        reference, _, digest = image.partition("@")
        assert reference.startswith("registry.example/hpc/")
        assert digest == DIGESTS[reference.split("/")[-1].split(":")[0]]


@pytest.mark.parametrize("chart", [chart for chart in CHARTS if chart != "nfs"])
def test_a_released_chart_has_all_templates_those_of_helm_test_too(archives: Path, chart: str) -> None:
    here = sources(f"{ROOT}/charts/{chart}")
    assert sources(str(archives / f"{chart}-{VERSION}.tgz")) == here
    assert any("/templates/tests/" in source for source in here)


def sources(chart: str) -> set[str]:
    """Templates that make something, as Helm names them."""
    rendered = run([str(BIN / "helm"), "template", "hpc", chart, "--values=-"], stdin=json.dumps(USERS)).out
    return set(re.findall(r"^# Source: (.*)", rendered, re.MULTILINE))


def test_a_user_s_registry_and_tag_win_over_the_release_s(archives: Path) -> None:
    given = ["--set", "image.registry=mirror.example/x", "--set", "image.tags.slurm-controller=mine"]
    text = run([str(BIN / "helm"), "template", "hpc", str(archives / f"slurm-{VERSION}.tgz"), *given]).out
    assert "image: mirror.example/x/slurm-controller:mine\n" in text
    assert f"image: mirror.example/x/slurm-worker:{VERSION}@{DIGESTS['slurm-worker']}" in text


def test_the_checksums_are_those_of_the_files(archives: Path) -> None:
    package.write_checksums(archives)
    checked = run(["env", f"--chdir={archives}", "sha256sum", "--check", "--strict", "SHA256SUMS"])
    assert checked.code == 0, checked.text
    assert checked.out.count(": OK") == len(CHARTS)


def test_without_built_images_the_next_step_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "TOOLS", tmp_path)
    with pytest.raises(ClusterError, match=r"no images are built.*\n  next: make images"):
        package.built_images()


@pytest.mark.e2e
def test_an_install_from_the_registry_alone_runs_a_job(tmp_path: Path, make_namespace: MakeNamespace) -> None:
    images = package.built_images()
    registry = f"{images['registry']}-release"
    package.package_charts(registry, images["digests"], tmp_path / "charts")
    (tmp_path / "images.txt").write_text(
        "".join(f"{registry}/{name}@{digest}\n" for name, digest in images["digests"].items())
    )
    package.publish(tmp_path)
    namespace = make_namespace("release")
    plain = ["--plain-http"] if registry.startswith("localhost") else []
    values = [
        "slurm.accounting.enabled=false",
        "slurm.restapi.enabled=false",
        "slurm.workerDefaults.replicas=1",
        "slurm.workerDefaults.memory=256Mi",
        f"global.home.storageClass={os.environ.get('E2E_RWX_CLASS', 'shared')}",
    ]
    chart = [f"oci://{registry}/charts/hpc", "--version", VERSION, *plain]
    namespace.releases.append("hpc")
    namespace.helm("install", "hpc", *chart, "--wait", *(f"--set={value}" for value in values))
    srun = ("hpc-frontend-0", "srun", "hostname")
    ran = namespace.wait_for(
        "a job ran", lambda: namespace.exec(*srun, container="sshd", check=False).out.strip()
    )
    assert ran == "hpc-worker-cpu-0"
    namespace.helm("uninstall", "hpc")
