"""Metrics of a whole release as Prometheus meets them: found by annotations, given to whom the policy lets in, and true."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts.jupyter.site import RELEASE, Site
from tests.cluster.paths import ROOT
from tests.docs.documented import follow
from tests.kube import Namespace, Result, image

pytestmark = pytest.mark.e2e

CONTROLLER = f"{RELEASE}-controller-0"
ASK = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())"


@pytest.fixture(scope="module")
def asking(site: Site) -> Iterator[Namespace]:
    """The namespace with a pod that may ask for metrics, and one that may not though it may do all else."""
    others = {f"access-{component}": "true" for component in ("hub", "proxy", "slurmctld", "restapi")}
    site.namespace.apply(_pod("prometheus", {"access-metrics": "true"}), _pod("stranger", others))
    for pod in ("prometheus", "stranger"):
        site.namespace.wait_ready(f"pod/{pod}")
    yield site.namespace
    site.namespace.exec(CONTROLLER, "scancel", "--user=slurm", container="keeper")
    site.namespace.kubectl("delete", "pod", "prometheus", "stranger", "--wait=false")


def _pod(name: str, labels: dict[str, str]) -> dict[str, Any]:
    container = {
        "name": "main",
        # It has a Python; any would do.
        "image": image("slurm-exporter"),
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def endpoints(namespace: Namespace) -> dict[str, str]:
    """Address by component, as a Prometheus without its operator finds them: by annotations of pods."""
    found = {}
    for pod in namespace.get("pods")["items"]:
        notes, labels = pod["metadata"].get("annotations", {}), pod["metadata"]["labels"]
        # One that goes is still listed for a moment, one that comes has no address yet.
        stays = "deletionTimestamp" not in pod["metadata"] and "podIP" in pod["status"]
        if stays and notes.get("prometheus.io/scrape") == "true":
            where = f"{pod['status']['podIP']}:{notes['prometheus.io/port']}{notes['prometheus.io/path']}"
            found[labels["app.kubernetes.io/component"]] = f"http://{where}"
    return found


def ask(namespace: Namespace, url: str, *, by: str = "prometheus") -> Result:
    # Packets of the one who may not ask are dropped: he waits all the time that he has.
    seconds = "120" if by == "prometheus" else "10"
    return namespace.exec(by, "python3", "-c", ASK, url, seconds, check=False)


def figures(namespace: Namespace, component: str = "controller") -> dict[str, float]:
    """Values by series of one endpoint; those of slurmctld once it has answered in the exporter's few seconds."""

    def scraped() -> dict[str, float]:
        said = ask(namespace, endpoints(namespace)[component])
        assert said.code == 0, said.text
        rows = (line.rsplit(" ", 1) for line in said.out.splitlines() if line and not line.startswith("#"))
        found = {series: float(value) for series, value in rows}
        return found if found.get("slurm_up", 1) else {}

    return namespace.wait_for(f"metrics of {component}", scraped)


def submit(namespace: Namespace, *words: str) -> str:
    """Submit a job as Slurm's own account; its number."""
    command = ["sbatch", "--parsable", "--output=/dev/null", "--chdir=/tmp", *words]
    return namespace.exec(CONTROLLER, *command, container="keeper").out.strip()


def test_every_metric_that_the_page_names_is_served(site: Site, asking: Namespace) -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    named = set(re.findall(r"`((?:slurm|jupyterhub|requests)_[a-z_]+)`", page))
    assert len(named) > 15
    with site.client() as client:
        assert client.get("/hub/login").status_code == 200
    # A series of users is there while they have jobs.
    submit(asking, "--wrap", "sleep 3600")
    asking.wait_for("a job runs", lambda: figures(asking)["slurm_jobs_running"] >= 1)
    assert set(endpoints(asking)) == {"controller", "hub", "proxy"}
    text = "".join(f"{series} \n" for component in endpoints(asking) for series in figures(asking, component))
    assert {name for name in named if not re.search(rf"^{name}[ _{{]", text, re.MULTILINE)} == set()


def test_what_slurm_does_is_counted(asking: Namespace) -> None:
    asking.wait_for("no node is down", lambda: figures(asking)["slurm_nodes_down"] == 0)
    before = figures(asking)
    assert (before["slurm_up"], before["slurm_nodes"]) == (1, 2)
    assert before['slurm_partition_cpus{partition="main"}'] == 2
    number = submit(asking, "--hold", "--array=1-3", "--wrap", "true")
    held = figures(asking)
    assert held["slurm_jobs_pending"] == before["slurm_jobs_pending"] + 3
    assert held['slurm_user_jobs_pending{username="slurm"}'] >= 3
    asking.exec(CONTROLLER, "scancel", number, container="keeper")
    asking.wait_for(
        "the cancelled are counted no more",
        lambda: figures(asking)["slurm_jobs_pending"] <= before["slurm_jobs_pending"],
    )


def test_the_exporter_is_nobody_and_small(asking: Namespace) -> None:
    refused = asking.exec(CONTROLLER, "scontrol", "update", "partition=main", "state=down", container="exporter", check=False)  # fmt: skip
    assert refused.code != 0
    assert "Invalid user id" in refused.text or "denied" in refused.text, refused.text
    said = asking.exec(CONTROLLER, "sh", "-c", "grep -h VmRSS /proc/[0-9]*/status", container="exporter").out
    assert sum(int(line.split()[1]) for line in said.splitlines()) < 48 * 1024, said


@pytest.mark.parametrize("component", ["controller", "hub", "proxy"])
def test_a_pod_without_the_label_is_refused(asking: Namespace, component: str) -> None:
    said = ask(asking, endpoints(asking)[component], by="stranger")
    assert said.code != 0
    assert "timed out" in said.text or "refused" in said.text, said.text


@pytest.mark.parametrize("path", ["/metrics", "/hub/metrics", "/hub/api/metrics"])
def test_visitors_of_the_login_page_see_none(site: Site, path: str) -> None:
    with site.client() as client:
        answer = client.get(path)
    assert "# HELP" not in answer.text
    assert answer.status_code in (403, 404) or "login" in str(answer.url)


def test_the_commands_of_the_page_show_that_it_works(asking: Namespace, tmp_path: Path) -> None:
    follow("monitor", "How to see that it worked", asking, tmp_path)
