"""Logins, servers in users' homes, and what a restart of hub or proxy costs."""

import time
from contextlib import ExitStack

import pytest

from tests.charts.jupyter import crowd
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site, User

pytestmark = pytest.mark.e2e

# As in hpc_hub/throttle.py.
FREE_TRIES = 5
# All thirty are tests/charts/jupyter/test_many_users.py.
FEW = crowd.NAMES[:3]
FIRST_WAIT_SECONDS = 5
WHO = "import os; print(os.getuid(), os.getgid(), sorted(os.getgroups()), os.getcwd())"
# As the page on packages says, but for `pip install ipykernel`: it sees the image's, so that this asks no package index.
OWN_ENVIRONMENT = """
import pathlib, sysconfig
own = pathlib.Path.home() / "envs" / "own"
!python -m venv {own}
(packages,) = own.glob("lib/python*/site-packages")
packages.joinpath("image.pth").write_text(sysconfig.get_path("purelib"))
!{own}/bin/python -m ipykernel install --user --name own
"""


def test_a_wrong_password_is_refused_and_says_so(site: Site) -> None:
    refused = site.login("ada", "wrong")
    assert refused.status_code == 403
    assert "Invalid username or password" in refused.text
    assert site.login("nobody", "nobody").status_code == 403


def test_whoever_guesses_a_password_waits_and_nobody_else_does(site: Site) -> None:
    begun: list[float] = []
    for _ in range(10):
        begun.append(time.monotonic())
        answer = site.login("guessed", f"guess {len(begun)}")
        if answer.status_code == 429:
            break
        assert answer.status_code == 403
        # On a busy machine a guess may take longer than the first pauses; longer ones follow.
        assert len(begun) <= FREE_TRIES or time.monotonic() - begun[-2] > FIRST_WAIT_SECONDS
    assert len(begun) > FREE_TRIES
    assert "Too many failed logins. Try again in" in answer.text
    assert site.login("grace", PASSWORDS["grace"]).status_code == 302


def test_a_server_runs_as_its_user_in_his_home(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            assert kernel.run(WHO) == "20001 20001 [20001, 20100] /home/ada"
            kernel.run("open('written', 'w').write('x')")
            seen = kernel.run("!stat -c '%U:%G %a' ~; stat -c %u ~/written; whoami; cat /proc/1/comm")
            assert seen.split() == ["ada:ada", "700", "20001", "ada", "tini"]


def test_a_server_holds_what_notebooks_and_jobs_use(site: Site) -> None:
    names = "xarray, dask, netCDF4, zarr, ipyparallel, sweep_client, mpi4py, matplotlib, pandas, nbgitpuller"
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            assert kernel.run(f"import {names}; print('all')") == "all"
            assert kernel.run("!which sbatch squeue sacct scancel git ssh | wc -l") == "6"
            assert "/home/ada/.local" in kernel.run("import site; print(site.getusersitepackages())")


def test_an_environment_of_a_user_s_own_is_a_kernel_also_of_his_next_server(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            assert "Installed kernelspec own in /home/ada" in kernel.run(OWN_ENVIRONMENT)
        ada.stop()
        started(ada)
        listed = ada.api("GET", "/user/ada/api/kernelspecs").json()["kernelspecs"]
        assert {"python3", "own"} <= set(listed)
        with ada.kernel(name="own") as kernel:
            assert kernel.run("import sys; print(sys.prefix)") == "/home/ada/envs/own"


def test_a_server_holds_no_token_of_kubernetes_and_reaches_neither_it_nor_what_routes_are_set_by(
    site: Site,
) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            held = "[path for path in ('/var/run/secrets/kubernetes.io', '/srv/hub') if os.path.exists(path)]"
            assert kernel.run(f"import os; {held}") == "[]"
            assert kernel.run(reach("kubernetes.default", 443)) == "refused"
            assert kernel.run(reach("hpc-proxy-api", 8001)) == "refused"
            # The way there is as the test takes it: the hub's own port answers.
            assert kernel.run(reach("hpc-hub", 8081)) == "reached"


def test_one_user_reaches_neither_another_s_server_nor_his_home(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada, site.user("grace", PASSWORDS["grace"]) as grace:
        started(ada)
        started(grace)
        assert grace.api("GET", "/user/ada/api/contents").status_code in (403, 404)
        assert grace.api("GET", "/hub/api/users/ada").status_code == 404
        address = site.namespace.get("pod", "hpc-singleuser-ada")["status"]["podIP"]
        with grace.kernel() as kernel:
            assert kernel.run("!ls /home") == "grace"
            assert kernel.run(reach(address, 8888)) == "refused"
        grace.stop()


def test_named_servers_stand_beside_the_default_one_as_many_as_the_values_allow(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        ada.start("second")
        assert {name for name, server in ada.servers().items() if server["ready"]} == {"", "second"}
        refused = ada.api("POST", "/hub/api/users/ada/servers/third")
        assert refused.status_code == 400
        assert "already has the maximum of 1 named servers" in refused.text
        ada.stop("second")


def test_a_hub_that_restarts_cuts_no_kernel_off_and_logins_work_again_soon(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            message = kernel.send(
                "import time\nfor line in range(24):\n    print(line, flush=True)\n    time.sleep(0.5)"
            )
            # It waits until the old one is gone: that one would still let users in.
            site.namespace.kubectl("delete", "pod", "-l", hub_label("hub"))
            site.namespace.wait_for(
                "a login works again", lambda: site.lets_in("grace", PASSWORDS["grace"]), timeout=180
            )
            assert kernel.output(message).split() == [str(line) for line in range(24)]


def test_routes_are_back_within_seconds_of_a_proxy_restart(site: Site) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        assert ada.api("GET", "/user/ada/api/status").status_code == 200
        # It waits until the old one is gone; what answers then is the new one, which knows no route at first.
        site.namespace.kubectl("delete", "pod", "-l", hub_label("proxy"))
        # JupyterHub's own pace is five minutes.
        site.namespace.wait_for("the server answers again", lambda: answers(ada), every=0.1, timeout=180)


def test_users_who_are_added_log_in_at_once_and_one_who_is_removed_is_logged_out(site: Site) -> None:
    users = dict(site.values["users"])
    with ExitStack() as afterwards, site.user("grace", PASSWORDS["grace"]) as grace:
        # Also after a failure: other suites of the release need her.
        afterwards.callback(site.install, users=users)
        started(grace)
        linus = {**users["grace"], "uid": 20003}
        site.install(users={"ada": users["ada"], "linus": linus, **crowd.users(FEW)})
        site.namespace.wait_for(
            "linus logs in", lambda: site.lets_in("linus", PASSWORDS["grace"]), timeout=300
        )
        crowd.log_in_all(site, FEW)
        for name in FEW:
            assert_server_of(site, name)
        assert site.login("grace", PASSWORDS["grace"]).status_code == 403
        site.namespace.wait_for(
            "grace's token ends",
            lambda: grace.api("GET", "/hub/api/users/grace").status_code == 403,
            timeout=240,
        )
        site.namespace.wait_for(
            "grace's server is stopped",
            lambda: not site.namespace.get("pods", "-l", "hub.jupyter.org/username=grace")["items"],
            timeout=300,
        )


def assert_server_of(site: Site, name: str) -> None:
    with site.user(name, PASSWORDS["grace"]) as user, user.kernel() as kernel:
        assert kernel.run("!id -un; stat -c %U ~").split() == [name, name]


def reach(host: str, port: int) -> str:
    """A cell that says whether it can connect."""
    return f"import socket\ntry:\n    socket.create_connection(('{host}', {port}), 3)\n    print('reached')\nexcept OSError:\n    print('refused')"


def hub_label(component: str) -> str:
    return f"app.kubernetes.io/component={component}"


def started(user: User) -> None:
    """Have the user's default server."""
    if not user.servers().get("", {}).get("ready"):
        user.start()


def answers(user: User) -> bool:
    try:
        return user.api("GET", f"/user/{user.name}/api/status").status_code == 200
    except Exception:
        return False
