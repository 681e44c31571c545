"""The server as a client in user space sees it (libnfs): files, users, exports, figures, and who may come in."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.charts.nfs.conftest import client_pod
from tests.charts.nfs.site import ADA, GRACE, SERVER, Site
from tests.kube import Namespace, Result, context_arguments

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def client(site: Site, client_image: str) -> Namespace:
    """The namespace with a pod that may reach the server, and one that may not."""
    site.namespace.apply(
        client_pod("client", client_image, {"access-nfs": "true", "access-metrics": "true"}),
        client_pod("stranger", client_image),
    )
    site.namespace.wait_ready("pod/client")
    site.namespace.wait_ready("pod/stranger")
    # The walls learn of a new pod a moment after it runs.
    reach = f"exec 3<>/dev/tcp/{site.address}/2049 4<>/dev/tcp/{site.address}/9049"
    site.namespace.wait_for(
        "the client is let in",
        lambda: site.namespace.exec("client", "timeout", "60", "bash", "-c", reach, check=False).code == 0,
    )
    return site.namespace


def url(site: Site, path: str, uid: int = ADA) -> str:
    return f"nfs://{site.address}/{path}?version=4&uid={uid}&gid={uid}"


def put(site: Site, client: Namespace, path: str, uid: int = ADA, pod: str = "client") -> Result:
    """Copy a file of 300,000 random bytes to the server, and compare what comes back."""
    # A stranger's questions have no answer: nobody waits long for it.
    seconds = 10 if pod == "stranger" else 120
    script = (
        f"head -c 300000 /dev/urandom >/tmp/{uid} && timeout {seconds} nfs-cp /tmp/{uid} '{url(site, path, uid)}' "
        f"&& timeout {seconds} nfs-cat '{url(site, path, uid)}' | cmp - /tmp/{uid}"
    )
    return client.exec(pod, "bash", "-c", script, check=False)


def test_each_user_has_a_home_that_is_closed_to_others(site: Site, client: Namespace) -> None:
    found = site.server("stat", "-c", "%n %u:%g %a", "/volume/home/ada", "/volume/home/grace").splitlines()
    assert found == [f"/volume/home/ada {ADA}:{ADA} 700", f"/volume/home/grace {GRACE}:{GRACE} 700"]
    assert put(site, client, "home/ada/mine").code == 0
    assert put(site, client, "home/grace/hers", GRACE).code == 0
    assert put(site, client, "home/grace/his", ADA).code != 0
    assert client.exec("client", "nfs-cat", url(site, "home/ada/mine", GRACE), check=False).code != 0


def test_root_of_a_client_is_nobody(site: Site, client: Namespace) -> None:
    assert put(site, client, "home/ada/root", 0).code != 0
    assert put(site, client, "home/root", 0).code != 0


def test_a_pod_without_the_label_does_not_get_through(site: Site, client: Namespace) -> None:
    assert put(site, client, "home/ada/stranger", pod="stranger").code != 0


def test_a_thousand_files_are_made_and_listed(site: Site, client: Namespace) -> None:
    site.server(
        "bash", "-c", f"cd /volume/home/ada && mkdir many && chown {ADA}:{ADA} many && touch many/{{1..1000}}"
    )
    listed = client.exec("client", "nfs-ls", url(site, "home/ada/many")).out
    assert len(listed.splitlines()) == 1000


def test_the_probe_sees_a_missing_export_and_leaves_no_client_record(site: Site) -> None:
    records = "ls /volume/.server/v4recov/node0 | wc -l"
    before = site.server("bash", "-c", records)
    for _ in range(3):
        site.server("/usr/local/lib/nfs/probe", "/home")
    missing = site.namespace.exec(
        SERVER, "/usr/local/lib/nfs/probe", "/home", "/away", container="nfs", check=False
    )
    assert missing.code != 0
    assert "/away is not exported: NFS error 2" in missing.text
    assert site.server("bash", "-c", records) == before


def test_figures_count_volume_and_homes(site: Site) -> None:
    def figures() -> str:
        return site.server("busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9049/cgi-bin/metrics")

    site.namespace.wait_for("the homes are measured", lambda: 'nfs_home_used_bytes{home="ada"}' in figures())
    shown = figures()
    assert re.search(r"^nfs_client_connections \d+$", shown, re.MULTILINE)
    assert re.search(r"^nfs_volume_available_bytes \d{6,}$", shown, re.MULTILINE)


def test_figures_are_given_to_pods_with_the_label_alone(site: Site, client: Namespace) -> None:
    asks = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1], timeout=int(sys.argv[2])).read().decode())"
    url_of_figures = f"http://{site.address}:9049/cgi-bin/metrics"
    given = client.exec("client", "python3", "-c", asks, url_of_figures, "60").out
    assert re.search(r"^nfs_volume_size_bytes \d{6,}$", given, re.MULTILINE)
    refused = client.exec("stranger", "python3", "-c", asks, url_of_figures, "10", check=False)
    assert refused.code != 0
    assert "timed out" in refused.text or "refused" in refused.text, refused.text


def test_the_idle_server_needs_little_memory_and_says_what_it_cannot_export(site: Site) -> None:
    status = site.server("bash", "-c", "grep VmRSS /proc/$(cat /run/ganesha/pid)/status")
    assert int(status.split()[1]) < 32 * 1024, status
    refused = site.namespace.exec(SERVER, "/usr/local/lib/nfs/preflight", "/", container="nfs", check=False)
    assert "error: / cannot be exported. It is on overlayfs" in refused.text


def test_a_user_added_by_an_upgrade_has_a_home_without_a_restart(site: Site) -> None:
    # Back to the values of the suite: a test before this one may have upgraded to others.
    site.install()
    uid = site.namespace.get("pod", SERVER)["metadata"]["uid"]
    site.install(values={"users": {"ada": {"uid": ADA}, "grace": {"uid": GRACE}, "linus": {"uid": 20003}}})
    found = site.namespace.wait_for(
        "linus has a home",
        lambda: site.server("bash", "-c", "stat -c %u:%a /volume/home/linus || true"),
        timeout=240,
    )
    assert found.strip() == "20003:700"
    assert site.namespace.get("pod", SERVER)["metadata"]["uid"] == uid


def test_homes_are_backed_up_and_restored_with_their_owners(
    site: Site, client: Namespace, tmp_path: Path
) -> None:
    # The test before this one restarted the server: nothing new is opened until its grace period is over.
    client.wait_for(
        "a file is put", lambda: put(site, client, "home/grace/kept", GRACE).code == 0, timeout=180
    )
    before = site.server(
        "bash", "-c", "cd /volume/home && sha256sum grace/kept && stat -c '%u:%g %a' grace/kept"
    )
    kubectl = [
        "kubectl",
        *context_arguments(),
        f"--namespace={site.namespace.name}",
        "exec",
        "--stdin",
        SERVER,
    ]
    save = "tar --create --directory=/volume/home --numeric-owner --xattrs ."
    load = "tar --extract --directory=/volume/home --numeric-owner --same-permissions --xattrs"
    backup = tmp_path / "homes.tar"
    with backup.open("wb") as file:
        subprocess.run([*kubectl, "--container=homes", "--", *save.split()], stdout=file, check=True)
    site.server("rm", "/volume/home/grace/kept")
    with backup.open("rb") as file:
        subprocess.run([*kubectl, "--container=nfs", "--", *load.split()], stdin=file, check=True)
    after = site.server(
        "bash", "-c", "cd /volume/home && sha256sum grace/kept && stat -c '%u:%g %a' grace/kept"
    )
    assert after == before
