"""A pool of engines: from a notebook by its name, scaled, killed, restarted, and its owner's alone."""

import base64
import json
import time
import zlib

import pytest

from benchmarks.mandelbrot import case, kernel
from benchmarks.spread.pool import Pool
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import RELEASE, Kernel, Site
from tests.charts.jupyter.test_hub import hub_label, reach, started
from tests.sweep_client.builders import cell, notebook

pytestmark = pytest.mark.e2e

CONNECT = "import ipyparallel as ipp; rc = ipp.Client(profile='fast', timeout=30); view = rc.load_balanced_view(); view.retries = 2"

WHERE = """
import time
def where(seconds):
    import socket, time
    time.sleep(seconds)
    return socket.gethostname()
"""


def engines(kernel: Kernel, expected: int, *, timeout: float = 60) -> list[int]:
    """Wait until the client sees so many engines; return their ids."""
    code = f"import time\nfor _ in range({int(timeout * 2)}):\n    if len(rc.ids) == {expected}: break\n    time.sleep(0.5)\nprint(rc.ids)"
    found: list[int] = json.loads(kernel.run(code, timeout=timeout + 10))
    assert len(found) == expected
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
            kernel.run("done = view.apply_async(lambda: 'finished'); done.get(); import time; time.sleep(3)")
            site.namespace.kubectl("delete", "pod", "-l", hub_label("ipcontroller"), "--wait=false")
            start = time.monotonic()
            reconnect = (
                "import time\nmessage = done.msg_ids[0]\n"
                "for _ in range(60):\n"
                "    try:\n"
                "        rc.close(); rc = ipp.Client(profile='fast', timeout=3)\n"
                "        kept = rc[:].pull('kept', block=False).get(timeout=3)\n"
                "        if len(kept) == 2: break\n"
                "    except Exception as error: time.sleep(0.5)\n"
                "print(rc.ids, kept, rc.get_result(message, block=False).get(timeout=10))"
            )
            # The client has to see the old controller go first.
            time.sleep(2)
            assert kernel.run(reconnect, timeout=90) == f"{before} [42, 42] finished"
            assert time.monotonic() - start < 30


@pytest.mark.full
def test_engines_that_left_while_the_controller_was_away_leave_no_ghosts(site: Site) -> None:
    namespace = site.namespace
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        namespace.kubectl("scale", "deployment/hpc-ipcontroller-fast", "--replicas=0")
        namespace.wait_for("the controller is gone", lambda: not pods(site, "ipcontroller"))
        namespace.kubectl("delete", "pod", "-l", hub_label("engines"), "--grace-period=1")
        namespace.kubectl("scale", "deployment/hpc-ipcontroller-fast", "--replicas=1")
        namespace.wait_ready("deployment/hpc-ipcontroller-fast")
        with ada.kernel() as kernel:
            time.sleep(15)
            kernel.run(CONNECT)
            engines(kernel, 2)
            assert kernel.run("rc[:].apply_async(lambda: 1).get(timeout=15)") == "[1, 1]"
            assert kernel.run("sum(view.map_async(int, range(6)).get(timeout=15))") == "15"


def test_a_killed_engine_s_task_runs_again(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            engines(kernel, 2)
            kernel.run(f"{WHERE}\ntasks = [view.apply_async(where, 8) for _ in range(2)]; time.sleep(1)")
            victim = pods(site, "engines")[0]["metadata"]["name"]
            site.namespace.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
            ran = kernel.run("print(*[task.get(timeout=60) for task in tasks])", timeout=70).split()
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
            kernel.run(begin, timeout=90)
            victim = pods(site, "engines")[0]["metadata"]["name"]
            site.namespace.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
            site.namespace.kubectl("delete", "pod", "-l", hub_label("ipcontroller"), "--wait=false")
            kernel.run("sweep.wait()", timeout=240)
            assert (
                kernel.run("print(sweep.counts()['done'], sum(sweep.table()['square']))")
                == f"60 {sum(n * n for n in range(60))}"
            )


def test_a_pool_grows_shrinks_to_nothing_and_comes_back(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            kernel.run(CONNECT)
            for replicas in (4, 0, 2):
                site.namespace.kubectl("scale", "deployment/hpc-engines-fast", f"--replicas={replicas}")
                engines(kernel, replicas)
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


def pods(site: Site, component: str) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = site.namespace.get("pods", "-l", hub_label(component))["items"]
    return found
