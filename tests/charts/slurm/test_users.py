"""Users come and go by `helm upgrade`, with keys or passwords; pods do not restart."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.test_controller import pod_uids

pytestmark = pytest.mark.e2e

PASSWORD = "correct-horse"
# Of mkpasswd -m yescrypt and mkpasswd -m sha512crypt.
YESCRYPT = "$y$j9T$ETubyhkV/6XbTyg.KRA8t/$JxQJnwHD4jJT6Bd6pSlKk6tQ4otbzQcfcz9qznR8EJ6"
SHA512 = "$6$uwlWSGj9GjbBDhMd$.7M7oYKba.fPttMs939PLeUKbQiAeTasNIywg0KNOSUHSKaEsvT/IlFuO3AGwS0LUy2cxcBjpTQyz3iioTxFL1"
WITH_PASSWORD = ("hopper", "noether")


@pytest.fixture(scope="module")
def changed(cluster: Cluster) -> Iterator[dict[str, str]]:
    """hopper (a key and a password) and noether (a password alone) came, grace left; gives the pods of before."""
    before = pod_uids(cluster)
    grace = cluster.accounts["grace"]
    hopper = dataclasses.replace(grace, name="hopper", uid=20007)
    # Not into the dictionary, which all suites of a process share.
    cluster.accounts = {**cluster.accounts, "hopper": hopper}
    users = {
        "ada": cluster.accounts["ada"].values,
        "hopper": {**hopper.values, "passwordHash": YESCRYPT},
        "noether": {"uid": 20008, "passwordHash": SHA512},
    }
    cluster.install(users=users)
    yield before
    cluster.install(users={**users, "grace": grace.values})


def test_a_user_added_can_log_in_and_run_and_one_removed_cannot(
    cluster: Cluster, changed: dict[str, str]
) -> None:
    cluster.wait(
        "hopper runs", lambda: "20007" in cluster.ssh("hopper", "srun id -u", check=False).out, timeout=240
    )
    assert cluster.ssh("hopper", "stat -c '%u %a' .").out.split() == ["20007", "700"]
    cluster.wait("grace is gone", lambda: cluster.ssh("grace", "true", check=False).code == 255, timeout=240)
    assert pod_uids(cluster) == changed
    cluster.wait("hopper has an account", lambda: "hopper" in cluster.admin("sacctmgr -n -P list user").out)


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("user", WITH_PASSWORD)
def test_a_password_logs_in_with_and_without_a_terminal(cluster: Cluster, user: str) -> None:
    target = f"{user}@127.0.0.1"

    def by_password(*words: str) -> str:
        return cluster.by_password("ssh", "-p", PASSWORD, *words).out

    cluster.wait(f"{user} is let in", lambda: user in by_password(target, "id -un"), timeout=240)
    assert "/dev/pts/" in by_password("-tt", target, "tty")
    assert "hpc-worker-cpu-" in by_password("-tt", target, "srun --pty hostname")


@pytest.mark.usefixtures("changed")
def test_files_come_by_sftp_and_a_password(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "batch").write_text(f"put {__file__} sent.py\nget sent.py {tmp_path}/back.py\n")
    batch = ("-o", "BatchMode=no", "-b", str(tmp_path / "batch"))
    sent = cluster.by_password("sftp", "-P", PASSWORD, *batch, "noether@127.0.0.1")
    assert sent.code == 0, sent.text
    assert (tmp_path / "back.py").read_text() == Path(__file__).read_text()


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize(
    ("user", "password"), [("noether", "wrong"), ("ada", ""), ("ada", "*"), ("nobody", PASSWORD)]
)
def test_a_wrong_password_and_a_user_without_one_are_refused(
    cluster: Cluster, user: str, password: str
) -> None:
    refused = cluster.by_password("ssh", "-p", password, f"{user}@127.0.0.1", "true")
    assert refused.code == 255
    assert "Permission denied" in refused.err
