"""The picture of the architecture shows every component that the charts make, and is a small text that loads nothing."""

import re
from xml.etree import ElementTree

from tests.charts.render import pod_templates, render
from tests.cluster.paths import ROOT
from tests.docs.test_ports import GIVEN

PICTURE = ROOT / "docs" / "explanation" / "architecture.svg"
COMPONENT = "app.kubernetes.io/component"
# No box of their own: they help an install, and go.
HELPERS = {"test", "hub-test", "rollback", "hub-rollback", "nfs-guard", "prepull"}


def test_the_picture_names_every_component() -> None:
    shown = {text.text for text in ElementTree.parse(PICTURE).iter("{http://www.w3.org/2000/svg}text")}
    values = {**GIVEN, "nfs": {"users": {"ada": {"uid": 20001}}}}
    made = {
        template["metadata"]["labels"][COMPONENT]
        for chart in values
        for _, template in pod_templates(render(chart, values[chart]))
    }
    # A user's server is the hub's pod.
    assert {*made, "singleuser"} - HELPERS - shown == set()


def test_the_picture_loads_nothing() -> None:
    text = PICTURE.read_text()
    assert len(text) < 10_000
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "<script" not in text
