"""What every image stands on: users from files, accounts with fixed ids, an init process that ends with its children."""

import pytest

from tests.charts.accounts import refused_ids, refused_names
from tests.images.test_contents import LEAVES, docker, inside
from tests.kube import image

pytestmark = pytest.mark.e2e

IDS = {"slurm": 64030, "database": 64031, "hub": 64040, "proxy-http": 64041, "sshd": 64042}


def test_service_accounts_have_the_ids_that_volumes_know() -> None:
    lines = inside("base", "cat /etc/passwd").splitlines()
    found = {name: int(uid) for name, _, uid, *_ in (line.split(":") for line in lines)}
    assert {name: found.get(name) for name in IDS} == IDS


@pytest.mark.parametrize("name", LEAVES)
def test_charts_refuse_every_account_of_an_image_as_a_user(name: str) -> None:
    lines = [line.split(":") for line in inside(name, "cat /etc/passwd /etc/group").splitlines()]
    names = {found for found, *_ in lines if not found.startswith(("_", "systemd-"))}
    assert names - refused_names() == set()
    assert {int(number) for _, _, number, *_ in lines if int(number) >= 1000} <= set(refused_ids())


def test_users_come_from_a_folder_and_never_take_over_an_account_of_the_image() -> None:
    put = "printf 'ada:x:20001:20001::/home/ada:/bin/bash\\nslurm:x:0:0::/:/bin/bash\\n' >/var/lib/extrausers/passwd"
    assert inside("base", f"{put}; id -u ada; id -u slurm").split() == ["20001", str(IDS["slurm"])]


def test_it_runs_as_nobody_on_a_read_only_root() -> None:
    said = docker("run", "--rm", "--network=none", "--read-only", image("base"), "id", "-u")
    assert said.strip() == "65534"
