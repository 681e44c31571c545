"""One sweep on every executor gives the same table, byte for byte, whatever is killed meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep_client.errors import ExecutorError
from sweep_client.sweep import Sweep, run
from tests.conftest import Account, MakeNamespace
from tests.sweep_client.executors.conftest import rows, write_notebook
from tests.sweep_client.executors.engines import start_engines
from tests.sweep_client.executors.site import NOTEBOOK_POD, RELEASE, Site

pytestmark = pytest.mark.e2e

VARIANTS = 40
PARAMETERS = "number\n" + "".join(f"{number}\n" for number in range(VARIANTS))


@pytest.fixture(scope="module")
def site(
    make_namespace: MakeNamespace, accounts: dict[str, Account], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    rwx_class = os.environ.get("E2E_RWX_CLASS", "shared")
    made = Site(make_namespace("sweeps"), accounts["ada"], rwx_class, tmp_path_factory.mktemp("site"))
    made.install()
    made.connect()
    yield made
    made.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table that local processes give."""
    folder = tmp_path_factory.mktemp("local")
    sweep = run(write_notebook(folder / "square.ipynb"), rows(VARIANTS), folder / "results")
    sweep.wait()
    return table(sweep.directory.root)


def table(results: Path) -> str:
    command = [sys.executable, "-m", "sweep_client.cli", "table", str(results)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def here(site: Site, tmp_path: Path, on: str, options: dict[str, Any]) -> str:
    notebook = write_notebook(tmp_path / "square.ipynb")
    sweep = run(
        notebook, rows(VARIANTS), tmp_path / "results", on, executor_options={"workers": 2, **options}
    )
    assert sweep.wait()["failed"] == 0
    return table(tmp_path / "results")


def by_commands(site: Site, tmp_path: Path) -> str:
    """At the frontend's prompt."""
    send(site, tmp_path, "cli")
    return site.on_frontend(
        "cd cli && sweep run square.ipynb --params p.csv --out r --on slurm -j 2 >&2 && sweep table r"
    )


def by_rest(site: Site, tmp_path: Path) -> str:
    """In a notebook's pod, which sees the home and has no command of Slurm."""
    send(site, tmp_path, "rest")
    command = f"cd rest && sweep run square.ipynb --params p.csv --out r --on slurm -j 2 -O url=http://{RELEASE}-restapi:6820 -O user=ada >&2 && sweep table r"
    return site.in_notebook(command, token=site.token())


def send(site: Site, tmp_path: Path, folder: str) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb").read_text()
    site.on_frontend(f"mkdir -p {folder} && cat > {folder}/square.ipynb", notebook)
    site.on_frontend(f"cat > {folder}/p.csv", PARAMETERS)


def by_ssh(site: Site, tmp_path: Path) -> str:
    """On this machine, which shares no disk with the cluster."""
    before = staged(site)
    found = here(site, tmp_path, "slurm", site.ssh_options)
    assert staged(site) == before, "what was staged is removed"
    return found


def staged(site: Site) -> str:
    return site.on_frontend("ls ~/.cache/sweep-client/runs 2>/dev/null || true")


def by_jobs(site: Site, tmp_path: Path) -> str:
    """As a Kubernetes Job; files go through the Kubernetes API."""
    return here(site, tmp_path, "kubernetes", site.kubernetes_options)


def by_engines(site: Site, tmp_path: Path) -> str:
    """As tasks of two engines of this machine."""
    engines = start_engines(tmp_path / "profile", 2)
    try:
        return here(site, tmp_path, "ipyparallel", {"connection_file": str(engines.connection_file)})
    finally:
        engines.stop()


@pytest.mark.parametrize("way", [by_commands, by_rest, by_ssh, by_jobs, by_engines])
def test_every_executor_gives_the_same_table(
    way: Callable[[Site, Path], str], site: Site, expected: str, tmp_path: Path
) -> None:
    assert expected.count("\n") == VARIANTS + 1
    assert way(site, tmp_path) == expected


def test_a_killed_client_worker_and_controller_lose_nothing_and_repeat_nothing(
    site: Site, tmp_path: Path
) -> None:
    notebook = write_notebook(tmp_path / "slow.ipynb", work="import time; time.sleep(0.5)")
    results = tmp_path / "results"
    sweep = run(
        notebook,
        rows(60),
        results,
        "slurm",
        executor_options={"workers": 2, **site.ssh_options},
        lease_seconds=10.0,
    )
    client = subprocess.Popen(
        [sys.executable, "-m", "sweep_client.cli", "status", "--follow", str(results)],
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: sweep.counts()["done"] > 4, 60)
    client.send_signal(signal.SIGKILL)
    client.wait()
    for pod in (f"{RELEASE}-controller-0", f"{RELEASE}-worker-cpu-1"):
        site.namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
    attached = Sweep.attach(results)
    assert attached.wait() == {"done": 60, "failed": 0, "running": 0, "pending": 0}
    lines = [line for path in (results / "journal").glob("*.jsonl") for line in path.read_text().splitlines()]
    finished = [line["key"] for line in map(json.loads, lines) if line["event"] == "done"]
    assert len(finished) == len(set(finished)), "each was published once"
    assert len(sweep.directory.done_keys()) == 60
    site.namespace.wait_ready(f"statefulset/{RELEASE}-controller")


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.5)


def test_a_partition_that_does_not_exist_is_said_by_the_real_slurm(site: Site, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb")
    with pytest.raises(ExecutorError, match="there is no such partition"):
        run(
            notebook,
            rows(2),
            tmp_path / "results",
            "slurm",
            executor_options={"partition": "nowhere", **site.ssh_options},
        )


def test_an_expired_token_is_said_by_the_real_slurmrestd(site: Site) -> None:
    token = site.token(seconds=1)
    time.sleep(2)
    code = "from sweep_client.executors.slurm_rest import RestTransport as T; T('http://hpc-restapi:6820', user='ada').tasks({'1'})"
    result = site.namespace.exec(
        NOTEBOOK_POD, "env", f"SLURM_JWT={token}", "python3", "-c", code, check=False
    )
    assert "refused or has expired; make a new one" in result.err


def test_a_claim_that_does_not_exist_is_said_in_plain_words(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_client.executors.kubernetes.KEEPER_WAIT_SECONDS", 5)
    notebook = write_notebook(tmp_path / "square.ipynb")
    with pytest.raises(ExecutorError, match="there is no claim nothing"):
        run(
            notebook,
            rows(2),
            tmp_path / "results",
            "kubernetes",
            executor_options={**site.kubernetes_options, "claim": "nothing"},
        )
