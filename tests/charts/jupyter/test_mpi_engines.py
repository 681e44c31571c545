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
rc = ipp.Client(profile='fast', timeout=30)

def world(number):
    from mpi4py import MPI
    return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size, MPI.COMM_WORLD.allreduce(number)

def meet(seconds):
    import time
    from mpi4py import MPI
    time.sleep(seconds)
    MPI.COMM_WORLD.barrier()
    return 'met'
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
    kernel.run("task = rc[:].apply_async(meet, 5); import time; time.sleep(1)")
    site.namespace.kubectl("delete", "pod", pods(site, "engines")[0]["metadata"]["name"], "--wait=false")
    assert kernel.run("task.get(timeout=30)") == "['met', 'met']"
    assert comes_back(kernel)


def test_a_rank_that_dies_takes_the_world_along_and_a_new_one_starts(site: Site, kernel: Kernel) -> None:
    kernel.run("rc[1].apply_async(lambda: __import__('os').kill(__import__('os').getpid(), 9))")
    assert comes_back(kernel)
    restarts = "jsonpath={.items[0].status.containerStatuses[0].restartCount}"
    assert site.namespace.kubectl("get", "pods", "-l", hub_label("engines"), "-o", restarts).out == "1"


def comes_back(kernel: Kernel) -> bool:
    """Whether a new world computes, of which the client hears when the old one is gone."""
    end = time.monotonic() + 60
    again = "rc[:].apply_async(world, 21).get(timeout=5) if rc.ids == [0, 1] else rc.ids"
    while time.monotonic() < end:
        time.sleep(1)
        if kernel.run(again) == WORLD:
            return True
    return False
