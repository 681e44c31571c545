"""Going back: free between charts of the same upstream versions, refused with a reason where the data have become newer."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.charts.hpc.test_metrics import submit
from tests.charts.jupyter.site import RELEASE, Site
from tests.cluster.paths import ROOT, TOOLS
from tests.kube import Namespace, Result, run

pytestmark = pytest.mark.e2e

CHART = str(ROOT / "charts" / "hpc")
LONG_RUNNING = (
    "app.kubernetes.io/component in (controller,accounting,database,worker,frontend,restapi,tokens,hub,proxy)"
)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """This chart, as it would be with a MariaDB of another series."""
    folder = tmp_path_factory.mktemp("newer")
    for chart in ("hpc", "slurm", "jupyter"):
        shutil.copytree(ROOT / "charts" / chart, folder / chart, ignore=shutil.ignore_patterns("charts"))
    upstream = folder / "slurm" / "files" / "upstream.json"
    upstream.write_text(json.dumps({**json.loads(upstream.read_text()), "mariadb": "99.1.0"}))
    built = run([str(TOOLS / "bin" / "helm"), "dependency", "update", str(folder / "hpc")])
    assert built.code == 0, built.text
    return str(folder / "hpc")


@pytest.fixture(scope="module")
def job(site: Site) -> Iterator[str]:
    """A job that runs all the while."""
    number = submit(site.namespace, "--wrap", "sleep 3600")
    site.namespace.wait_for("it runs", lambda: state(site.namespace, number) == "RUNNING")
    yield number
    slurm(site.namespace, "scancel", number)


def slurm(namespace: Namespace, *command: str) -> str:
    return namespace.exec(f"{RELEASE}-controller-0", *command, container="keeper").out.strip()


def state(namespace: Namespace, job: str) -> str:
    return slurm(namespace, "squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")


def pods(namespace: Namespace) -> dict[str, str]:
    listed = namespace.get("pods", "-l", LONG_RUNNING)["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in listed}


def secrets(namespace: Namespace) -> dict[str, dict[str, str]]:
    listed = namespace.get("secrets", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    return {secret["metadata"]["name"]: secret["data"] for secret in listed}


def upgrade(namespace: Namespace, chart: str, *, check: bool = True) -> Result:
    return namespace.helm("upgrade", RELEASE, chart, "--reuse-values", "--wait", "--timeout=9m", check=check)


def revision(namespace: Namespace) -> str:
    """The one that Helm calls deployed."""
    history = json.loads(namespace.helm("history", RELEASE, "--output=json").out)
    return str(next(entry["revision"] for entry in history if entry["status"] == "deployed"))


def test_a_rollback_between_equal_versions_loses_no_job_and_no_key(site: Site, job: str) -> None:
    before, keys = pods(site.namespace), secrets(site.namespace)
    assert {f"{RELEASE}-slurm-key", f"{RELEASE}-jwt", f"{RELEASE}-database"} <= set(keys)
    upgrade(site.namespace, CHART)
    assert secrets(site.namespace) == keys
    site.namespace.helm("rollback", RELEASE, "--wait", "--timeout=9m")
    assert secrets(site.namespace) == keys
    assert pods(site.namespace) == before
    assert state(site.namespace, job) == "RUNNING"


def test_a_rollback_below_what_wrote_the_data_is_refused_and_nothing_is_touched(
    site: Site, job: str, newer: str
) -> None:
    namespace = site.namespace
    good, before = revision(namespace), pods(namespace)
    upgrade(namespace, newer)
    running = revision(namespace)
    refused = namespace.helm("rollback", RELEASE, good, check=False)
    assert refused.code != 0
    assert "rollback refused: mariadb 99.1 runs here" in refused.text, refused.text
    assert f"helm rollback {RELEASE} N -n {namespace.name}" in refused.text
    assert namespace.get("configmap", f"{RELEASE}-rollback")["data"]["mariadb"] == "99.1.0"
    # What the message says: until then Helm takes the rollback for one that goes on.
    assert "another operation" in upgrade(namespace, newer, check=False).err
    assert revision(namespace) == running
    namespace.helm("rollback", RELEASE, running)
    older = upgrade(namespace, CHART, check=False)
    assert "mariadb 99.1.0 runs here, and this chart brings" in older.err, older.text
    assert pods(namespace) == before
    assert state(namespace, job) == "RUNNING"
    # Who has restored a backup, or has only pretended as this test, goes back without the guard.
    namespace.helm("rollback", RELEASE, good, "--no-hooks", "--wait")
    assert pods(namespace) == before
