"""One sweep's directory on NFS, worked on from two machines with kernel clients; one of them loses its power."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.charts.nfs import site as sites
from tests.charts.nfs.conftest import build_client_image
from tests.charts.nfs.site import ADA, Site
from tests.cluster import uml
from tests.sweep_client.builders import cell, notebook

pytestmark = [pytest.mark.e2e, pytest.mark.kills_nodes]

HOME = "/mnt/home/ada"
PYTHON = "/opt/env/bin/python"
VARIANTS = 24
SOURCE = "import socket, time\ntime.sleep(0.5)\n{'square': a * a, 'host': socket.gethostname()}"
CLIENT = f"""
import os; os.chdir("{HOME}")
import sweep_client
sweep = sweep_client.run("t.ipynb", sweep_client.grid(a=range({VARIANTS})), "out", lease_seconds=10, executor_options={{"workers": 1}})
sweep.wait()
"""


@pytest.fixture(scope="module")
def machines(site: Site) -> Iterator[list[uml.Guest]]:
    """Two machines with the product's Python that have mounted the homes."""
    image = build_client_image("compute")
    with (
        sites.guest(image, 11, memory="640M", megabytes=2048) as first,
        sites.guest(image, 12, memory="640M", megabytes=2048) as second,
    ):
        for machine in (first, second):
            sites.mount(machine, f"{site.address}:/home")
        yield [first, second]


def records(site: Site) -> list[dict[str, Any]]:
    """What the server's disk has of finished variants."""
    found = site.server(
        "sh",
        "-c",
        "cd /volume/home/ada/out/done && find . -name '[0-9a-f]*' -type f -exec cat {} +",
        check=False,
    )
    return [json.loads(line) for line in found.splitlines()]


def test_a_sweep_from_two_machines_is_done_once_though_one_loses_its_power(
    site: Site, machines: list[uml.Guest]
) -> None:
    first, second = machines
    content = json.dumps(notebook(cell("a = 1", "P"), cell(SOURCE, "R", "name:found")))
    first.run("tee", f"{HOME}/t.ipynb", uid=ADA, stdin=content)
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(first.run, PYTHON, "-c", CLIENT, uid=ADA, timeout=600)
        # At once: on a busy machine the first could be done with all while the second's Python starts.
        site.namespace.wait_for("the first variant is done", lambda: records(site), timeout=240)
        # In the background of its machine: nobody waits for an answer of a machine that will be off.
        worker = f"{PYTHON} -m sweep_client.worker {HOME}/out >/tmp/worker.log 2>&1 &"
        second.run("sh", "-c", worker, uid=ADA)
        site.namespace.wait_for(
            "the second machine has done some", lambda: hosts(site)["client-12"] >= 2, timeout=240
        )
        second.stop()
        assert client.result().code == 0
    done = records(site)
    assert sorted(record["parameters"]["a"] for record in done) == list(range(VARIANTS))
    assert {record["state"] for record in done} == {"done"}
    assert hosts(site)["client-12"] >= 2
    said = first.run("/opt/env/bin/sweep", "repair", f"{HOME}/out", uid=ADA).out
    assert f"{VARIANTS} records, 0 unreadable" in said
    table = first.run("/opt/env/bin/sweep", "table", f"{HOME}/out", "--format", "json", uid=ADA).out
    assert [row["a"] for row in json.loads(table)] == list(range(VARIANTS))


def hosts(site: Site) -> dict[str, int]:
    """How many variants each machine has done."""
    found = [record["host"] for record in records(site)]
    return {name: found.count(name) for name in ("client-11", "client-12")}
