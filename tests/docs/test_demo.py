"""README's first command as its reader runs it: install, log in over SSH, sweep on Slurm, fetch the report."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from docs.examples import demo
from tests.browser import keep_picture, new_page, open_browser
from tests.charts.jupyter.site import Site
from tests.charts.jupyter.test_browser import log_in, open_terminal
from tests.cluster.paths import TOOLS
from tests.conftest import MakeNamespace
from tests.kube import Namespace, run

# The demo is a whole installation and a sweep, before the first test.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def demonstrated(make_namespace: MakeNamespace) -> Iterator[tuple[Namespace, Path]]:
    """The demo, run once in a namespace and folder of its own."""
    namespace = make_namespace("demo")
    folder = TOOLS / "demo-of-tests"
    shutil.rmtree(folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "NAMESPACE", namespace.name)
        patch.setattr(demo, "FOLDER", folder)
        patch.setattr(demo, "KEY", folder / "id_ed25519")
        namespace.releases.append(demo.RELEASE)
        demo.main()
        yield namespace, folder
    # What its pods reserve is free for the next suite.
    namespace.helm("uninstall", demo.RELEASE, "--ignore-not-found")


def test_the_demo_ends_with_a_report_of_all_variants(demonstrated: tuple[Namespace, Path]) -> None:
    report = (demonstrated[1] / "results" / "report.html").read_text()
    variants = (demo.EXAMPLES / "tickers.csv").read_text().strip().count("\n")
    assert "<html" in report
    assert len(list((demonstrated[1] / "results").rglob("*.ipynb"))) >= variants


def test_one_account_is_the_same_in_a_notebook_over_ssh_in_a_job_and_in_an_engine(
    demonstrated: tuple[Namespace, Path],
) -> None:
    namespace, folder = demonstrated
    site = Site(namespace, {})
    with demo.forwarded() as port, site.user(demo.USER, (folder / "password").read_text()) as user:
        user.start()
        with user.kernel() as kernel:
            kernel.run("open('from-notebook', 'w').write('7')")
            job = "echo $(($(cat from-notebook) * 6)) > from-job; id -un >> from-job"
            over_ssh(folder, port, f"sbatch --wait --wrap '{job}'")
            # Whichever engine is there: one that was away for a moment has another number.
            connect = f"ipyparallel.Client(profile={demo.USER!r}, timeout=120).load_balanced_view()"
            kernel.run(f"import ipyparallel; engines = {connect}")
            read = "engines.apply_sync(lambda: __import__('os').popen('cat ~/from-job; id -un').read())"
            assert kernel.run(f"print({read})").split() == ["42", demo.USER, demo.USER]
    namespace.wait_for(
        "the job is accounted", lambda: accounted(namespace, "--name=wrap") == [f"{demo.USER}|COMPLETED"]
    )


@pytest.mark.browser
def test_a_reader_logs_in_with_what_is_printed_and_sees_notebook_and_jobs(
    demonstrated: tuple[Namespace, Path],
) -> None:
    namespace, folder = demonstrated
    site = Site(namespace, {})
    with demo.forwarded() as port, open_browser() as browser:
        page = new_page(browser, viewport={"width": 1200, "height": 760})
        log_in(page, site, demo.USER, (folder / "password").read_text())
        page.wait_for_url("**/user/demo/lab**")
        page.goto(f"{site.url}/user/demo/lab/tree/pricing.ipynb?reset")
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(page.locator(".jp-Notebook .jp-CodeCell .cm-content").first).to_be_visible()
        expect(page.locator(".jp-Spinner")).to_have_count(0)
        keep_picture(page, "notebook")
        open_terminal(page, site, demo.USER)
        page.keyboard.type(
            "clear; sinfo; sacct -X --format=JobID,JobName,State,Elapsed,NodeList | tee seen\n"
        )
        namespace.wait_for("the jobs", lambda: "COMPLETED" in over_ssh(folder, port, "cat seen || true"))
        keep_picture(page, "terminal")
    site.close()


def over_ssh(folder: Path, port: int, command: str) -> str:
    words = ["ssh", *demo.ssh_options("-p", port), f"{demo.USER}@localhost", command]
    done = run(words)
    assert done.code == 0, done.text
    return done.out


def test_what_is_printed_leads_to_a_login(demonstrated: tuple[Namespace, Path]) -> None:
    said = demo.next_steps()
    assert Site(demonstrated[0], {}).url in said or "port-forward svc/hpc-proxy" in said
    assert (demonstrated[1] / "password").read_text() in said
    assert (demonstrated[1] / "password").stat().st_mode & 0o077 == 0


def test_the_sweep_ran_as_slurm_jobs_of_the_user(demonstrated: tuple[Namespace, Path]) -> None:
    namespace, _ = demonstrated
    # A worker that was still waiting when the last variant ended is taken back.
    ends = (f"{demo.USER}|COMPLETED", f"{demo.USER}|CANCELLED")
    namespace.wait_for(
        "all jobs are accounted", lambda: all(row.startswith(ends) for row in accounted(namespace))
    )
    assert f"{demo.USER}|COMPLETED" in accounted(namespace)


def accounted(namespace: Namespace, *which: str) -> list[str]:
    """User and state of jobs; Slurm's database hears of an end a moment later."""
    command = ["sacct", "--allusers", "--noheader", "--parsable2", "--allocations", "--format=User,State"]
    pod = f"{demo.RELEASE}-controller-0"
    return namespace.exec(pod, *command, *which, container="slurmctld").out.splitlines()
