"""From the last release to this state, with users at work: files, jobs, records and servers are there afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charts.package import built_images
from tests.charts.jupyter.conftest import HASHES, PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.cluster.paths import ROOT
from tests.conftest import Account, MakeNamespace
from tests.kube import is_local, run

# Long: images of the last release may have to be built, and every pod of a release starts twice.
pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(3600)]

# Images that chart hpc does not use.
NOT_OF_HPC = {"nfs", "slurm-worker-benchmark"}
RECORDS = "!sacct --noheader --parsable2 --allocations --starttime=1970-01-01 --format=JobName,State"
JOBS = {"before": ["COMPLETED"], "array": ["COMPLETED"] * 4, "after": ["COMPLETED"]}


def git(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)


def last_release() -> str:
    """The last tag before this commit; before there is any, the commit before the last one that changed chart hpc."""
    tag = git("describe", "--tags", "--abbrev=0", "HEAD~1").stdout.strip()
    return tag or git("log", "-2", "--format=%H", "--", "charts/hpc").stdout.split()[-1]


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A checkout of the last release, with its images built and the charts of chart hpc in place."""
    old = tmp_path / "released"
    for words, folder in (
        (("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(old)), ROOT),
        (("checkout", "--quiet", "--detach", git("rev-parse", last_release()).stdout.strip()), old),
    ):
        done = git(*words, folder=folder)
        assert done.returncode == 0, done.stderr
    images = set(json.loads((old / "images" / "versions.json").read_text())["images"]) - NOT_OF_HPC
    build = [sys.executable, "-m", "images.build", "--registry", built_images()["registry"], *sorted(images)]
    built = subprocess.run(
        build,
        cwd=old,
        env={**os.environ, "PYTHONPATH": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    packed = run(["helm", "dependency", "update", str(old / "charts" / "hpc")])
    assert packed.code == 0, packed.text
    return old


def values(site: Site, accounts: dict[str, Account]) -> dict[str, Any]:
    """Values that the last release knows too."""
    users = {
        name: {"uid": account.uid, "sshKeys": [account.public_key], "passwordHash": HASHES[name]}
        for name, account in accounts.items()
    }
    workers = {"replicas": 1, "cpus": 2, "memory": "1Gi", "cpuRequest": "50m", "memoryRequest": "256Mi"}
    return {
        "components": {"jupyter": True},
        "global": {
            "users": users,
            "home": {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"},
        },
        "slurm": {"tokens": {"enabled": True}, "workerDefaults": workers},
        "jupyter": {
            "singleuser": {"cpuRequest": 0.05, "memoryRequest": "128M"},
            "ingress": {"enabled": is_local(), "host": site.host},
        },
    }


def test_an_upgrade_from_the_last_release_loses_nothing(
    released: Path, make_namespace: MakeNamespace, accounts: dict[str, Account]
) -> None:
    site = Site(make_namespace("upgrade"), {})
    given = values(site, accounts)
    its_images = ["--values", str(released / ".tools" / "images.yaml")]
    site.namespace.install(RELEASE, released / "charts" / "hpc", *its_images, values=given, wait_seconds=600)
    wait_for_logins(site)
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.start()
        with ada.kernel() as kernel:
            kernel.run("open('thesis.txt', 'w').write('chapter 1')")
            kernel.run("!sbatch --wait --job-name=before -o /dev/null --wrap true")
            number = kernel.run(
                "!sbatch --parsable --job-name=array --array=0-3 -o /dev/null --wrap 'sleep 30'"
            )
            assert number.isdigit(), number
            dependent = f"--job-name=after --dependency=afterok:{number}"
            kernel.run(f"!sbatch {dependent} -o /dev/null --wrap true")
            site.namespace.wait_for("it runs", lambda: "RUNNING" in kernel.run("!squeue --me -h -o %T"))
        server = pod_of(site, "ada")
        site.namespace.install(RELEASE, "charts/hpc", values=given, wait_seconds=600)
        site.close()
        wait_for_logins(site)
        # The hub still knows him by the token of before, and his server, which went on meanwhile.
        site.namespace.wait_for("his server", lambda: ada.servers().get("", {}).get("ready"))
        assert pod_of(site, "ada") == server
        with ada.kernel() as kernel:
            assert kernel.run("print(open('thesis.txt').read())") == "chapter 1"
            site.namespace.wait_for(
                "all jobs", lambda: accounted(kernel.run(RECORDS)) == JOBS, timeout=240, every=5
            )
        ada.stop()
        ada.start()
        assert pod_of(site, "ada") != server
        with ada.kernel() as kernel:
            assert kernel.run("print(open('thesis.txt').read())") == "chapter 1"
            assert accounted(kernel.run(RECORDS)) == JOBS
    site.close()


def wait_for_logins(site: Site) -> None:
    site.namespace.wait_for("a login works", lambda: site.lets_in("grace", PASSWORDS["grace"]), timeout=240)


def pod_of(site: Site, name: str) -> str:
    found: str = site.namespace.get("pod", f"{RELEASE}-singleuser-{name}")["metadata"]["uid"]
    return found


def accounted(said: str) -> dict[str, list[str]]:
    """States of jobs by name."""
    found: dict[str, list[str]] = {}
    for line in said.split():
        name, _, state = line.partition("|")
        found.setdefault(name, []).append(state)
    return found
