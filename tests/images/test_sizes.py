"""Images stay small: what a node pulls, compressed, all layers together."""

import httpx
import pytest

from images.build import MANIFEST_TYPES
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
    host, _, path = image(name).partition("/")
    path, _, tag = path.rpartition(":")
    scheme = "http" if host.startswith("localhost") else "https"
    url = f"{scheme}://{host}/v2/{path}/manifests/{tag}"
    reply = httpx.get(url, headers={"Accept": MANIFEST_TYPES}, timeout=60)
    assert reply.status_code == 200, reply.text
    assert sum(layer["size"] for layer in reply.json()["layers"]) / 1e6 <= most
