"""One sweep on every executor gives the same table, byte for byte, whatever is killed meanwhile."""

import base64
import functools
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

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.results import Results
from sweep_client.sweep import Sweep, run
from tests.cluster import nodes
from tests.conftest import Account, MakeNamespace
from tests.sweep_client import builders
from tests.sweep_client.builders import cell, wait_until, write_wheel
from tests.sweep_client.executors.conftest import rows, write_notebook
from tests.sweep_client.executors.engines import start_engines
from tests.sweep_client.executors.site import NOTEBOOK_POD, RELEASE, Site

pytestmark = pytest.mark.e2e

FEW, MANY = 40, 500
COUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.full)]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients wait longer than users would: this machine runs the cluster and other tests too."""
    for module in ("ipyparallel", "kubernetes_api", "ssh"):
        monkeypatch.setattr(f"sweep_client.executors.{module}.SECONDS", 120)
    monkeypatch.setattr("sweep_client.executors.ssh.COMMAND_SECONDS", 600)


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
def local_table(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """Gives the table that local processes give, by the number of variants."""

    @functools.cache
    def made(count: int) -> str:
        folder = tmp_path_factory.mktemp("local")
        sweep = run(write_notebook(folder / "square.ipynb"), rows(count), folder / "results")
        sweep.wait()
        return table(sweep.directory.root)

    return made


def table(results: Path) -> str:
    command = [sys.executable, "-m", "sweep_client.cli", "table", str(results)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def here(tmp_path: Path, count: int, on: str, options: dict[str, Any]) -> str:
    notebook = write_notebook(tmp_path / "square.ipynb")
    sweep = run(notebook, rows(count), tmp_path / "results", on, executor_options={"workers": 2, **options})
    assert sweep.wait()["failed"] == 0
    return table(tmp_path / "results")


def by_commands(site: Site, tmp_path: Path, count: int) -> str:
    """At the frontend's prompt."""
    send(site, tmp_path, "cli", count)
    return site.on_frontend(
        "cd cli && sweep run square.ipynb --params p.csv --out r --on slurm -j 2 >&2 && sweep table r"
    )


def by_rest(site: Site, tmp_path: Path, count: int) -> str:
    """In a notebook's pod, which sees the home and has no command of Slurm."""
    send(site, tmp_path, "rest", count)
    command = f"cd rest && sweep run square.ipynb --params p.csv --out r --on slurm -j 2 -O url=http://{RELEASE}-restapi:6820 -O user=ada >&2 && sweep table r"
    return site.in_notebook(command, token=site.token())


def send(site: Site, tmp_path: Path, folder: str, count: int) -> None:
    notebook = write_notebook(tmp_path / "square.ipynb").read_text()
    site.on_frontend(f"rm -rf {folder}; mkdir {folder} && cat > {folder}/square.ipynb", notebook)
    site.on_frontend(f"cat > {folder}/p.csv", "number\n" + "".join(f"{number}\n" for number in range(count)))


def by_ssh(site: Site, tmp_path: Path, count: int) -> str:
    """On this machine, which shares no disk with the cluster."""
    before = staged(site)
    found = here(tmp_path, count, "slurm", site.ssh_options)
    assert staged(site) == before, "what was staged is removed"
    return found


def staged(site: Site) -> str:
    return site.on_frontend("ls ~/.cache/sweep-client/runs 2>/dev/null || true")


def by_jobs(site: Site, tmp_path: Path, count: int) -> str:
    """As a Kubernetes Job; files go through the Kubernetes API."""
    return here(tmp_path, count, "kubernetes", site.kubernetes_options)


def by_jobs_without_a_claim(site: Site, tmp_path: Path, count: int) -> str:
    """As a Kubernetes Job whose pods share nothing."""
    alone = {name: value for name, value in site.kubernetes_options.items() if name != "claim"}
    found = here(tmp_path, count, "kubernetes", alone)
    hosts = {
        variant.record["host"]
        for variant in Results(Directory(tmp_path / "results")).variants()
        if variant.record
    }
    assert len(hosts) == 2, "each pod did its share"
    assert not list((tmp_path / "results").glob("stage-*"))
    return found


def by_engines(site: Site, tmp_path: Path, count: int) -> str:
    """As tasks of two engines of this machine."""
    engines = start_engines(tmp_path / "profile", 2)
    try:
        return here(tmp_path, count, "ipyparallel", {"connection_file": str(engines.connection_file)})
    finally:
        engines.stop()


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("way", [by_commands, by_rest, by_ssh, by_jobs, by_jobs_without_a_claim, by_engines])
def test_every_executor_gives_the_same_table(
    way: Callable[[Site, Path, int], str],
    count: int,
    site: Site,
    local_table: Callable[[int], str],
    tmp_path: Path,
) -> None:
    assert local_table(count).count("\n") == count + 1
    assert way(site, tmp_path, count) == local_table(count)


def test_an_environment_is_built_once_where_the_workers_run(site: Site, tmp_path: Path) -> None:
    wheel = base64.b64encode(write_wheel(tmp_path, "1.0").read_bytes()).decode()
    site.on_frontend("mkdir -p wheels && base64 -d > wheels/greeting-1.0-py3-none-any.whl", wheel)
    required = tmp_path / "requirements.txt"
    required.write_text("--no-index\n--find-links /home/ada/wheels\ngreeting==1.0\n")
    seen = cell("import greeting, sys\n[greeting.version, sys.prefix]", "R", "name:seen")
    template = builders.write_notebook(tmp_path / "greeting.ipynb", cell("number = 1", "P"), seen)
    options = {"workers": 2, **site.ssh_options}
    sweep = run(template, rows(8), tmp_path / "r", "slurm", requirements=required, executor_options=options)
    assert sweep.wait()["done"] == 8
    values = [variant.values["seen"].load() for variant in sweep.results.variants()]
    assert {version for version, _ in values} == {"1.0"}
    (place,) = {folder for _, folder in values}
    assert "/home/ada/.cache/sweep-client/" in place


def test_a_killed_client_worker_and_controller_lose_nothing_and_repeat_nothing(
    site: Site, tmp_path: Path
) -> None:
    sweep = slow_sweep(site, tmp_path, 60)
    kill_client(sweep)
    for pod in (f"{RELEASE}-controller-0", f"{RELEASE}-worker-cpu-1"):
        kill_pod(site, pod)
    assert_each_was_finished_once(sweep, 60)
    site.namespace.wait_ready(f"statefulset/{RELEASE}-controller")


@pytest.mark.full
@pytest.mark.kills_nodes
def test_500_variants_survive_client_worker_controller_and_a_node(site: Site, tmp_path: Path) -> None:
    # A minute of work for both workers: longer than each of these failures.
    sweep = slow_sweep(site, tmp_path, MANY, seconds=1)
    kill_client(sweep)
    kill_pod(site, f"{RELEASE}-worker-cpu-0")
    kill_pod(site, f"{RELEASE}-controller-0")
    wait_until("a task runs again", lambda: running_tasks(site) >= 1, every=0.5)
    # The frontend is how this client reaches Slurm, and slurmctld is what requeues: their node is left alone.
    frontend = site.namespace.get("pod", f"{RELEASE}-frontend-0")["spec"]["nodeName"]
    node = next(name for name in nodes.names()[1:] if name != frontend)
    nodes.kill(node)
    # Results come home while a client follows.
    client = follow(sweep)
    try:
        wait_until("150 are done", lambda: sweep.counts()["done"] > 150, seconds=240, every=0.5)
    finally:
        client.kill()
        client.wait()
        nodes.start(node)
    assert_each_was_finished_once(sweep, MANY)


@pytest.mark.full
def test_500_variants_on_engines_survive_the_death_of_controller_and_engines(tmp_path: Path) -> None:
    engines = start_engines(tmp_path / "profile", 2)
    try:
        notebook = write_notebook(tmp_path / "slow.ipynb", work="import time; time.sleep(0.05)")
        options = {"connection_file": str(engines.connection_file), "workers": 2}
        results = tmp_path / "results"
        sweep = run(
            notebook, rows(MANY), results, "ipyparallel", executor_options=options, lease_seconds=10.0
        )
        wait_until("20 are done", lambda: sweep.counts()["done"] > 20)
        engines.restart(2)
        assert_each_was_finished_once(sweep, MANY)
    finally:
        engines.stop()


def slow_sweep(site: Site, tmp_path: Path, count: int, *, seconds: float = 0.5) -> Sweep:
    """A sweep as Slurm jobs whose workers can be killed in the middle."""
    notebook = write_notebook(tmp_path / "slow.ipynb", work=f"import time; time.sleep({seconds})")
    options = {"workers": 2, "processes": 4 if count > 100 else 1, **site.ssh_options}
    return run(
        notebook, rows(count), tmp_path / "results", "slurm", executor_options=options, lease_seconds=10.0
    )


def running_tasks(site: Site) -> int:
    """Tasks that Slurm says it runs; 0 while slurmctld is away."""
    return len(site.on_frontend("squeue -h -r -t R -o %i 2>/dev/null || true").split())


def kill_client(sweep: Sweep) -> None:
    client = follow(sweep)
    wait_until("some are done", lambda: sweep.counts()["done"] > 4, every=0.5)
    client.send_signal(signal.SIGKILL)
    client.wait()


def follow(sweep: Sweep) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sweep_client.cli", "status", "--follow", str(sweep.directory.root)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def kill_pod(site: Site, pod: str) -> None:
    site.namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


def assert_each_was_finished_once(sweep: Sweep, count: int) -> None:
    results = sweep.directory.root
    assert Sweep.attach(results).wait() == {"done": count, "failed": 0, "running": 0, "pending": 0}
    lines = [line for path in (results / "journal").glob("*.jsonl") for line in path.read_text().splitlines()]
    finished = [line["key"] for line in map(json.loads, lines) if line["event"] == "done"]
    assert len(finished) == len(set(finished)), "each was published once"
    assert len(sweep.directory.done_keys()) == count


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
    options = {**site.kubernetes_options, "claim": "nothing"}

    def said() -> str:
        with pytest.raises(ExecutorError, match="does not start") as refused:
            run(notebook, rows(2), tmp_path / "results", "kubernetes", executor_options=options)
        return str(refused.value)

    # The scheduler may need longer than these few seconds to look at the pod, which stays.
    wait_until("the scheduler has looked at the pod", lambda: "there is no claim nothing" in said())
