"""What users expect of a home, over a kernel's own NFS client (in a user-mode Linux guest)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.charts.nfs import site as sites
from tests.charts.nfs.site import ADA, GRACE, Site
from tests.cluster import uml

pytestmark = [pytest.mark.e2e, pytest.mark.kills_nodes]

HELD = "/tmp/held"


def python(guest: uml.Guest, code: str, uid: int = ADA, timeout: float = 300) -> str:
    """Run Python in the guest as a user; a failed assertion there fails here."""
    return guest.run("python3", "-c", code, uid=uid, timeout=timeout).out


def held(guest: uml.Guest) -> bool:
    """Whether the holder of a lock has it; it lets go when the file is removed."""
    return guest.run("test", "-e", HELD, check=False).code == 0


def test_two_users_have_homes_closed_to_each_other_and_to_root(guest: uml.Guest, home: str) -> None:
    guest.run("bash", "-c", f"echo a >{home}/ada/f && echo b >>{home}/ada/f", uid=ADA)
    assert guest.run("stat", "-c", "%u:%g", f"{home}/ada/f", uid=ADA).out.strip() == f"{ADA}:{ADA}"
    assert guest.run("cat", f"{home}/ada/f", uid=GRACE, check=False).code != 0
    assert guest.run("cat", f"{home}/ada/f", uid=0, check=False).code != 0
    assert guest.run("touch", f"{home}/root", uid=0, check=False).code != 0


def test_a_read_only_file_can_be_written_by_who_made_it(guest: uml.Guest, home: str) -> None:
    code = f"""
import os
handle = os.open("{home}/ada/read-only", os.O_CREAT | os.O_WRONLY, 0o444)
os.write(handle, b"x"); os.fsync(handle); os.close(handle)
assert os.stat("{home}/ada/read-only").st_size == 1
"""
    python(guest, code)


def test_rename_over_unlink_of_open_files_and_mmap_behave(guest: uml.Guest, home: str) -> None:
    code = f"""
import mmap, os
os.chdir("{home}/ada")
open("old", "w").write("old"); open("new", "w").write("new")
reader = open("old"); os.rename("new", "old")
assert open("old").read() == "new" and reader.read() == "old"
victim = open("victim", "w+"); victim.write("still here"); victim.flush(); os.unlink("victim"); victim.seek(0)
assert victim.read() == "still here" and not os.path.exists("victim")
with open("map", "wb+") as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 8192) as area:
        area[4096:4100] = b"mmap"; area.flush()
assert open("map", "rb").read()[4096:4100] == b"mmap"
os.link("map", "hard"); os.symlink("map", "soft")
assert os.stat("hard").st_nlink == 2 and os.readlink("soft") == "map"
"""
    python(guest, code)


def test_a_thousand_files_are_made_and_listed(guest: uml.Guest, home: str) -> None:
    code = f"""
import os
os.makedirs("{home}/ada/thousand"); os.chdir("{home}/ada/thousand")
for number in range(1000): open(str(number), "w").close()
assert len(os.listdir()) == 1000
"""
    python(guest, code)


def test_eight_writers_at_once_lose_nothing(guest: uml.Guest, home: str, site: Site) -> None:
    code = f"""
import hashlib, os
from concurrent.futures import ThreadPoolExecutor
def write(number):
    content = os.urandom(1 << 20) * 2
    with open(f"{home}/ada/writer-{{number}}", "wb") as file:
        file.write(content); file.flush(); os.fsync(file.fileno())
    return f"{{hashlib.sha256(content).hexdigest()}}  writer-{{number}}"
with ThreadPoolExecutor(8) as pool: print("\\n".join(pool.map(write, range(8))))
"""
    sums = python(guest, code)
    site.server("bash", "-c", f"cd /volume/home/ada && sha256sum --check --quiet <<'EOF'\n{sums}EOF")


def test_two_clients_append_and_lock_as_one(
    guest: uml.Guest, home: str, site: Site, client_image: str
) -> None:
    # Few rounds: a kernel asks for a lock that another has at growing intervals, so each change of hands may take seconds.
    path = f"{home}/ada/shared"
    append = """
import fcntl, os, sys
with open(sys.argv[1], "a") as file:
    for number in range(10):
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(f"{sys.argv[2]} {number}\\n"); file.flush(); os.fsync(file.fileno())
        fcntl.lockf(file, fcntl.LOCK_UN)
"""
    taken = "import fcntl, sys; fcntl.{call}(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    hold = f"""
import fcntl, os, sys, time
file = open(sys.argv[1], "a"); fcntl.{{call}}(file, fcntl.LOCK_EX)
open("{HELD}", "w").close()
while os.path.exists("{HELD}"): time.sleep(0.1)
"""
    with sites.guest(client_image, 10) as second:
        sites.mount(second, f"{site.address}:/home")
        with ThreadPoolExecutor(2) as pool:
            both = [
                pool.submit(one.run, "python3", "-c", append, path, name, uid=ADA, timeout=300)
                for one, name in ((guest, "first"), (second, "second"))
            ]
            assert all(done.result().code == 0 for done in both)
        lines = site.server("cat", "/volume/home/ada/shared").splitlines()
        assert sorted(lines) == sorted(
            f"{name} {number}" for name in ("first", "second") for number in range(10)
        )
        for call in ("lockf", "flock"):
            with ThreadPoolExecutor(1) as pool:
                holder = pool.submit(guest.run, "python3", "-c", hold.format(call=call), path, uid=ADA)
                try:
                    site.namespace.wait_for("the lock is held", lambda: held(guest))
                    refused = second.run("python3", "-c", taken.format(call=call), path, uid=ADA, check=False)
                finally:
                    guest.run("rm", "-f", HELD)
                assert "BlockingIOError" in refused.err, call
                holder.result()
            second.run("python3", "-c", taken.format(call=call), path, uid=ADA)
