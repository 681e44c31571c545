"""Slurm from a user's server: submitted, seen and cancelled as himself, by a token that no job and no other user gets."""

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser import keep_picture, new_page, open_browser
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Kernel, Site
from tests.charts.jupyter.test_browser import log_in, open_terminal
from tests.charts.jupyter.test_hub import started

pytestmark = pytest.mark.e2e


@contextmanager
def kernel_of(site: Site, name: str) -> Iterator[Kernel]:
    """A kernel in a user's server."""
    with site.user(name, PASSWORDS[name]) as user:
        started(user)
        with user.kernel() as kernel:
            yield kernel


@pytest.fixture(scope="module")
def ada(site: Site) -> Iterator[Kernel]:
    with kernel_of(site, "ada") as kernel:
        yield kernel


@pytest.fixture(scope="module")
def grace(site: Site) -> Iterator[Kernel]:
    with kernel_of(site, "grace") as kernel:
        yield kernel


def shell(kernel: Kernel, script: str, *, timeout: float = 240) -> str:
    """Run a script in the server; its output and, where it failed, its exit status."""
    code = f"import subprocess; done = subprocess.run(['bash', '-c', {textwrap.dedent(script)!r}], capture_output=True, text=True)"
    return kernel.run(
        f"{code}\nprint(done.stdout + done.stderr, f'exit {{done.returncode}}' * (done.returncode != 0))",
        timeout=timeout,
    )


def until(kernel: Kernel, script: str, expected: str, *, seconds: float = 180) -> None:
    """Wait until a script says this: a job is gone from the queue, and accounted, a moment after its end."""
    end = time.monotonic() + seconds
    while (said := shell(kernel, script)) != expected:
        assert time.monotonic() < end, f"{script}: {said}"
        time.sleep(0.5)


def test_a_job_submitted_in_a_notebook_runs_as_its_user_and_is_accounted(ada: Kernel) -> None:
    said = shell(
        ada, "sbatch --wait --job-name=first -o first.txt --wrap 'id -un; srun id -u'; cat first.txt"
    )
    assert said.split()[-2:] == ["ada", "20001"], said
    until(ada, "sacct -nPX --name=first --format=User,State", "ada|COMPLETED")


def test_no_token_travels_into_jobs(ada: Kernel) -> None:
    assert "JUPYTERHUB_API_TOKEN" in shell(ada, "env")
    script = """
        sbatch --wait -o env.txt --wrap 'env; srun env'
        grep -c ^SLURM_JOB_ID= env.txt
        grep -E 'JWT|TOKEN=' env.txt
    """
    # Once of the script, once of the step; nothing of a token.
    assert shell(ada, script).split()[-3:] == ["2", "exit", "1"]


def test_a_waiting_job_is_seen_and_cancelled(ada: Kernel) -> None:
    number = shell(ada, "sbatch --parsable --hold --wrap true")
    assert number.isdigit(), number
    until(ada, "squeue --noheader --me --format='%i %u'", f"{number} ada")
    assert shell(ada, f"scancel {number}") == ""
    until(ada, "squeue --noheader --me", "")


def test_srun_outside_a_job_says_what_works_instead(ada: Kernel) -> None:
    said = shell(ada, "srun hostname")
    assert "submit a script with sbatch" in said
    assert said.endswith("exit 1")


def test_another_user_s_job_is_out_of_reach(ada: Kernel, grace: Kernel) -> None:
    number = shell(grace, "sbatch --parsable --hold --wrap true")
    assert number.isdigit(), number
    said = shell(ada, f"scancel {number}")
    assert "Access/permission denied" in said, said
    assert shell(grace, "squeue --noheader --me --format=%i") == number
    shell(grace, f"scancel {number}")


@pytest.mark.browser
def test_a_user_submits_in_a_terminal_of_the_browser(site: Site, ada: Kernel) -> None:
    shell(ada, "rm -f from-terminal.txt")
    with open_browser() as browser:
        page = new_page(browser)
        log_in(page, site, "ada", PASSWORDS["ada"])
        page.wait_for_url("**/user/ada/lab**")
        open_terminal(page, site, "ada")
        page.keyboard.type("sbatch --wait -o from-terminal.txt --wrap 'id -un'\n")
        until(ada, "cat from-terminal.txt 2>&1", "ada")
        keep_picture(page, "terminal-sbatch")


@pytest.mark.browser
def test_the_tab_of_clusters_starts_and_stops_engines_that_are_jobs(site: Site, ada: Kernel) -> None:
    jobs = "squeue --me --noheader --format=%j | grep -c ipengine- || true"
    with open_browser() as browser:
        page = new_page(browser)
        log_in(page, site, "ada", PASSWORDS["ada"])
        page.wait_for_url("**/user/ada/lab**")
        page.goto(f"{site.url}/user/ada/lab?reset")
        page.click('.lm-TabBar-tab[data-id="ipp-cluster-launcher"]')
        listed = page.locator('[data-cluster-id="slurm:"]')
        listed.locator("text=START").click()
        until(ada, jobs, "1")
        listed.locator("text=running").wait_for()
        keep_picture(page, "tab-of-clusters")
        listed.locator("text=STOP").click()
        until(ada, jobs, "0")


def test_no_token_or_a_forged_one_gives_nothing(ada: Kernel) -> None:
    assert "exit 1" in shell(ada, "/usr/bin/squeue --noheader 2>&1")
    forged = """
        import base64, hashlib, hmac, json, time
        part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        claims = {"sun": "grace", "iat": int(time.time()), "exp": int(time.time()) + 600}
        body = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
        print((body + b"." + part(hmac.digest(b"guessed", body, "sha256"))).decode())
    """
    ada.run(f"open('forge.py', 'w').write({textwrap.dedent(forged)!r})")
    assert "exit 1" in shell(ada, "SLURM_JWT=$(python forge.py) /usr/bin/squeue --noheader")


def test_the_token_service_knows_nobody_without_a_token_of_the_hub(ada: Kernel) -> None:
    said = ada.run(
        "import urllib.request, urllib.error, os\n"
        "request = urllib.request.Request(os.environ['SLURM_TOKENS_URL'] + '/token', method='POST', headers={'Authorization': 'token wrong'})\n"
        "try: urllib.request.urlopen(request)\n"
        "except urllib.error.HTTPError as error: print(error.code, error.read().decode())"
    )
    assert said.startswith("401"), said


def test_engines_run_as_slurm_jobs_and_end_with_their_cluster(ada: Kernel) -> None:
    start = """
        import ipyparallel as ipp
        cluster = ipp.Cluster(engines="slurm", n=2, engine_timeout=240)
        client = cluster.start_and_connect_sync()

        def where():
            import os, socket
            return os.getuid(), socket.gethostname(), "SLURM_JOB_ID" in os.environ

        def world(number):
            from mpi4py import MPI
            return MPI.COMM_WORLD.size, MPI.COMM_WORLD.allreduce(number)

        print("found", *client[:].apply_sync(where), *client[:].apply_sync(world, 21))
    """
    said = ada.run(textwrap.dedent(start), timeout=420)
    # One world of MPI, since srun started them.
    assert said.endswith("found" + " (20001, 'hpc-worker-cpu-0', True)" * 2 + " (2, 42)" * 2), said
    assert "ipengine-" in shell(ada, "squeue --me --noheader --format=%j")
    ada.run("cluster.stop_cluster_sync()")
    until(ada, "squeue --me --noheader", "")
    assert "ipengine-" in shell(ada, "sacct -nPX --format=JobName")


def test_a_sweep_in_a_notebook_runs_as_slurm_jobs(ada: Kernel) -> None:
    script = """
        python - <<'E'
        import nbformat
        cells = [nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})]
        cells.append(nbformat.v4.new_code_cell("n * n", metadata={"tags": ["results", "concatenate"]}))
        nbformat.write(nbformat.v4.new_notebook(cells=cells), "square.ipynb")
        E
        sweep run square.ipynb --grid n=1:5 --out squares --on slurm > sweep.log 2>&1 || cat sweep.log
        sweep status squares --json
    """
    said = shell(ada, script, timeout=420)
    assert '"done": 5' in said, said
