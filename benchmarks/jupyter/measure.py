"""Single figures of the chart `jupyter`, each as a user or an admin would time it."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Kernel, Site, User
from tests.kube import image

CONNECT = (
    "import ipyparallel as ipp; rc = ipp.Client(profile='fast', timeout=30); view = rc.load_balanced_view()"
)
NO_OPS = """
import time
def no_op(_): pass
view.map_sync(no_op, range(20), chunksize=1)
start = time.monotonic()
view.map_sync(no_op, range(TASKS), chunksize=1)
print(time.monotonic() - start)
"""
KEPT = """
import time
rc.close()
end = time.monotonic() + 240
while True:
    try:
        rc = ipp.Client(profile='fast', timeout=3)
        break
    except Exception:
        assert time.monotonic() < end
        time.sleep(0.2)
print(rc[:].pull('kept', block=False).get(timeout=240))
"""
# The same controller and engines as processes of one container, outside Kubernetes.
PLAIN = """
import ipyparallel as ipp
cluster = ipp.Cluster(n=2, log_level=40)
rc = cluster.start_and_connect_sync()
rc.wait_for_engines(2)
view = rc.load_balanced_view()
"""
PAGE = "/user/ada/api/status"


def login_to_lab(site: Site) -> float:
    """Seconds from the login form to JupyterLab's page, the server started on the way."""
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.stop()
    start = time.monotonic()
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.start()
        assert ada.api("GET", "/user/ada/lab").status_code == 200
        return time.monotonic() - start


def first_cell(site: Site) -> float:
    """Seconds from the login form to the first cell's output, numpy imported in it."""
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.stop()
    start = time.monotonic()
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.start()
        with ada.kernel() as kernel:
            assert kernel.run("import numpy; print(numpy.arange(3).sum())") == "3"
        return time.monotonic() - start


def engines_to_first_result(site: Site, ada: User) -> float:
    """Seconds from a pool that grows from nothing to the first result in the notebook."""
    with ada.kernel() as kernel:
        _scale(site, kernel, 0)
        task = kernel.send("print(view.apply_async(lambda: 'first').get(timeout=120))")
        start = time.monotonic()
        site.namespace.kubectl("scale", "deployment/hpc-engines-fast", "--replicas=2")
        assert "first" in kernel.output(task, timeout=150)
        return time.monotonic() - start


def hub_restart(site: Site) -> float:
    """Seconds from a hub pod's deletion to the next login."""
    site.namespace.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=hub", "--wait=false")
    start = time.monotonic()
    site.namespace.wait_for(
        "the hub is gone", lambda: not site.lets_in("grace", PASSWORDS["grace"]), every=0.1
    )
    site.namespace.wait_for("a login works", lambda: site.lets_in("grace", PASSWORDS["grace"]), every=0.1)
    return time.monotonic() - start


def proxy_outage(site: Site, ada: User) -> float:
    """Seconds in which a user's server does not answer while the proxy's pod is replaced."""
    site.namespace.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=proxy", "--wait=false")
    site.namespace.wait_for("the server is out of reach", lambda: not _answers(ada), every=0.05)
    start = time.monotonic()
    site.namespace.wait_for("the server answers", lambda: _answers(ada), every=0.05)
    return time.monotonic() - start


def controller_kill(site: Site, ada: User) -> float:
    """Seconds from the deletion of a pool's controller until a notebook reads what both engines have kept."""
    with ada.kernel() as kernel:
        _scale(site, kernel, 2)
        kernel.run("rc[:].push({'kept': 42}, block=True)")
        start = time.monotonic()
        site.namespace.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=ipcontroller")
        assert kernel.run(KEPT, timeout=300) == "[42, 42]"
        return time.monotonic() - start


def no_op_seconds(site: Site, ada: User, tasks: int) -> float:
    """Seconds of so many tasks that do nothing, one by one, on the pool's two engines."""
    with ada.kernel() as kernel:
        _scale(site, kernel, 2)
        return float(kernel.run(NO_OPS.replace("TASKS", str(tasks)), timeout=300).split()[-1])


def plain_no_op_seconds(tasks: int) -> float:
    """The same tasks with plain IPyParallel in one container on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "plain.py"
        script.write_text(f"{PLAIN}{NO_OPS.replace('TASKS', str(tasks))}cluster.stop_cluster_sync()\n")
        script.chmod(0o644)
        Path(folder).chmod(0o755)
        command = ["docker", "run", "--rm", f"--volume={folder}:/plain:ro", image("notebook")]
        done = subprocess.run(
            [*command, "python", "/plain/plain.py"], capture_output=True, text=True, check=True
        )
    return float(done.stdout.split()[-1])


def hub_mebibytes(site: Site) -> float:
    """Memory of all processes of the hub's container that is not shared or is its share (PSS)."""
    script = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum / 1024}'"
    return float(site.namespace.exec("deploy/hpc-hub", "sh", "-c", script).out)


def _scale(site: Site, kernel: Kernel, engines: int) -> None:
    kernel.run(CONNECT)
    site.namespace.kubectl("scale", "deployment/hpc-engines-fast", f"--replicas={engines}")
    wait = f"import time\nwhile len(rc.ids) != {engines}: time.sleep(0.2)"
    kernel.run(wait, timeout=120)


def _answers(user: User) -> bool:
    try:
        return user.api("GET", PAGE).status_code == 200
    except Exception:
        return False
