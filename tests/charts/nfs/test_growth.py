"""A volume whose class lets it grow: what `persistence.size` says on upgrade reaches the claim, and the server stays."""

import pytest

from tests.charts.nfs.site import Site
from tests.conftest import MakeNamespace

# The class is the local cluster's.
pytestmark = [pytest.mark.e2e, pytest.mark.kills_nodes]


def test_a_larger_size_reaches_the_claim_and_replaces_no_pod(make_namespace: MakeNamespace) -> None:
    namespace = make_namespace("nfs-growth", pod_security="privileged")
    site = Site(namespace)
    small = {"storageClass": "local", "size": "1Gi", "keep": False}
    site.install(values={"persistence": small})
    before = site.uid
    site.install(values={"persistence": {**small, "size": "2Gi"}})
    assert namespace.get("persistentvolumeclaim", "nfs-nfs")["spec"]["resources"]["requests"] == {
        "storage": "2Gi"
    }
    assert site.uid == before
    with pytest.raises(AssertionError, match="can not be less than"):
        site.install(values={"persistence": small})
    assert site.uid == before
    namespace.helm("uninstall", "nfs", "--no-hooks")
