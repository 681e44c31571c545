"""A pool of engines: from a notebook by its name, scaled, killed, restarted, and its owner's alone."""

import base64
import json
import zlib
from collections.abc import Sequence

import pytest

from benchmarks.mandelbrot import case, kernel
from benchmarks.spread.pool import Pool
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import RELEASE, Kernel, Site
from tests.charts.jupyter.test_hub import hub_label, reach, started
from tests.sweep_client.builders import cell, notebook

pytestmark = pytest.mark.e2e

CONNECT = (
    "import ipyparallel as ipp; rc = ipp.Client(profile='fast', timeout=120); view = rc.load_balanced_view()"
)

# Two tasks have begun when this ends, and end when somebody says so; an engine is chosen: its id and its pod.
HELD = """
import pathlib, shutil, time
held = pathlib.Path('held')
shutil.rmtree(held, ignore_errors=True)
held.mkdir()

def where():
    import pathlib, socket, time, uuid
    held = pathlib.Path('held')
    held.joinpath(uuid.uuid4().hex).touch()
    while not held.joinpath('go').exists():
        time.sleep(0.1)
    return socket.gethostname()

pods = rc[:].apply_async(lambda: __import__('socket').gethostname()).get_dict()
tasks = [view.apply_async(where) for _ in range(2)]
while len([*held.iterdir()]) < 2:
    time.sleep(0.1)
victim = max(pods)
print(pods[victim])
"""
# When the pool has noticed that the chosen engine is gone.
GO = """
while victim in rc.ids:
    time.sleep(0.1)
held.joinpath('go').touch()
print(*[task.get(timeout=180) for task in tasks])
"""
# Each of six engines has begun a task.
SLOW = """
import pathlib, shutil, time
shutil.rmtree("begun", ignore_errors=True)
pathlib.Path("begun").mkdir()

def slow(number):
    import pathlib, time
    pathlib.Path(f"begun/{number}").touch()
    time.sleep(8)
    return number

tasks = [view.apply_async(slow, number) for number in range(6)]
while len([*pathlib.Path("begun").iterdir()]) < 6:
    time.sleep(0.1)
"""
RECONNECT = """
import time
message = done.msg_ids[0]
rc.close()
end = time.monotonic() + 300
while True:
    try:
        rc = ipp.Client(profile='fast', timeout=10)
        break
    except Exception:
        assert time.monotonic() < end
        time.sleep(0.5)
# Sent before the engines are back: it waits for them.
kept = rc[:].pull('kept', block=False).get(timeout=300)
print(rc.ids, kept, rc.get_result(message, block=False).get(timeout=60))
"""


def engines(kernel: Kernel, expected: int, *, timeout: float = 180, other: Sequence[int] = ()) -> list[int]:
    """Wait until the client sees so many engines, and none of some others; return their ids."""
    seen = f"len(rc.ids) == {expected} and not {{*rc.ids}} & {{*{list(other)}}}"
    code = f"import time\nend = time.monotonic() + {timeout}\nwhile not ({seen}) and time.monotonic() < end: time.sleep(0.5)\nprint(rc.ids)"
    found: list[int] = json.loads(kernel.run(code, timeout=timeout + 60))
    assert len(found) == expected
    assert not {*found} & {*other}
    return found


def test_engines_compute_in_their_owner_s_name(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            engines(kernel, 2)
            code = "import os; sorted(set(rc[:].apply_sync(lambda: (__import__('os').getuid(), __import__('os').getcwd()))))"
            assert kernel.run(code) == "[(20001, '/home/ada')]"
            assert kernel.run("sum(view.map_sync(lambda n: n * n, range(100)))") == "328350"


def test_connection_files_are_their_owner_s_alone(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            modes = kernel.run("!stat -c '%u %a' ~/.ipython/profile_fast/security/*.json")
            assert set(modes.splitlines()) == {"20001 600"}
            assert "curve_serverkey" in kernel.run(
                "!cat ~/.ipython/profile_fast/security/ipcontroller-client.json"
            )


def test_the_tab_of_clusters_lists_a_pool_and_leaves_it_alone(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        tab = "/user/ada/ipyparallel/clusters"
        (listed,) = [found for found in ada.api("GET", tab).json() if found["id"] == "fast:"]
        assert listed["controller"]["state"]["state"] == "running"
        refused = ada.api("DELETE", f"{tab}/fast:")
        assert (refused.status_code, "fast is a pool" in refused.json()["message"]) == (409, True)
        with ada.kernel() as kernel:
            # What the tab writes into a cell.
            file = listed["cluster_file"]
            code = f"import ipyparallel as ipp; ipp.Cluster.from_file({file!r}).connect_client_sync().wait_for_engines(2)"
            assert "Error" not in kernel.run(code)


def test_a_controller_that_is_killed_comes_back_with_its_engines_and_finished_results(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            before = engines(kernel, 2)
            kernel.run("rc[:].push({'kept': 42}, block=True)")
            kernel.run("done = view.apply_async(lambda: 'finished'); done.get()")
            # Results are written every two seconds; a controller that answers after that has written this one.
            kernel.run("import time; time.sleep(3); rc.queue_status(); rc.queue_status()")
            # It waits until the old one is gone, to which the client would connect again.
            site.namespace.kubectl("delete", "pod", "-l", hub_label("ipcontroller"))
            assert kernel.run(RECONNECT, timeout=700) == f"{before} [42, 42] finished"


@pytest.mark.full
def test_engines_that_left_while_the_controller_was_away_leave_no_ghosts(site: Site) -> None:
    namespace = site.namespace
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            before = engines(kernel, 2)
        namespace.kubectl("scale", "deployment/hpc-ipcontroller-fast", "--replicas=0")
        namespace.wait_for("the controller is gone", lambda: not pods(site, "ipcontroller"))
        namespace.kubectl("delete", "pod", "-l", hub_label("engines"), "--grace-period=1")
        namespace.kubectl("scale", "deployment/hpc-ipcontroller-fast", "--replicas=1")
        namespace.wait_ready("deployment/hpc-ipcontroller-fast")
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            engines(kernel, 2, other=before)
            assert kernel.run("rc[:].apply_async(lambda: 1).get(timeout=120)") == "[1, 1]"
            assert kernel.run("sum(view.map_async(int, range(6)).get(timeout=120))") == "15"


def test_a_killed_engine_s_task_runs_again(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            engines(kernel, 2)
            victim = kernel.run(HELD)
            site.namespace.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
            ran = kernel.run(GO, timeout=480).split()
            assert len(ran) == 2
            assert victim not in ran
            engines(kernel, 2)


def test_a_sweep_on_a_pool_survives_its_controller_and_an_engine(site: Site) -> None:
    cells = [cell("a = 1", "P"), cell("import time\ntime.sleep(0.3)\na * a", "R", "name:square")]
    begin = f"""
import json, pathlib, sweep_client, time
pathlib.Path("squares.ipynb").write_text(json.dumps({notebook(*cells)!r}))
given = {{"profile": "fast", "workers": 2}}
sweep = sweep_client.run("squares.ipynb", sweep_client.grid(a=range(60)), "on-pool", "ipyparallel", executor_options=given, lease_seconds=10.0)
while sweep.counts()["done"] < 5: time.sleep(0.3)
"""
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            engines(kernel, 2)
            kernel.run(begin)
            victim = pods(site, "engines")[0]["metadata"]["name"]
            site.namespace.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
            site.namespace.kubectl("delete", "pod", "-l", hub_label("ipcontroller"), "--wait=false")
            kernel.run("sweep.wait()", timeout=480)
            assert (
                kernel.run("print(sweep.counts()['done'], sum(sweep.table()['square']))")
                == f"60 {sum(n * n for n in range(60))}"
            )


def test_a_pool_grows_shrinks_to_nothing_under_work_and_comes_back(site: Site) -> None:
    fast = site.values["engines"]["pools"]["fast"]
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            scale(site, 6)
            engines(kernel, 6)
            kernel.run(SLOW)
            scale(site, 0)
            # An engine that is to go ends its task first: nobody is there who could run it again.
            assert kernel.run("print(*[task.get(timeout=120) for task in tasks])") == "0 1 2 3 4 5"
            engines(kernel, 0)
            site.install(engines={"pools": {"fast": {**fast, "replicas": 3}}})
            engines(kernel, 3)
            site.install(engines={"pools": {"fast": fast}})
            engines(kernel, 2)
            assert kernel.run("view.apply_sync(lambda: 7)") == "7"


def test_a_benchmark_runs_on_a_pool_beside_its_controller(site: Site) -> None:
    items = case.items("numpy", "40x20", 6)
    found = Pool(site.namespace.name, RELEASE, "fast").place(case.KERNEL, items, "balanced", 2).found
    data = b"".join(zlib.decompress(base64.b64decode(part)) for part in found)
    assert data == kernel.numpy_rows({**items[0], "last": items[-1]["last"]})


def test_nobody_else_reaches_a_pool(site: Site) -> None:
    with site.user("grace", PASSWORDS["grace"]) as grace:
        started(grace)
        with grace.kernel() as kernel:
            assert kernel.run(reach("hpc-engines-fast", 10101)) == "refused"
        grace.stop()


def scale(site: Site, replicas: int) -> None:
    site.namespace.kubectl("scale", "deployment/hpc-engines-fast", f"--replicas={replicas}")


def pods(site: Site, component: str) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = site.namespace.get("pods", "-l", hub_label(component))["items"]
    return found
