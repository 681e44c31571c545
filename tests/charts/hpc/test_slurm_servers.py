"""A server that is a Slurm job: started, found again, stopped and ended as its user's, with words for what happens to it."""

import json
from collections.abc import Iterator

import pytest

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site, User

pytestmark = pytest.mark.e2e

PROFILE = {"profile": "slurm"}


@pytest.fixture(scope="module")
def ada(site: Site) -> Iterator[User]:
    """Ada, without a server."""
    with site.user("ada", PASSWORDS["ada"]) as user:
        user.stop()
        yield user


@pytest.fixture
def running(ada: User) -> User:
    """Ada, with a server that is a job."""
    if not ada.servers().get("", {}).get("ready"):
        ada.start(timeout=420, **PROFILE)
    return ada


def slurm(site: Site, *command: str) -> str:
    """What Slurm's administrator reads."""
    said = site.namespace.exec("hpc-controller-0", *command, container="keeper")
    return said.out.strip()


def jobs(site: Site) -> list[str]:
    """Jobs of all users: user, name, partition, state."""
    return slurm(site, "squeue", "--noheader", "--format=%u %j %P %T").splitlines()


def wait_for_jobs(site: Site, *expected: str) -> None:
    """Wait until these are all; one that has ended is COMPLETING for a moment."""
    site.namespace.wait_for(f"jobs are {[*expected]}", lambda: jobs(site) == [*expected], timeout=240)


def servers(site: Site) -> str:
    """Numbers of the jobs that are servers."""
    return slurm(site, "squeue", "--noheader", "--name=jupyter", "--format=%i")


def test_a_server_is_a_job_of_its_user_on_a_worker(site: Site, running: User) -> None:
    wait_for_jobs(site, "ada jupyter notebooks RUNNING")
    with running.kernel() as kernel:
        assert kernel.run("import os, socket; os.getuid(), socket.gethostname(), os.getcwd()") == str(
            (20001, "hpc-worker-notebooks-0", "/home/ada")
        )
        assert kernel.run("!srun id -un; ls ~ | grep -c ^jupyter-server-.*log$").split() == ["ada", "1"]


def test_what_a_server_submits_is_a_job_of_its_own_without_its_tokens(running: User) -> None:
    script = "sbatch --wait -p main -o own.txt --wrap 'srun env' >/dev/null; grep -c ^SLURM_JOB_ID= own.txt; grep -cE '(API_TOKEN|JWT|PROOF_KEY)=' own.txt"
    with running.kernel() as kernel:
        assert kernel.run(f"!{script}").split() == ["1", "0"]


def test_nobody_else_reads_a_server_s_token_in_slurm(site: Site, running: User) -> None:
    with running.kernel() as kernel:
        token = kernel.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")
        assert len(token) > 20
        assert kernel.run("os.environ.get('HPC_PROOF_KEY')") == ""
    shown = slurm(site, "scontrol", "show", "job", "--details") + slurm(site, "squeue", "--Format=All")
    shown += slurm(site, "sacct", "--allusers", "--parsable", "--format=ALL")
    assert "jupyter" in shown
    # Nobody else's processes are on its node.
    assert "OverSubscribe=USER" in shown
    assert token not in shown
    assert token not in site.namespace.kubectl("logs", "deploy/hpc-hub").out


def test_a_hub_that_restarts_finds_the_job_again_and_cuts_no_kernel_off(site: Site, running: User) -> None:
    before = servers(site)
    with running.kernel() as kernel:
        message = kernel.send(
            "import time\nfor line in range(24):\n    print(line, flush=True)\n    time.sleep(0.5)"
        )
        # It waits until the old one is gone: that one would still let users in.
        site.namespace.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=hub")
        site.namespace.wait_for("a login works again", lambda: site.lets_in("grace", PASSWORDS["grace"]))
        assert kernel.output(message).split() == [str(line) for line in range(24)]
    site.namespace.wait_for(
        "the hub has the server", lambda: running.servers().get("", {}).get("ready"), timeout=240
    )
    assert servers(site) == before


def test_a_server_that_waits_says_why_and_one_that_is_cancelled_says_so(site: Site, running: User) -> None:
    path = "/hub/api/users/ada/servers/second"
    assert running.api("POST", path, json=PROFILE).status_code in (201, 202)
    site.namespace.wait_for("it waits", lambda: "ada jupyter notebooks PENDING" in jobs(site))
    # The stream ends with the start.
    slurm_job = slurm(site, "squeue", "--noheader", "--states=PENDING", "--format=%i")
    headers = {"Authorization": f"token {running.token}"}
    said: list[str] = []
    with site.client() as client, client.stream("GET", f"{path}/progress", headers=headers) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said.append(json.loads(line.removeprefix("data:"))["message"])
                if "waits for free cores or memory (queue notebooks)" in said[-1]:
                    slurm(site, "scancel", slurm_job)
    assert f"Slurm job {slurm_job}, was cancelled. Its log is ~/jupyter-server-{slurm_job}.log" in said[-1]


def test_a_user_who_cancels_his_job_is_told_at_the_next_start(site: Site, running: User) -> None:
    with running.kernel() as kernel:
        number = kernel.run("import os; print(os.environ['SLURM_JOB_ID'])")
        kernel.send("!scancel $SLURM_JOB_ID")
        site.namespace.wait_for("the hub has noticed", lambda: not running.servers(), timeout=240)
    wait_for_jobs(site)
    page = running.client.get("/hub/spawn/ada").text
    assert f"Your server, Slurm job {number}, was cancelled. Its log is ~/jupyter-server-{number}.log" in page


def test_a_stop_in_the_hub_cancels_the_job(site: Site, running: User) -> None:
    wait_for_jobs(site, "ada jupyter notebooks RUNNING")
    running.stop()
    wait_for_jobs(site)
    assert "Its log is" not in running.client.get("/hub/spawn/ada").text


def test_the_spawn_page_offers_what_the_cluster_has_and_the_job_is_what_was_chosen(
    site: Site, ada: User
) -> None:
    ada.stop()
    page = ada.client.get("/hub/spawn/ada").text
    for said in (
        "notebooks: 1 core and 0.8 GB a node, no time limit",
        "main: 2 cores and 1 GB a node, no time limit",
        'value="768M"',
        "Run time, at most",
    ):
        assert said in page
    ada.start(timeout=420, profile="choose", queue="notebooks", memory="768M", time="120")
    chosen = slurm(site, "squeue", "--noheader", "--name=jupyter", "--format=%u %P %C %m %l")
    assert chosen.split() == ["ada", "notebooks", "1", "768M", "2:00:00"]
    ada.stop()
    wait_for_jobs(site)
    refused = ada.api(
        "POST", "/hub/api/users/ada/server", json={"profile": "choose", "queue": "notebooks", "cores": "2"}
    )
    site.namespace.wait_for("the start has failed", lambda: not ada.servers())
    said = refused.text + ada.client.get("/hub/spawn-pending/ada").text
    assert "no node of queue notebooks has more than 1 core: choose less, or another queue" in said
