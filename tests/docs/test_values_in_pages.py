"""Values that pages show are values that a chart takes: every `yaml` block renders with at least one chart, or is an object."""

import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from tests.charts import schemas
from tests.charts.render import CHARTS, Object
from tests.cluster.paths import ROOT
from tests.cluster.programs import programs
from tests.docs.test_pages import PAGES
from tests.kube import run

BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# What a page need not say again: somebody who may log in by any way, and a group.
PEOPLE: Object = {
    "users": {"ada": {"uid": 20001, "sshKeys": ["ssh-ed25519 AAAA ada"], "passwordHash": "$y$a$b$c"}},
    "groups": {"project": {"gid": 20100}},
}


def blocks() -> list[tuple[str, str]]:
    """(page and number, text) of every block."""
    return [
        (f"{page.relative_to(ROOT)}-{number}", textwrap.dedent(text))
        for page in PAGES
        for number, text in enumerate(BLOCK.findall(page.read_text()))
    ]


def refusal(chart: str, values: str, folder: Path) -> str:
    """What a chart has against these values; empty where it takes them."""
    base = PEOPLE if chart != "hpc" else {"global": PEOPLE}
    # What a page leaves out of a digest, a key or a hash.
    whole = values.replace("sha256:…", f"sha256:{'0' * 64}").replace("…", "x")
    files = {"base.json": json.dumps(base), "shown.yaml": whole}
    for name, content in files.items():
        (folder / name).write_text(content)
    version = f"--kube-version={programs()['kubernetes'].version}"
    given = [f"--values={folder / name}" for name in files]
    done = run(["helm", "template", "hpc", f"{ROOT}/charts/{chart}", version, *given])
    return done.err if done.code else ""


# Neither values nor an object: rules of Prometheus.
OTHERS = ("apiVersion:", "- alert:")
BLOCKS = [(page, text) for page, text in blocks() if not any(word in text for word in OTHERS)]
OBJECTS = [(page, text) for page, text in blocks() if "apiVersion:" in text]


@pytest.mark.parametrize(("page", "values"), BLOCKS, ids=[page for page, _ in BLOCKS])
def test_values_that_a_page_shows_are_taken_by_a_chart(page: str, values: str, tmp_path: Path) -> None:
    assert isinstance(yaml.safe_load(values), dict), page
    refused = {chart: refusal(chart, values, tmp_path) for chart in CHARTS}
    assert "" in refused.values(), "\n".join(f"{chart}: {why}" for chart, why in refused.items())


@pytest.mark.parametrize(("page", "manifest"), OBJECTS, ids=[page for page, _ in OBJECTS])
def test_objects_that_a_page_shows_are_taken_by_the_api_server(page: str, manifest: str) -> None:
    # Objects of clouds' own tools have no schema here.
    options = ["-strict", "-ignore-missing-schemas", "-schema-location", schemas.location()]
    checked = run(["kubeconform", *options], stdin=manifest)
    assert checked.code == 0, f"{page}: {checked.text}"


def test_values_that_no_chart_takes_are_found(tmp_path: Path) -> None:
    assert "replica" in refusal("slurm", "workers: {cpu: {replica: 2}}", tmp_path)
