"""The shell functions of the Slurm images, sourced and run with fake Slurm commands on the PATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images.slurm.conftest import Shell


def controller(folder: Path) -> dict[str, str]:
    (folder / "offered").mkdir()
    (folder / "offered" / "slurm.conf").write_text("new\n")
    (folder / "run").mkdir()
    return {
        "STATE_DIR": str(folder),
        "OFFERED_DIR": str(folder / "offered"),
        "RUN_DIR": str(folder / "run"),
        "ACCOUNTING_HOST": "db",
        "EXTRAUSERS": str(folder),
    }


def test_homes_are_made_once_private_and_with_the_skeleton(shell: Shell, tmp_path: Path) -> None:
    me, root = f"{os.getuid()}:{os.getgid()}", tmp_path / "home"
    (root / "bob").mkdir(parents=True)
    (tmp_path / "passwd").write_text(f"ada:x:{me}::/home/ada:/bin/bash\nbob:x:{me}::/home/bob:/bin/bash\n")
    made = shell.run("frontend/entrypoint.sh", f"make_homes {root} {tmp_path}/passwd")
    assert made.returncode == 0, made.stderr
    assert "made" in made.stderr
    assert sorted(path.name for path in root.iterdir()) == ["ada", "bob"]
    assert (root / "ada").stat().st_mode & 0o777 == 0o700
    assert list((root / "bob").iterdir()) == []


def test_an_account_is_published_once_its_home_is_there_and_leaves_with_its_user(
    shell: Shell, tmp_path: Path
) -> None:
    root, users, accounts = (tmp_path / name for name in ("home", "users", "accounts"))
    for folder in (root / "ada", users, accounts):
        folder.mkdir(parents=True)
    (users / "passwd").write_text("ada:x:1:1::/home/ada:/bin/bash\nbob:x:2:2::/home/bob:/bin/bash\n")
    (users / "group").write_text("ada:x:1:\n")
    (users / "shadow").write_text("ada:*:1::::::\n")
    publish = f"publish {root} {users} {accounts}"
    assert shell.run("frontend/entrypoint.sh", publish).returncode == 0
    assert (accounts / "passwd").read_text() == "ada:x:1:1::/home/ada:/bin/bash\n"
    assert (accounts / "shadow").stat().st_mode & 0o777 == 0o400
    (root / "bob").mkdir()
    (users / "passwd").write_text("bob:x:2:2::/home/bob:/bin/bash\n")
    assert shell.run("frontend/entrypoint.sh", publish).returncode == 0
    assert (accounts / "passwd").read_text() == "bob:x:2:2::/home/bob:/bin/bash\n"
    assert sorted(path.name for path in accounts.iterdir()) == ["group", "passwd", "shadow"]


def test_a_configuration_that_slurm_accepts_becomes_the_active_one(shell: Shell, tmp_path: Path) -> None:
    shell.fake("scontrol")
    done = shell.run("controller/entrypoint.sh", "adopt_config", **controller(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "config" / "slurm.conf").read_text() == "new\n"


def test_a_refused_configuration_leaves_the_active_one_and_its_reason(shell: Shell, tmp_path: Path) -> None:
    shell.fake("scontrol", "echo 'scontrol: error: unrecognized key: NoSuchKey' >&2; exit 1")
    environment = controller(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "slurm.conf").write_text("old\n")
    done = shell.run("controller/entrypoint.sh", "adopt_config || echo refused", **environment)
    assert done.stdout == "refused\n"
    assert (tmp_path / "config" / "slurm.conf").read_text() == "old\n"
    assert (tmp_path / "run" / "refused").read_text() == "error: unrecognized key: NoSuchKey\n"


def test_accounts_are_added_or_modified_and_new_users_join_the_default_account(
    shell: Shell, tmp_path: Path
) -> None:
    shell.fake("sacctmgr", '[[ "$*" != *"add qos long"* ]] || exit 1; [[ $1 != -n ]] || echo ada')
    environment = controller(tmp_path)
    (tmp_path / "offered" / "accounts").write_text(
        "qos long Priority=5\naccount default\nmember ada physics\n"
    )
    (tmp_path / "passwd").write_text("ada:x:1\nbob:x:2\n")
    done = shell.run("controller/entrypoint.sh", "apply_accounts; apply_accounts", **environment)
    assert done.returncode == 0, done.stderr
    assert shell.called() == [
        "sacctmgr -i -Q add qos long Priority=5",
        "sacctmgr -i -Q modify qos where name=long set Priority=5",
        "sacctmgr -i -Q add account default",
        "sacctmgr -i -Q add user ada account=physics",
        "sacctmgr -n -P list user format=User",
        "sacctmgr -i -Q add user bob account=default",
    ]


def test_a_node_is_forgotten_only_when_its_pod_has_no_address_any_more(shell: Shell, tmp_path: Path) -> None:
    # Asked for one node, it says nothing of what came back meanwhile.
    shell.fake("sinfo", "[[ $* == *back* ]] || printf 'gone\\nhere\\nback\\n'")
    shell.fake("getent", "[[ $2 == here || $2 == kubernetes.default.svc ]]")
    shell.fake("scontrol")
    shell.run("controller/entrypoint.sh", "forget_vanished_nodes", **controller(tmp_path))
    assert [call for call in shell.called() if call.startswith("scontrol")] == [
        "scontrol delete nodename=gone"
    ]


def test_no_node_is_forgotten_while_the_name_service_does_not_answer(shell: Shell, tmp_path: Path) -> None:
    shell.fake("sinfo", "echo gone")
    shell.fake("getent", "exit 2")
    shell.fake("scontrol")
    shell.run("controller/entrypoint.sh", "forget_vanished_nodes", **controller(tmp_path))
    assert not [call for call in shell.called() if call.startswith("scontrol")]


def test_a_reconfigure_without_an_answer_in_time_is_asked_for_again(shell: Shell, tmp_path: Path) -> None:
    late = f"[[ $1 != reconfigure || -e {tmp_path}/asked ]] && exit 0; touch {tmp_path}/asked; echo 'error: Socket timed out'; exit 1"
    shell.fake("scontrol", late)
    done = shell.run("controller/entrypoint.sh", "reload_config", **controller(tmp_path))
    assert done.returncode == 0, done.stderr
    assert shell.called().count("scontrol reconfigure") == 2
    assert not (tmp_path / "run" / "refused").exists()


@pytest.mark.parametrize(
    ("daemon", "errors"),
    [
        ("sleep 1; echo 'slurmctld: Running as primary controller'; exec sleep 60", ""),
        ("sleep 1; echo 'slurmctld: fatal: NoSuchKey'; exit 1", "fatal: NoSuchKey\n"),
    ],
    ids=["good", "bad"],
)
def test_a_slow_try_of_a_configuration_is_waited_for(
    shell: Shell, tmp_path: Path, daemon: str, errors: str
) -> None:
    shell.fake("slurmctld", daemon)
    environment = {
        **controller(tmp_path),
        "SLURMCTLD": str(tmp_path / "bin" / "slurmctld"),
        "TRY_DIR": str(tmp_path / "try"),
        "TRY_SECONDS": "0",
    }
    done = shell.run("controller/entrypoint.sh", f"daemon_errors {tmp_path}/offered", **environment)
    assert (done.returncode, done.stdout) == (0, errors), done.stderr


def signer(folder: Path) -> dict[str, str]:
    return {
        "SACK_SOCKET": str(folder / "sack.socket"),
        "SACKD": str(folder / "bin" / "sackd"),
        "CONTROLLER_ADDRESS": "ctl:6817",
    }


@pytest.mark.parametrize("before", ["a new pod", "a container of the pod that died"])
def test_a_worker_waits_for_a_slow_signer_before_it_tells_that_nothing_runs(
    shell: Shell, tmp_path: Path, before: str
) -> None:
    # The sixtieth wait brings the socket; relative, since its path must be short.
    bind = "import socket; socket.socket(socket.AF_UNIX).bind('sack.socket')"
    if before != "a new pod":
        subprocess.run([sys.executable, "-c", bind], cwd=tmp_path, check=True)
        (tmp_path / "conf").symlink_to(tmp_path)
    shell.fake(
        "sleep", f'(($(grep -c ^sleep {shell.calls}) != 60)) || (cd {tmp_path} && python3 -c "{bind}")'
    )
    shell.fake("sackd", "exec /bin/sleep 60")
    shell.fake("scontrol", f"[[ -S {tmp_path}/sack.socket ]]")
    done = shell.run("worker/entrypoint.sh", "requeue_what_ran && echo told", **signer(tmp_path))
    assert shell.called().count("sleep 0.1") == 60
    assert done.stdout == "told\n", done.stderr


@pytest.mark.parametrize(
    ("said", "asked"), [("slurmctld does not answer", 3), ("Invalid node name specified", 1)]
)
def test_a_worker_tells_again_until_it_is_heard_or_is_a_new_node(
    shell: Shell, tmp_path: Path, said: str, asked: int
) -> None:
    shell.fake("sackd")
    shell.fake("sleep")
    shell.fake(
        "scontrol", f"(($(grep -c ^scontrol {shell.calls}) == 3)) || {{ echo 'error: {said}'; exit 1; }}"
    )
    done = shell.run("worker/entrypoint.sh", "requeue_what_ran", **signer(tmp_path))
    assert len([call for call in shell.called() if call.startswith("scontrol")]) == asked
    assert said in done.stderr


def test_a_worker_that_ends_drains_first_then_requeues_and_leaves_the_list(shell: Shell) -> None:
    shell.fake("hostname", "echo w-0")
    shell.fake("scontrol")
    shell.fake("squeue")
    shell.run("worker/stop.sh", "main", DRAIN_SECONDS="5")
    assert [call for call in shell.called() if call.startswith("scontrol")] == [
        "scontrol update nodename=w-0 state=drain reason=pod is ending",
        "scontrol update nodename=w-0 state=down reason=pod is ending",
        "scontrol delete nodename=w-0",
    ]


@pytest.mark.parametrize(("brought", "seen"), [("new", 0), ("old", 1)])
def test_sshd_gets_other_host_keys_when_kubernetes_has_brought_them(
    shell: Shell, tmp_path: Path, brought: str, seen: int
) -> None:
    shell.fake("pkill")
    for folder, text in (("secret", brought), ("run", "old")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ssh_host_ed25519_key").write_text(text)
    environment = {"HOST_KEYS": str(tmp_path / "secret"), "RUN_SSH": str(tmp_path / "run")}
    done = shell.run("frontend/entrypoint.sh", "rekey", **environment, REKEY_SECONDS="0")
    assert done.returncode == seen, done.stderr
    assert (tmp_path / "run" / "ssh_host_ed25519_key").read_text() == brought
    assert len(shell.called()) == 1 - seen


def test_logins_cannot_raise_the_limits_of_their_host(shell: Shell) -> None:
    limits = {"MOST_PROCESSES": "3000", "LARGEST_PROCESS_MEBIBYTES": "1024"}
    done = shell.run("frontend/entrypoint.sh", "bound_users; ulimit -Hu; ulimit -Hd; ulimit -u", **limits)
    assert done.stdout.split() == ["3000", str(1024 * 1024), "3000"], done.stderr


def test_a_restored_state_takes_the_place_of_the_old_one(shell: Shell, tmp_path: Path) -> None:
    for path in ("state", "restored/state"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "job_state").write_text(path)
    done = shell.run("controller/entrypoint.sh", "take_up_restored; take_up_restored", **controller(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "job_state").read_text() == "restored/state"
    assert not (tmp_path / "restored").exists()


def test_a_check_fails_with_what_slurm_says(shell: Shell, tmp_path: Path) -> None:
    shell.fake("scontrol", "echo 'scontrol: error: unrecognized key: NoSuchKey' >&2; exit 1")
    done = shell.run("controller/entrypoint.sh", "check", **controller(tmp_path))
    assert done.returncode == 1
    assert "unrecognized key: NoSuchKey" in done.stderr


def test_a_daemon_starts_unless_another_command_is_given(shell: Shell) -> None:
    for words, said in (("", "daemon"), ("slurmd", "daemon"), ("echo other", "other")):
        done = shell.run("lib.sh", f"start() {{ echo daemon; }}; start_or_run slurmd {words}")
        assert done.stdout.strip() == said
