"""Pages that say how to connect, add users, upgrade, serve over TLS and add packages: followed to the letter, as their reader would."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from images.build import build_secrets
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site
from tests.cluster import engine
from tests.cluster.paths import ROOT
from tests.conftest import Account
from tests.docs.documented import follow, programs, values
from tests.kube import Namespace, PortForward, free_port, image, is_local, results, run
from tests.sweep_client.builders import write_wheel

pytestmark = pytest.mark.e2e

OWN_CERTIFICATE = "With a certificate of your own"
SMALL_SITE = "For a small site, while it runs"
FILES = 'python -c "import greeting; print(greeting.__file__)"'


@dataclass
class Reader:
    """Somebody who reads pages at his own machine: a folder as home, a key, and a port for SSH."""

    namespace: Namespace
    home: Path
    account: Account
    forward: PortForward

    @property
    def login(self) -> list[str]:
        """What brings a command to the frontend, once he knows the host."""
        return [str(programs(self.home, self.account) / "ssh"), "-p", str(self.forward.port()), "hpc"]

    def ssh(self, command: str, *, user: str = "ada") -> str:
        return run([*self.login[:-1], "-l", user, "hpc", command], stdin="").text.strip()

    def resync(self, pod: str = "hpc-frontend-0") -> None:
        """Let a pod's kubelet bring changed files now; by itself it takes up to two minutes."""
        self.namespace.kubectl("annotate", "pod", pod, f"looked-at={free_port()}", "--overwrite")

    def pods(self) -> dict[str, str]:
        passing = "app.kubernetes.io/component notin (test,hub-test,rollback,hub-rollback)"
        listed = self.namespace.get("pods", "-l", passing)["items"]
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in listed}


@pytest.fixture(scope="module")
def reader(
    site: Site, accounts: dict[str, Account], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    forward = PortForward(site.namespace, "svc/hpc-frontend", 22)
    yield Reader(site.namespace, tmp_path_factory.mktemp("reader"), accounts["ada"], forward)
    forward.close()


@pytest.fixture(scope="module")
def known(reader: Reader) -> dict[str, str]:
    """The host's key and the alias `hpc` are the reader's; gives the port that stands for 2222."""
    port = {"2222": str(free_port())}
    follow("connect", "Know the host first", reader.namespace, reader.home, replace=port)
    return port


def test_who_knows_the_host_s_key_logs_in_and_copies_files(reader: Reader, known: dict[str, str]) -> None:
    (reader.home / "data.csv").write_text("n\n1\n")
    (reader.home / "project").mkdir()
    (reader.home / "project" / "main.py").write_text("print(1)\n")
    said = follow("connect", "By SSH", reader.namespace, reader.home, replace=known, account=reader.account)
    assert "hpc-frontend-0" in said
    assert reader.ssh("cat copy.csv project/main.py").split() == ["n", "1", "print(1)"]


@pytest.mark.usefixtures("known")
def test_an_editor_may_tunnel_and_brings_its_own_server(reader: Reader) -> None:
    tunnel = ["timeout", "180", *reader.login[:-1], "-W", "127.0.0.1:22", "hpc"]
    with subprocess.Popen(tunnel, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        said = process.stdout.readline()
        process.terminate()
    assert said.startswith(b"SSH-2.0")
    # Why the page sends VS Code's own server by way of the user's machine.
    assert reader.ssh("type -P curl wget; echo none") == "none"


def test_a_port_of_this_machine_leads_to_the_login_page(reader: Reader) -> None:
    port = {"8000": str(free_port())}
    follow("connect", "By browser", reader.namespace, reader.home, replace=port)
    assert "username_input" in (reader.home / "login.html").read_text()


@pytest.mark.usefixtures("known")
def test_logins_and_jobs_are_traced_to_their_user(reader: Reader, site: Site) -> None:
    print_of_key = run(["ssh-keygen", "-lf", str(reader.account.private_key)], stdin="").text.split()[1]
    number = reader.ssh("sbatch --parsable --output=/dev/null --wrap true")
    assert not site.lets_in("grace", "wrong")
    assert site.lets_in("ada", PASSWORDS["ada"])
    logins = follow("see-who-did-what", "Logins", reader.namespace, reader.home)
    assert re.search(
        rf"^\S+Z Accepted publickey for ada from \S+ port \d+ ssh2: ED25519 {re.escape(print_of_key)}$",
        logins,
        re.MULTILINE,
    )
    assert "Failed login for 'grace'" in logins
    assert "User logged in: ada" in logins
    jobs = follow("see-who-did-what", "Jobs", reader.namespace, reader.home)
    assert any({"ada", number, "wrap"} <= set(row.split()) for row in jobs.splitlines())


def test_an_upgrade_that_changes_nothing_and_its_rollback_restart_nothing(reader: Reader) -> None:
    before = reader.pods()
    follow("upgrade", "Before", reader.namespace, reader.home)
    said = follow("upgrade", "Upgrade", reader.namespace, reader.home)
    checks = results(said)
    assert {checks[name] for name in ("mpi", "accounting", "hub", "login")} == {"ok"}
    follow("upgrade", "Roll back", reader.namespace, reader.home)
    assert reader.pods() == before


@pytest.mark.usefixtures("known")
def test_a_user_comes_and_goes_with_a_file_of_users(reader: Reader) -> None:
    follow("upgrade", "Before", reader.namespace, reader.home)
    hopper = {"uid": 20007, "sshKeys": [reader.account.public_key]}
    write(reader.home / "users.yaml", {"global": {"users": {"hopper": hopper}}})
    follow("add-a-user", "", reader.namespace, reader.home)
    reader.resync()
    reader.namespace.wait_for(
        "hopper logs in", lambda: "20007" in reader.ssh("id -u", user="hopper"), timeout=300
    )
    reader.resync("hpc-controller-0")
    known = ["hpc-controller-0", "--container=keeper", "--", "id", "hopper"]
    reader.namespace.wait_for(
        "his account", lambda: not reader.namespace.kubectl("exec", *known, check=False).code, timeout=300
    )
    write(reader.home / "users.yaml", {})
    follow("add-a-user", "Remove", reader.namespace, reader.home, replace={"grace": "hopper"})
    reader.resync()
    gone = "Permission denied"
    reader.namespace.wait_for(
        "hopper is refused", lambda: gone in reader.ssh("true", user="hopper"), timeout=300
    )
    assert reader.ssh("id -un") == "ada"


def test_many_users_come_from_a_secret(reader: Reader) -> None:
    write(reader.home / "users.yaml", {"hopper": {"uid": 20007, "sshKeys": [reader.account.public_key]}})
    write(reader.home / "groups.yaml", {"navy": {"gid": 20107}})
    follow("add-a-user", "Many users", reader.namespace, reader.home)
    options = ["--reuse-values", "--set", "global.usersSecret=class", "--dry-run=server"]
    planned = reader.namespace.helm("upgrade", "hpc", f"{ROOT}/charts/hpc", *options).out
    assert "hopper:x:20007:20007::/home/hopper:/bin/bash" in planned
    assert "navy:x:20107:" in planned
    assert "ada:x:" not in planned


def test_a_certificate_of_one_s_own_is_shown_to_browsers(reader: Reader, site: Site) -> None:
    shown = values("serve-over-tls", OWN_CERTIFICATE)
    shown["jupyter"]["ingress"]["host"] = site.host
    write(reader.home / "tls.yaml", shown)
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={site.host}"]
    name = ["-addext", f"subjectAltName=DNS:{site.host}", "-keyout", "tls.key", "-out", "tls.crt"]
    subprocess.run([*make, *name], cwd=reader.home, check=True, capture_output=True)
    follow("serve-over-tls", OWN_CERTIFICATE, reader.namespace, reader.home)
    assert reader.namespace.get("ingress", "hpc-proxy")["spec"]["tls"][0]["hosts"] == [site.host]
    if not is_local():
        return
    forward = PortForward(Namespace("ingress"), "svc/traefik", 443)
    port = forward.port()
    ask = ["curl", "--silent", "--cacert", str(reader.home / "tls.crt"), "--resolve", f"{site.host}:{port}:127.0.0.1"]  # fmt: skip
    address = f"https://{site.host}:{port}/hub/login"
    reader.namespace.wait_for("the certificate", lambda: "username_input" in run([*ask, address]).out)
    forward.close()


@pytest.mark.usefixtures("known")
def test_a_user_s_own_packages_are_in_his_jobs(reader: Reader) -> None:
    bring_requirements(reader)
    follow("add-python-packages", "For yourself", reader.namespace, reader.home, at=reader.login)
    assert reader.ssh(f"srun {FILES}").startswith("/home/ada/.local/")
    reader.ssh("pip uninstall --yes greeting")


@pytest.mark.usefixtures("known")
def test_a_site_s_packages_are_in_everybody_s_jobs_and_notebooks(reader: Reader, site: Site) -> None:
    bring_requirements(reader)
    write(reader.home / "packages.yaml", values("add-python-packages", SMALL_SITE, block=1))
    follow("add-python-packages", SMALL_SITE, reader.namespace, reader.home)
    follow("add-python-packages", SMALL_SITE, reader.namespace, reader.home, block=1, at=reader.login)
    place = "/software/python/greeting.py"
    reader.resync("hpc-controller-0")
    reader.namespace.wait_for("the variable", lambda: reader.ssh(f"srun {FILES}") == place, timeout=300)
    assert reader.ssh(f"sbatch --wait --quiet -o where.txt --wrap '{FILES}'; cat where.txt") == place
    # It has the new variable for the servers that it starts.
    reader.namespace.wait_ready("deployment/hpc-hub")
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.start()
        with ada.kernel() as kernel:
            assert kernel.run("import greeting; print(greeting.__file__)") == place
        ada.stop()


def test_a_child_image_holds_everybody_s_packages(reader: Reader) -> None:
    folder = reader.home / "docs" / "examples" / "packages"
    shutil.copytree(ROOT / "docs" / "examples" / "packages", folder)
    registry, tag = image("slurm-worker").removesuffix(":").rsplit("/slurm-worker:", 1)
    with build_secrets() as secrets:
        named = {
            "slurm-worker slurm-frontend notebook": "slurm-worker",
            "$REGISTRY": registry,
            ":0.1.0": f":{tag}",
            "docker build": f"DOCKER_BUILDKIT=1 {engine.docker()} build --quiet {' '.join(secrets)}",
            "docker push": f"{engine.docker()} push --quiet",
        }
        follow("add-python-packages", "For everybody, for good", reader.namespace, reader.home, replace=named)
    look = ["run", "--rm", f"{registry}/slurm-worker:site-1", "python", "-c", "import tabulate"]
    assert run([engine.docker(), *look]).code == 0


def bring_requirements(reader: Reader) -> None:
    """A requirements file in ada's home that is met without a network, by a wheel beside it."""
    wheel = write_wheel(reader.home, "1.0")
    required = reader.home / "requirements.txt"
    required.write_text("--no-index\n--find-links .\ngreeting\n")
    copy = str(programs(reader.home, reader.account) / "scp")
    sent = run([copy, "-P", str(reader.forward.port()), str(wheel), str(required), "hpc:"])
    assert sent.code == 0, sent.text


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content))
