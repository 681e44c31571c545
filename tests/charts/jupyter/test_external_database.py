"""The hub keeps its state in a PostgreSQL of one's own: a restart of the hub, and of the database, forgets nobody."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts.jupyter import conftest
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.charts.jupyter.test_hub import answers, started
from tests.cluster import child_image
from tests.conftest import MakeNamespace

# An image of its own and a release of its own, for one value.
pytestmark = [pytest.mark.e2e, pytest.mark.full]

FOLDER = Path(__file__).parent / "postgresql"
NAME = "campus-db"
PASSWORD = "s3cret/with:signs"
URL = f"postgresql+psycopg2://hub:s3cret%2Fwith%3Asigns@{NAME}:5432/postgres"


@pytest.fixture(scope="module")
def elsewhere(make_namespace: MakeNamespace) -> Iterator[Site]:
    """A release without engines beside a PostgreSQL that does not belong to it."""
    namespace = make_namespace("jupyter-postgresql", pod_security="restricted")
    namespace.apply(*database())
    namespace.wait_ready(f"pod/{NAME}")
    values = conftest.values()
    del values["engines"]
    made = Site(namespace, {**values, "hub": {"database": {"existingSecret": NAME}}})
    made.install()
    yield made
    made.close()


def database() -> list[dict[str, Any]]:
    """A Secret, a pod and a Service of it."""
    secret = {"password": PASSWORD, "url": URL}
    container = {
        "name": "postgresql",
        "image": child_image.pushed("postgresql", "base", FOLDER),
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "password", "mountPath": "/run/password"},
        ],
        "securityContext": {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    volumes = [
        {"name": "data", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "password", "secret": {"secretName": NAME, "items": [{"key": "password", "path": "password"}]}},
    ]  # fmt: skip
    labels = {"app": NAME}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "stringData": secret},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": labels}, "spec": {"containers": [container], "volumes": volumes}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"selector": labels, "ports": [{"port": 5432}]}},
    ]  # fmt: skip


def test_a_hub_that_restarts_knows_its_users_and_their_servers(elsewhere: Site) -> None:
    namespace = elsewhere.namespace
    with elsewhere.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        namespace.kubectl("rollout", "restart", f"deployment/{RELEASE}-hub")
        namespace.wait_ready(f"deployment/{RELEASE}-hub")
        namespace.wait_for("her token still opens her server", lambda: answers(ada))
        assert ada.servers()[""]["ready"]


def test_a_database_that_restarts_costs_a_moment(elsewhere: Site) -> None:
    namespace = elsewhere.namespace
    namespace.exec(NAME, "sh", "-c", "kill -INT $(head -1 /data/db/postmaster.pid)", check=False)
    namespace.wait_for("it was restarted", lambda: restarts(elsewhere) == 1)
    namespace.wait_ready(f"pod/{NAME}")
    namespace.wait_for("a login works", lambda: elsewhere.lets_in("grace", PASSWORDS["grace"]))


def restarts(site: Site) -> int:
    return int(site.namespace.get("pod", NAME)["status"]["containerStatuses"][0]["restartCount"])


def test_nothing_of_the_database_is_on_a_volume_or_outside_the_secret(elsewhere: Site) -> None:
    namespace = elsewhere.namespace
    claims = [claim["metadata"]["name"] for claim in namespace.get("persistentvolumeclaims")["items"]]
    assert f"{RELEASE}-hub" not in claims
    shown = str(namespace.get("configmaps")["items"]) + str(namespace.get("pods")["items"])
    assert PASSWORD not in shown
    assert base64.b64encode(URL.encode()).decode() not in shown
