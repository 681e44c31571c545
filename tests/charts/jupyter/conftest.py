"""One installed release for all end-to-end tests of chart `jupyter`, in a namespace that enforces `restricted`."""

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.charts.jupyter.site import Site
from tests.conftest import MakeNamespace

# Of the passwords `ada-secret` and `x`.
PASSWORDS = {"ada": "ada-secret", "grace": "x"}
HASHES = {
    "ada": "$y$j9T$ijSEh8eNnCWUEi8dTUxlQ0$fQ5AQNaTlGYH3Bo3oZ6IFrgy7JQpHQGRT3okoWCmUUB",
    "grace": "$6$saltsalt$8RWsOfwR6M6PpnoeQiEiWzNTPo1f0HjVYjDnLZhGx16aBFRkeqiHAzfXP/LgrOWMBMXqiU2pLrXsSOHNUyUm91",
}


def values() -> dict[str, Any]:
    """Values that fit the test cluster."""
    return {
        "users": {
            "ada": {"uid": 20001, "groups": ["project"], "passwordHash": HASHES["ada"]},
            "grace": {"uid": 20002, "passwordHash": HASHES["grace"]},
        },
        "groups": {"project": {"gid": 20100}},
        "home": {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"},
        "singleuser": {
            "cpuRequest": 0.05,
            "memoryRequest": "128M",
            "namedServers": 1,
            "profiles": {
                "small": {"displayName": "Small", "default": True},
                # No machine has it.
                "huge": {"displayName": "Huge", "memoryRequest": "900G", "memoryLimit": "900G"},
            },
        },
        "engines": {
            "pools": {
                "fast": {
                    "owner": "ada",
                    "replicas": 2,
                    "drainSeconds": 30,
                    "resources": {
                        "requests": {"cpu": "50m", "memory": "96Mi"},
                        "limits": {"memory": "512Mi"},
                    },
                }
            }
        },
    }


@pytest.fixture(scope="session")
def site(make_namespace: MakeNamespace) -> Iterator[Site]:
    """The shared release: hub, proxy, and a pool of two engines of ada's."""
    made = Site(make_namespace("jupyter", pod_security="restricted"), values())
    made.install()
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what controllers and engines of the pools said last, where a test failed."""
    report = yield
    site = item.funcargs.get("site")
    if report.failed and isinstance(site, Site):
        for component in ("ipcontroller", "engines"):
            label = f"app.kubernetes.io/component={component}"
            said = site.namespace.kubectl("logs", "-l", label, "--tail=12", "--prefix", check=False)
            report.sections.append((component, said.text))
    return report
