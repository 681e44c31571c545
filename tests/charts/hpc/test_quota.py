"""A quota of the namespace holds for the release and for what its users start, and says so to them."""

import pytest

from tests.charts.hpc.conftest import LIMITS
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site

pytestmark = pytest.mark.e2e


def test_the_whole_release_is_counted(site: Site) -> None:
    pods = site.namespace.get("pods", "--field-selector=status.phase=Running")["items"]
    (quota,) = site.namespace.get("resourcequotas")["items"]
    assert quota["status"]["hard"] == LIMITS["quota"]
    assert len(pods) <= int(quota["status"]["used"]["pods"]) < 80
    silent = [
        (pod["metadata"]["name"], container["name"])
        for pod in pods
        for container in pod["spec"]["containers"]
        if "memory" not in container["resources"].get("requests", {})
    ]
    assert silent == []


def test_a_server_beyond_the_quota_is_refused_and_its_user_told_why(site: Site) -> None:
    with site.user("grace", PASSWORDS["grace"]) as grace:
        asked = grace.api("POST", "/hub/api/users/grace/servers/big", json={"profile": "greedy"})
        assert asked.status_code == 500
        assert "big" not in grace.servers() or not grace.servers()["big"]["ready"]
    assert "Kubernetes did not take your server" in asked.text
    assert "exceeded quota" in asked.text
    assert "Choose a smaller one" in asked.text
