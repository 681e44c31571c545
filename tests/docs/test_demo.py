"""README's first command as its reader runs it: install, log in over SSH, sweep on Slurm, fetch the report."""

import shutil
from pathlib import Path

import pytest

from docs.examples import demo
from tests.cluster.paths import TOOLS
from tests.conftest import MakeNamespace
from tests.kube import Namespace

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demonstrated(make_namespace: MakeNamespace) -> tuple[Namespace, Path]:
    """The demo, run once in a namespace and folder of its own."""
    namespace = make_namespace("demo")
    folder = TOOLS / "demo-of-tests"
    shutil.rmtree(folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "NAMESPACE", namespace.name)
        patch.setattr(demo, "FOLDER", folder)
        patch.setattr(demo, "KEY", folder / "id_ed25519")
        demo.main()
    namespace.releases.append(demo.RELEASE)
    return namespace, folder


def test_the_demo_ends_with_a_report_of_all_variants(demonstrated: tuple[Namespace, Path]) -> None:
    report = (demonstrated[1] / "results" / "report.html").read_text()
    variants = (demo.EXAMPLES / "tickers.csv").read_text().strip().count("\n")
    assert "<html" in report
    assert len(list((demonstrated[1] / "results").rglob("*.ipynb"))) >= variants


def test_the_sweep_ran_as_slurm_jobs_of_the_user(demonstrated: tuple[Namespace, Path]) -> None:
    namespace, _ = demonstrated
    command = ["sacct", "--allusers", "--noheader", "--parsable2", "--allocations", "--format=User,State"]
    rows = namespace.exec(f"{demo.RELEASE}-controller-0", *command, container="slurmctld").out.splitlines()
    assert f"{demo.USER}|COMPLETED" in rows
    # A worker that was still waiting when the last variant ended is taken back.
    assert [
        row for row in rows if not row.startswith((f"{demo.USER}|COMPLETED", f"{demo.USER}|CANCELLED"))
    ] == []
