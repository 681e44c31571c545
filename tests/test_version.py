"""One version everywhere: VERSION, every chart, and the top of the changelog."""

import re

import pytest
import yaml

from tests.charts.render import CHARTS
from tests.cluster.paths import ROOT

VERSION = (ROOT / "VERSION").read_text().strip()


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_has_the_product_s_version(chart: str) -> None:
    metadata = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text())
    assert metadata["version"] == VERSION
    assert metadata["appVersion"] == VERSION
    assert {entry["version"] for entry in metadata.get("dependencies", [])} <= {VERSION}


def test_the_changelog_begins_with_the_version() -> None:
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == VERSION


def test_the_client_has_the_product_s_version() -> None:
    from importlib.metadata import version

    assert version("sweep-client") == VERSION
