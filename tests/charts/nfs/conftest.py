"""What the tests of the NFS server share: one release, the image of clients, and a guest with a kernel client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts.nfs import site as sites
from tests.charts.nfs.site import Site
from tests.cluster import child_image, uml
from tests.conftest import MakeNamespace

CLIENT = Path(__file__).parent / "client"


@pytest.fixture(scope="session")
def client_image() -> str:
    """The image of test clients."""
    return build_client_image()


@pytest.fixture(scope="session")
def site(make_namespace: MakeNamespace) -> Site:
    """The chart installed with two users, in a namespace that allows what the server needs."""
    made = Site(make_namespace("nfs", pod_security="privileged"))
    made.install()
    return made


@pytest.fixture(scope="session")
def guest(client_image: str) -> Iterator[uml.Guest]:
    """A booted kernel client that has mounted nothing yet."""
    with sites.guest(client_image) as started:
        yield started


@pytest.fixture(scope="session")
def home(site: Site, guest: uml.Guest) -> str:
    """The folder of the guest that the site's homes are mounted on."""
    sites.mount(guest, f"{site.address}:/home")
    return "/mnt/home"


def client_pod(name: str, client_image: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A pod with a client in user space, without any privilege."""
    container = {
        "name": "main",
        "image": client_image,
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
    }


def build_client_image(of: str = "base") -> str:
    """Have the image of test clients, a child of one of the product's, in the registry that those come from."""
    # Each parent has a name: a guest's disk is kept for the last image of a name.
    return child_image.pushed(f"nfs-client-{of}", of, CLIENT, uml.GUEST)
