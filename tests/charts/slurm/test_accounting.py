"""What accounting shows, and that nothing is missing after slurmdbd and its database were killed."""

import pytest

from tests.charts.slurm.cluster import Cluster

pytestmark = pytest.mark.e2e


def test_arrays_and_dependencies_end_and_are_accounted_under_the_user_s_account(cluster: Cluster) -> None:
    # Accounts are applied beside a running cluster; a job of its first seconds would have none.
    known = "sacctmgr -n -P list assoc format=Account,User"
    cluster.wait("ada has her account", lambda: "default|ada" in cluster.admin(known, check=False).out)
    array = cluster.submit("true", "--array=0-3", "--mem=50")
    after = cluster.submit("true", f"--dependency=afterok:{array}", "--mem=50")
    never = cluster.submit(
        "true", f"--dependency=afternotok:{array}", "--kill-on-invalid-dep=yes", "--mem=50"
    )
    cluster.wait_states(after, {"COMPLETED"})
    cluster.wait("all of the array", lambda: cluster.accounted(array) == ["COMPLETED"] * 4)
    cluster.wait("never started", lambda: cluster.accounted(never)[0].startswith("CANCELLED"))
    shown = cluster.ssh("ada", f"sacct -n -X -P -j {after} -o User,Account,State").out.strip()
    assert shown == "ada|default|COMPLETED"


def test_no_row_is_missing_after_slurmdbd_and_the_database_were_killed(cluster: Cluster) -> None:
    job = cluster.submit("sleep 1", "--array=0-11", "--mem=100")
    for pod in ("hpc-accounting-0", "hpc-database-0"):
        cluster.namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
    cluster.wait_states(job, {"COMPLETED"}, timeout=120)
    for pod in ("hpc-database-0", "hpc-accounting-0"):
        cluster.namespace.wait_ready(f"pod/{pod}")

    def complete() -> bool:
        rows = cluster.admin(f"sacct -n -X -P -j {job} -o State", check=False)
        return rows.out.split() == ["COMPLETED"] * 12

    cluster.wait("12 rows", complete, timeout=120)


def test_declared_qos_and_accounts_are_applied_and_their_limits_hold(cluster: Cluster) -> None:
    accounting = {
        "qos": {"short": {"Priority": 5, "MaxWall": 1}},
        "accounts": {"physics": {"users": ["ada"], "Description": "physics"}},
    }
    cluster.install(accounting=accounting)
    cluster.resync()
    known = "sacctmgr -n -P list assoc format=Account,User"
    cluster.wait("ada is in physics", lambda: "physics|ada" in cluster.admin(known).out, timeout=150)
    assert "short|5" in cluster.admin("sacctmgr -n -P list qos format=Name,Priority").out
    long = cluster.submit("true", "--qos=short", "--time=5", "--mem=100")
    reason = f"squeue -h -j {long} -o %r"
    cluster.wait("the limit holds", lambda: "MaxWallDurationPerJob" in cluster.admin(reason).out, timeout=30)
    cluster.ssh("ada", f"scancel {long}")
    cluster.install(accounting={})
