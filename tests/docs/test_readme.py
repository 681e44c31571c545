"""README's block for a cluster of one's own as its reader types it, from images to a job over SSH."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from charts.package import built_images
from tests.charts.slurm.conftest import WORKERS
from tests.cluster.paths import KUBECONFIG, ROOT, TOOLS, cache
from tests.conftest import Account, MakeNamespace
from tests.docs.documented import BLOCK, typed
from tests.kube import free_port, is_local, run

pytestmark = pytest.mark.e2e

README = (ROOT / "README.md").read_text()
RELEASE = "hpc"
# Sub-charts and tools are there, and other suites read them at this moment.
MAKE = f"make -C {ROOT} " + " ".join(
    f"--old-file={name}" for name in (".venv/ready", "tools", "hpc-dependencies")
)


def context() -> str:
    """The name of the cluster in the reader's kubeconfig."""
    return (
        os.environ.get("KUBE_CONTEXT")
        or run(["kubectl", f"--kubeconfig={KUBECONFIG}", "config", "current-context"]).out.strip()
    )


def test_its_commands_install_slurm_and_run_a_job(
    make_namespace: MakeNamespace, accounts: dict[str, Account], tmp_path: Path
) -> None:
    namespace = make_namespace("readme")
    namespace.releases.append(RELEASE)
    (shown,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    mine = yaml.safe_load(shown)
    mine["global"]["home"] = {"storageClass": os.environ.get("E2E_RWX_CLASS", "shared"), "size": "1Gi"}
    mine["global"]["users"]["ada"]["sshKeys"] = [accounts["ada"].public_key]
    # The test cluster has few CPUs.
    mine["slurm"] = {"workerDefaults": {"cpuRequest": WORKERS["cpuRequest"]}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    (tmp_path / ".tools").symlink_to(TOOLS)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").touch()
    # Else tools would be built anew, as for a reader with another home.
    environment = {"XDG_CACHE_HOME": str(cache().parent)}
    if is_local():
        shutil.copy(KUBECONFIG, tmp_path / "kubeconfig")
        environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    (block,) = [found for found in BLOCK.findall(README) if "make install" in found]
    replace = {
        "make ": f"{MAKE} ",
        "VALUES=mine.yaml": f"VALUES={tmp_path}/mine.yaml",
        "NAMESPACE=hpc": f"NAMESPACE={namespace.name}",
        "<host>/<path>": built_images()["registry"],
        "<your context>": context(),
        "2222": str(free_port()),
        "sleep 3": "true",
        "-o HostKeyAlias=hpc": "-o StrictHostKeyChecking=accept-new",
    }
    said = typed(block, namespace, tmp_path, replace, accounts["ada"], environment=environment)
    assert "mpi\tok\tranks=2 nodes=2" in said
    assert said.splitlines()[-1] in ("hpc-worker-cpu-0", "hpc-worker-cpu-1")
