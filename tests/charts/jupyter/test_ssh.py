"""SSH without Slurm: the users, keys and homes are those of the servers. Last of this suite, since its namespace is `baseline` then."""

from collections.abc import Callable, Iterator

import pytest

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.charts.jupyter.test_hub import started
from tests.charts.slurm.cluster import by_key
from tests.conftest import Account
from tests.kube import PortForward, Result, run

pytestmark = pytest.mark.e2e

Login = Callable[[str, Account, str], Result]
ON = {"enabled": True, "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}


@pytest.fixture(scope="module")
def login(site: Site, accounts: dict[str, Account]) -> Iterator[Login]:
    """Run a command as a user, with an account's key."""
    enforce(site, "baseline")
    known = site.values["users"]
    users = {name: {**known[name], "sshKeys": [accounts[name].public_key]} for name in known}
    site.install(ssh=ON, users=users)
    forward = PortForward(site.namespace, f"svc/{RELEASE}-ssh", 22)

    def made(user: str, account: Account, command: str) -> Result:
        words = [*by_key("ssh", "-p", forward.port(), account), f"{user}@127.0.0.1", command]
        return run(words, stdin="", timeout=180)

    yield made
    forward.close()
    # Whoever upgrades next takes the login host away.
    site.values.update(users=known)
    del site.values["ssh"]
    enforce(site, "restricted")


def test_a_namespace_that_enforces_restricted_gets_a_reason_and_no_login_host(site: Site) -> None:
    with pytest.raises(AssertionError, match=r"ssh\.enabled: sshd starts as root .* enforces `baseline`"):
        site.install(ssh=ON)
    del site.values["ssh"]


def test_a_key_leads_to_the_home_that_the_server_has(
    site: Site, login: Login, accounts: dict[str, Account]
) -> None:
    where = "id -u; id -G; pwd; stat -c '%U:%G %a' .; echo by ssh > by-ssh"
    said = login("ada", accounts["ada"], where)
    assert said.out.splitlines() == ["20001", "20001 20100", "/home/ada", "ada:ada 700"], said.text
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            assert kernel.run("!cat by-ssh; echo by cell > by-cell") == "by ssh"
    assert login("ada", accounts["ada"], "cat by-cell").out == "by cell\n"


def test_another_s_key_and_a_name_that_nobody_has_do_not_log_in(
    login: Login, accounts: dict[str, Account]
) -> None:
    for user in ("ada", "nobody", "root"):
        refused = login(user, accounts["grace"], "true")
        assert refused.code == 255
        assert "Permission denied" in refused.err


def test_a_user_takes_nothing_of_another_s_and_no_key(login: Login, accounts: dict[str, Account]) -> None:
    tries = (
        "cat /var/lib/extrausers/shadow /etc/hpc/ssh-host/* /run/ssh/*; ls /home/grace",
        "mv /home/grace /home/mine || mkdir /home/linus || echo kept",
    )
    assert login("ada", accounts["ada"], "; ".join(tries)).out == "kept\n"


def enforce(site: Site, level: str) -> None:
    label = f"pod-security.kubernetes.io/enforce={level}"
    site.namespace.kubectl("label", "namespace", site.namespace.name, label, "--overwrite")
