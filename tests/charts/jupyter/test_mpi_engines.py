"""A pool whose engines are the ranks of one MPI world: together they compute, drain, die and come back."""

import time
from collections.abc import Iterator

import pytest

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Kernel, Site
from tests.charts.jupyter.test_engines import engines, pods
from tests.charts.jupyter.test_hub import hub_label, started

pytestmark = pytest.mark.e2e

CONNECT = """
import ipyparallel as ipp
rc = ipp.Client(profile='fast', timeout=120)

def world(number):
    from mpi4py import MPI
    return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size, MPI.COMM_WORLD.allreduce(number)

def meet(seconds):
    import pathlib, time
    from mpi4py import MPI
    pathlib.Path(f'meeting-{MPI.COMM_WORLD.rank}').touch()
    time.sleep(seconds)
    MPI.COMM_WORLD.barrier()
    return 'met'
"""
# Both ranks have begun when this ends.
MEET = """
import pathlib, time
for path in pathlib.Path().glob('meeting-*'):
    path.unlink()
task = rc[:].apply_async(meet, 5)
while len([*pathlib.Path().glob('meeting-*')]) < 2:
    time.sleep(0.1)
"""
# In the order of the engines' ids, which are their ranks.
WORLD = "[(0, 2, 42), (1, 2, 42)]"


@pytest.fixture(scope="module")
def kernel(site: Site) -> Iterator[Kernel]:
    """A kernel of ada's, whose pool is one world while it lives."""
    before = site.values["engines"]
    site.install(engines={"pools": {"fast": {**before["pools"]["fast"], "mpi": True}}})
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as made:
            made.run(CONNECT)
            yield made
    site.install(engines=before)


def test_the_engines_are_one_world_and_reduce_over_it(kernel: Kernel) -> None:
    assert engines(kernel, 2) == [0, 1]
    assert kernel.run("rc[:].apply_sync(world, 21)") == WORLD


def test_a_world_that_is_to_go_ends_its_task_first(site: Site, kernel: Kernel) -> None:
    kernel.run(MEET)
    site.namespace.kubectl("delete", "pod", pods(site, "engines")[0]["metadata"]["name"], "--wait=false")
    assert kernel.run("task.get(timeout=120)") == "['met', 'met']"
    assert comes_back(kernel)


def test_a_rank_that_dies_takes_the_world_along_and_a_new_one_starts(site: Site, kernel: Kernel) -> None:
    kernel.run("rc[1].apply_async(lambda: __import__('os').kill(__import__('os').getpid(), 9))")
    assert comes_back(kernel)
    restarts = "jsonpath={.items[0].status.containerStatuses[0].restartCount}"
    listed = ("get", "pods", "-l", hub_label("engines"), "-o", restarts)
    # The world may answer before its kubelet has said that it runs.
    site.namespace.wait_for("one restart", lambda: site.namespace.kubectl(*listed).out == "1")


def comes_back(kernel: Kernel) -> bool:
    """Whether a new world computes, of which the client hears when the old one is gone."""
    end = time.monotonic() + 240
    patience = 5.0
    while time.monotonic() < end:
        time.sleep(1)
        again = f"rc[:].apply_async(world, 21).get(timeout={patience}) if rc.ids == [0, 1] else rc.ids"
        if kernel.run(again) == WORLD:
            return True
        # What was sent to the old world is lost, so the first tries are short; a busy machine needs longer ones.
        patience = min(60, patience * 1.2)
    return False
