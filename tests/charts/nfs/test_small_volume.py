"""A volume that fills up, several exports, and a client that one does not name: a second release on 64 MiB of ext4."""

from collections.abc import Iterator

import pytest

from tests.charts.nfs import site as sites
from tests.charts.nfs.site import ADA, Site
from tests.charts.nfs.test_restart import ready
from tests.cluster import engine, uml
from tests.cluster.steps import run
from tests.conftest import MakeNamespace

pytestmark = [pytest.mark.e2e, pytest.mark.kills_nodes]

NODE = "hpc-worker"
MEGABYTES = 64
EXPORTS = {
    "data": {"id": 2, "path": "data", "clients": ["*"], "squash": "none"},
    "shown": {"id": 4, "path": "shown", "clients": ["*"], "squash": "none", "readOnly": True},
    "closed": {"id": 3, "path": "closed", "clients": ["192.0.2.1"]},
}


def on_node(script: str) -> None:
    run([engine.docker(), "exec", NODE, "bash", "-c", script])


@pytest.fixture(scope="module")
def small(make_namespace: MakeNamespace) -> Iterator[Site]:
    """A release whose volume is a small filesystem of its own on one node."""
    namespace = make_namespace("nfs-small", pod_security="privileged")
    folder = f"/var/{namespace.name}"
    on_node(
        f"mkdir {folder} && truncate -s {MEGABYTES}M {folder}.img && mkfs.ext4 -q {folder}.img "
        f"&& mount -o loop {folder}.img {folder}"
    )
    affinity = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {
        "capacity": {"storage": f"{MEGABYTES}Mi"},
        "local": {"path": folder},
        "persistentVolumeReclaimPolicy": "Retain",
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [affinity]}]}},
    }
    claim = {"volumeName": namespace.name, "resources": {"requests": {"storage": f"{MEGABYTES}Mi"}}}
    name = {"name": namespace.name}
    namespace.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": name, "spec": {**spec, **volume}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": name, "spec": {**spec, **claim}},
    )
    site = Site(namespace)
    # A test before may have killed it.
    namespace.wait_for(f"{NODE} is ready", lambda: ready(site, NODE))
    try:
        site.install(values={"persistence": {"existingClaim": namespace.name}, "exports": EXPORTS})
        yield site
    finally:
        namespace.helm("uninstall", sites.RELEASE, "--no-hooks", "--wait", check=False)
        namespace.kubectl("delete", "persistentvolumeclaim", namespace.name, "--wait=false", check=False)
        namespace.kubectl("delete", "persistentvolume", namespace.name, "--wait=false", check=False)
        on_node(f"umount {folder} && rm -r {folder} {folder}.img")


def test_two_exports_and_a_client_that_one_of_them_does_not_name(small: Site, guest: uml.Guest) -> None:
    sites.mount(guest, f"{small.address}:/home", "/mnt/small")
    sites.mount(guest, f"{small.address}:/data", "/mnt/data")
    guest.run("touch", "/mnt/small/ada/mine", uid=ADA)
    guest.run("touch", "/mnt/data/roots")  # squash: none
    assert small.server("stat", "-c", "%u", "/volume/data/roots").strip() == "0"
    guest.run("mkdir", "-p", "/mnt/closed")
    refused = guest.run("mount", "-t", "nfs4", f"{small.address}:/closed", "/mnt/closed", check=False)
    assert refused.code != 0
    assert "No such file" in refused.err or "denied" in refused.err, refused


def test_an_export_for_reading_can_be_read_and_not_written(small: Site, guest: uml.Guest) -> None:
    small.server("bash", "-c", "echo seen >/volume/shown/notice")
    sites.mount(guest, f"{small.address}:/shown", "/mnt/shown")
    assert guest.run("cat", "/mnt/shown/notice").out.strip() == "seen"
    refused = guest.run("touch", "/mnt/shown/another", check=False)
    guest.run("umount", "/mnt/shown")
    assert "Read-only file system" in refused.err, refused
    assert small.server("ls", "/volume/shown").split() == ["notice"]


def test_a_full_volume_says_so_and_recovers(small: Site, guest: uml.Guest) -> None:
    fill = "dd if=/dev/zero of=/mnt/small/ada/big bs=1M count=100 conv=fsync"
    full = guest.run("bash", "-c", fill, uid=ADA, check=False, timeout=300)
    assert "No space left on device" in full.err
    guest.run("rm", "/mnt/small/ada/big", uid=ADA)
    guest.run("bash", "-c", "echo again >/mnt/small/ada/after && sync /mnt/small/ada/after", uid=ADA)
    assert small.server("cat", "/volume/home/ada/after").strip() == "again"


def test_uninstall_is_refused_while_a_client_is_connected(small: Site, guest: uml.Guest) -> None:
    refused = small.namespace.helm("uninstall", sites.RELEASE, "--timeout=300s", check=False)
    assert refused.code != 0
    assert "client connections to nfs-nfs are open" in refused.text
    small.namespace.wait_ready("statefulset/nfs-nfs")
    guest.run("umount", "/mnt/small", "/mnt/data")
    small.namespace.wait_for(
        "no client is connected",
        lambda: "nfs_client_connections 0" in small.server(
            "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9049/cgi-bin/metrics"
        ),
    )  # fmt: skip
    assert small.namespace.helm("uninstall", sites.RELEASE, "--timeout=300s").code == 0
