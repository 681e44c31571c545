"""Fixtures that every end-to-end test shares: a namespace of its own, and accounts with keys."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.paths import ROOT
from tests.kube import Namespace, is_local

MakeNamespace = Callable[..., Namespace]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A suite's tests share a release, so they stay in one process of those that `make e2e` runs at once.

    Tests that kill nodes belong to the local cluster: against any other they are deselected, and named as such.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_suite(item.path)))
    if is_local():
        return
    local_only = [item for item in items if item.get_closest_marker("kills_nodes")]
    config.hook.pytest_deselected(items=local_only)
    items[:] = [item for item in items if item not in local_only]


def _suite(path: Path) -> str:
    """The folder of a test, as far as one release serves it: `charts/slurm`, `images`, …"""
    parts = path.relative_to(ROOT / "tests").parts
    return "/".join(parts[:2] if parts[0] == "charts" else parts[:1])


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
