"""What accounting shows, and that nothing is missing after slurmdbd and its database were killed."""

import pytest

from tests.charts.slurm.cluster import Cluster
from tests.charts.slurm.test_controller import setting

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
    cluster.wait("never started", lambda: "CANCELLED" in "".join(cluster.accounted(never)[:1]))
    shown = f"sacct -n -X -P -j {after} -o User,Account,State"
    cluster.wait(
        "under her account", lambda: cluster.ssh("ada", shown).out.strip() == "ada|default|COMPLETED"
    )


def test_no_row_is_missing_after_slurmdbd_and_the_database_were_killed(cluster: Cluster) -> None:
    job = cluster.submit("sleep 1", "--array=0-11", "--mem=100")
    for pod in ("hpc-accounting-0", "hpc-database-0"):
        cluster.namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
    cluster.wait_states(job, {"COMPLETED"})
    for pod in ("hpc-database-0", "hpc-accounting-0"):
        cluster.namespace.wait_ready(f"pod/{pod}")

    def complete() -> bool:
        rows = cluster.admin(f"sacct -n -X -P -j {job} -o State", check=False)
        return rows.out.split() == ["COMPLETED"] * 12

    cluster.wait("12 rows", complete)


def test_declared_qos_and_accounts_are_applied_and_their_limits_hold(cluster: Cluster) -> None:
    accounting = {
        "qos": {"short": {"Priority": 5, "MaxWall": 1}},
        "accounts": {"physics": {"users": ["ada"], "Description": "physics"}},
    }
    cluster.install(accounting=accounting)
    cluster.resync()
    known = "sacctmgr -n -P list assoc format=Account,User"
    cluster.wait("ada is in physics", lambda: "physics|ada" in cluster.admin(known).out)
    assert "short|5" in cluster.admin("sacctmgr -n -P list qos format=Name,Priority").out
    # sacctmgr knows it first; before slurmctld looks at limits the job would just run.
    cluster.wait("limits are looked at", lambda: "limits" in setting(cluster, "AccountingStorageEnforce"))
    long = cluster.submit("true", "--qos=short", "--time=5", "--mem=100")
    reason = f"squeue -h -j {long} -o %r"
    cluster.wait("the limit holds", lambda: "MaxWallDurationPerJob" in cluster.admin(reason).out)
    cluster.ssh("ada", f"scancel {long}")
    cluster.install(accounting={})
