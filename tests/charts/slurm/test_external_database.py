"""Accounting in a MariaDB of one's own, under names of one's own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.conftest import values
from tests.conftest import Account, MakeNamespace
from tests.kube import image

# A release of its own, for one value.
pytestmark = [pytest.mark.e2e, pytest.mark.full]

NAME = "campus-db"
# Whoever makes passwords by a generator has such signs in them.
PASSWORD = "it's #1 of \\campus, isn't it"


@pytest.fixture(scope="module")
def campus(make_namespace: MakeNamespace, accounts: dict[str, Account]) -> Iterator[Cluster]:
    """A release beside a MariaDB that does not belong to it."""
    namespace = make_namespace("slurm-campus-db")
    namespace.apply(*database())
    namespace.wait_ready(f"pod/{NAME}")
    external = {"host": NAME, "name": "campus_slurm", "user": "campus", "existingSecret": NAME}
    given = {**values({"ada": accounts["ada"]}), "accounting": {"external": external}}
    made = Cluster(namespace, accounts, given)
    made.install()
    yield made
    made.close()


def database() -> list[dict[str, Any]]:
    """A Secret, a pod of MariaDB and a Service of it; the image is ours, the account and the database are not."""
    environment = {
        "DATABASE_NAME": "campus_slurm",
        "DATABASE_USER": "campus",
        "DATABASE_PASSWORD_FILE": "/run/password/password",
    }
    folders = {"data": "/var/lib/mysql", "run": "/run/mysqld", "tmp": "/tmp"}
    container = {
        "name": "mariadb",
        "image": image("database"),
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"tcpSocket": {"port": 3306}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "password", "mountPath": "/run/password"},
            *({"name": name, "mountPath": path} for name, path in folders.items()),
        ],
    }
    volumes = [
        {"name": "password", "secret": {"secretName": NAME}},
        *({"name": name, "emptyDir": {}} for name in folders),
    ]
    labels = {"app": NAME}
    pod = {"containers": [container], "volumes": volumes, "securityContext": {"fsGroup": 64031}}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "stringData": {"password": PASSWORD}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": labels}, "spec": pod},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"selector": labels, "ports": [{"port": 3306}]}},
    ]  # fmt: skip


def test_jobs_are_rows_of_that_database(campus: Cluster) -> None:
    campus.wait_nodes(2)
    job = campus.submit("true", "--job-name=abroad")
    campus.wait("accounted", lambda: campus.accounted(job) == ["COMPLETED"])
    (jobs,) = [name for name in asked(campus, "SHOW TABLES IN campus_slurm") if name.endswith("_job_table")]
    assert asked(campus, f"SELECT id_job FROM campus_slurm.{jobs} WHERE job_name = 'abroad'") == [job]


def asked(campus: Cluster, query: str) -> list[str]:
    """The words of an answer of that database."""
    ask = 'MYSQL_PWD=$(cat /run/password/password) exec mariadb --host=127.0.0.1 --user=campus -BNe "$0"'
    return campus.namespace.exec(NAME, "sh", "-c", ask, query).out.split()


def test_the_release_has_no_database_of_its_own(campus: Cluster) -> None:
    names = [item["metadata"]["name"] for item in campus.namespace.get("statefulsets,secrets")["items"]]
    assert [name for name in names if name in ("hpc-database",)] == []


def test_helm_test_finds_accounting(campus: Cluster) -> None:
    assert campus.namespace.tested(campus.release)["accounting"] == "ok"
