"""Fixtures that every end-to-end test shares: a namespace of its own, and accounts with keys."""

import fcntl
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.cluster.paths import TOOLS
from tests.kube import Namespace, is_local

MakeNamespace = Callable[..., Namespace]


class SuiteScheduling(LoadScopeScheduling):
    """Gives each process whole suites, since the tests of one share a release. (`--dist=loadgroup` groups nothing under pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        """The folder of a test, as far as one release serves it: `tests/charts/slurm`, `tests/images`, …"""
        parts = nodeid.split("::")[0].split("/")
        return "/".join(parts[:3] if parts[1] == "charts" else parts[:2])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Take the scheduler above for `--dist=loadscope`, which `make e2e` runs with."""
    return SuiteScheduling(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes for `--numprocesses=auto`: two more than cores, since tests wait too, for kernels and other programs."""
    return (os.cpu_count() or 1) + 2


def pytest_configure() -> None:
    """Programs that tests start take Ctrl-C, also where these tests are a shell's background job, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that kill nodes belong to the local cluster: against any other they are deselected, and named as such."""
    if is_local():
        return
    local_only = [item for item in items if item.get_closest_marker("kills_nodes")]
    config.hook.pytest_deselected(items=local_only)
    items[:] = [item for item in items if item not in local_only]


@pytest.fixture(scope="session")
def make_namespace() -> Iterator[MakeNamespace]:
    """Return a function that makes a namespace; all are removed at the end, without waiting for it."""
    made: list[Namespace] = []

    def make(purpose: str, *, pod_security: str = "baseline") -> Namespace:
        label = re.sub(r"[^a-z0-9]+", "-", purpose.lower()).strip("-")[:30]
        namespace = Namespace.create(f"e2e-{label}", pod_security=pod_security)
        made.append(namespace)
        return namespace

    yield make
    for namespace in made:
        for release in namespace.releases:
            namespace.helm("uninstall", release, "--ignore-not-found", "--no-hooks", check=False)
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false", "--ignore-not-found")


@pytest.fixture(autouse=True)
def one_busy_test_at_a_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ranks of MPI take all cores even while they wait, and a page that gets none is never drawn: such suites take turns."""
    marks = {mark.name for mark in request.node.iter_markers()}
    if "e2e" not in marks or not marks & {"browser", "busy"}:
        yield
        return
    with (TOOLS / "busy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def namespace(make_namespace: MakeNamespace, request: pytest.FixtureRequest) -> Namespace:
    """A namespace for one test; Pod Security `baseline` unless the test asks by `make_namespace`."""
    return make_namespace(request.node.name)


@dataclass(frozen=True)
class Account:
    """A user as charts take it in `users`, with the private key that logs in."""

    name: str
    uid: int
    private_key: Path
    public_key: str

    @property
    def values(self) -> dict[str, Any]:
        """The entry under `users.<name>`."""
        return {"uid": self.uid, "gid": self.uid, "sshKeys": [self.public_key]}


@pytest.fixture(scope="session")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    """Two accounts, ada and grace, each with a key pair of this run."""
    return make_accounts(tmp_path_factory.mktemp("keys"))


def make_accounts(folder: Path) -> dict[str, Account]:
    """The two accounts, with their keys in a folder."""
    made = {}
    for uid, name in ((20001, "ada"), (20002, "grace")):
        key = folder / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True
        )
        made[name] = Account(name, uid, key, key.with_suffix(".pub").read_text().strip())
    return made
