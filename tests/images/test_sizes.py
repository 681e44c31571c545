"""Images stay small: what a node pulls, compressed, all layers together."""

import json

import pytest

from tests.cluster.steps import run
from tests.cluster.tools import BIN
from tests.kube import image

pytestmark = pytest.mark.e2e

MEGABYTES = {
    "slurm-controller": 60,
    "slurm-accounting": 60,
    "slurm-restapi": 60,
    "database": 110,
    "compute": 350,
}


@pytest.mark.parametrize(("name", "most"), MEGABYTES.items(), ids=MEGABYTES)
def test_an_image_is_no_larger_than_said(name: str, most: int) -> None:
    manifest = json.loads(run([BIN / "crane", "manifest", image(name)]))
    assert sum(layer["size"] for layer in manifest["layers"]) / 1e6 <= most
