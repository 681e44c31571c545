"""Boot user-mode Linux: a second kernel, as a plain process, for what the host's kernel lacks (an NFS client).

The guest lies on the container network of the local cluster, by a tap device on its bridge.
"""

import contextlib
import ipaddress
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.nodes import NETWORK
from tests.cluster.paths import HERE, cache
from tests.cluster.steps import run, step, succeeds
from tests.packages import ensure_package

KERNEL = "/usr/bin/linux.uml"
# What boots it, by a file of each package.
PACKAGES = {
    KERNEL: "user-mode-linux",
    "/usr/sbin/mkfs.ext4": "e2fsprogs",
    "/usr/bin/gcc": "gcc",
    "/usr/include/stdlib.h": "libc6-dev",
}
MODULES = Path("/usr/lib/uml/modules")
GUEST = HERE / "guest"
# What lets the kernel run on processors that it does not know.
PRELOADED = HERE / "xstate.c"
BOOT_SECONDS = 180
PORT = 4000
CONNECT_SECONDS = 30
# For one that may not be up yet.
PROBE_SECONDS = 2
# Guests of this process, to be waited for when they end; others are known by their number alone.
_STARTED: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Done:
    """How a command in the guest ended."""

    code: int
    out: str
    err: str


@dataclass
class Guest:
    """A running guest; `stop` takes everything of it away."""

    name: str
    address: str
    tap: str
    bridge: str
    folder: str
    pid: int

    def run(
        self,
        *command: str,
        uid: int = 0,
        stdin: str = "",
        timeout: float = 180,
        check: bool = True,
        connect: float = CONNECT_SECONDS,
    ) -> Done:
        """Run a command in the guest and wait for it."""
        request = {"command": list(command), "uid": uid, "stdin": stdin, "timeout": timeout}
        with socket.create_connection((self.address, PORT), timeout=connect) as connection:
            connection.settimeout(timeout + 10)
            connection.sendall((json.dumps(request) + "\n").encode())
            with connection.makefile() as reply:
                done = Done(**json.loads(reply.readline()))
        if check and done.code:
            raise ClusterError(
                f"guest {self.name}: {' '.join(command)[:200]}: {done.code}\n{done.out}{done.err}",
                "see above",
            )
        return done

    def write(self, path: str, text: str) -> None:
        """Put a file into the guest."""
        self.run("install", "-D", "-m", "0644", "/dev/stdin", path, stdin=text)

    def answers(self, *, within: float = PROBE_SECONDS) -> bool:
        """Whether it takes commands, and connections within so many seconds."""
        try:
            return self.run("true", timeout=max(5, within), check=False, connect=within).code == 0
        except (OSError, ValueError):
            return False

    @contextlib.contextmanager
    def cut_off(self) -> Iterator[None]:
        """Take the guest off the network while the block runs."""
        run(["ip", "link", "set", self.tap, "nomaster"])
        try:
            yield
        finally:
            run(["ip", "link", "set", self.tap, "master", self.bridge])

    def stop(self) -> None:
        """End the guest at once, as a power cut does."""
        # The guest's processes are processes of the host, in a group of their own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.pid in _STARTED:
            _STARTED.pop(self.pid).wait()
        succeeds(["ip", "link", "delete", self.tap])
        shutil.rmtree(self.folder, ignore_errors=True)


def ensure() -> None:
    """Have the kernel of user-mode Linux, and what is preloaded into it.

    Raises:
        ClusterError: something is missing and this user may not install it, or there is no /dev/net/tun.
    """
    for path, package in PACKAGES.items():
        ensure_package(path, package)
    if not Path("/dev/net/tun").exists():
        raise ClusterError("there is no /dev/net/tun", "modprobe tun")


def disk(image: str, *, megabytes: int = 1024) -> Path:
    """The filesystem of a guest made from a container image, with the kernel's modules; made once for each image.

    Those of older images of the same name go.
    """
    identity = (
        run([engine.docker(), "image", "inspect", "-f", "{{.Id}}", image])
        .strip()
        .removeprefix("sha256:")[:16]
    )
    name = image.rsplit("/", 1)[-1].partition(":")[0]
    path = cache() / "uml" / f"{name}.{identity}-{megabytes}.ext4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{name}.*"):
        old.unlink()
    with (
        step(f"make the disk of the user-mode Linux guest from {image}"),
        tempfile.TemporaryDirectory() as unpacked,
    ):
        root = Path(unpacked)
        _unpack(image, root)
        version = next(MODULES.iterdir())
        shutil.copytree(version, root / "usr" / "lib" / "modules" / version.name, symlinks=True)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        run(["mkfs.ext4", "-q", "-d", root, part, f"{megabytes}M"])
        part.rename(path)
    return path


def boot(
    name: str, filesystem: Path, address: str, routes: Sequence[tuple[str, str]], *, memory: str = "256M"
) -> Guest:
    """Start a guest with `address` on the cluster's container network and wait until it takes commands.

    Args:
        name: of the guest, unique on this machine.
        filesystem: from `disk`; the guest writes to a copy-on-write file beside its other files.
        address: a free address of the container network.
        routes: (network, via) pairs.
        memory: of the guest.
    """
    bridge, prefix = _bridge()
    tap = f"uml{secrets.token_hex(3)}"
    run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"])
    run(["ip", "link", "set", tap, "master", bridge, "up"])
    folder = Path(tempfile.mkdtemp(prefix="hpc-uml-"))
    preloaded = folder / "xstate.so"
    run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", preloaded, PRELOADED])
    told = ";".join(f"{network},{via}" for network, via in routes)
    command = [
        KERNEL, f"umid={folder.name}", f"uml_dir={folder}", f"mem={memory}", f"ubda={folder}/cow,{filesystem}",
        "root=/dev/ubda", "rw", "init=/opt/init.sh", "con=null", "con0=null,fd:1",
        f"vec0:transport=tap,ifname={tap},depth=128,gro=1,mac={_mac()}",
        f"hpc.name={name}", f"hpc.address={address}/{prefix}", f"hpc.routes={told}",
    ]  # fmt: skip
    with (folder / "console").open("w") as console:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder), "LD_PRELOAD": str(preloaded)},
        )
    _STARTED[process.pid] = process
    guest = Guest(name, address, tap, bridge, str(folder), process.pid)
    _await(guest)
    return guest


def free_address(number: int) -> str:
    """An address of the container network that the engine gives to no container: the last ones, counted down."""
    found = json.loads(run([engine.docker(), "network", "inspect", NETWORK]))[0]
    subnet = _ipv4(found)
    return str(ipaddress.ip_network(subnet).broadcast_address - number)


def _ipv4(network: dict[str, dict[str, list[dict[str, str]]]]) -> str:
    return next(entry["Subnet"] for entry in network["IPAM"]["Config"] if ":" not in entry["Subnet"])


def _bridge() -> tuple[str, str]:
    """The container network's bridge, and the length of its prefix."""
    found = json.loads(run([engine.docker(), "network", "inspect", NETWORK]))[0]
    name = found.get("Options", {}).get("com.docker.network.bridge.name") or f"br-{found['Id'][:12]}"
    return str(name), _ipv4(found).split("/")[1]


def _mac() -> str:
    return "02:" + ":".join(secrets.token_hex(1) for _ in range(5))


def _unpack(image: str, root: Path) -> None:
    container = run([engine.docker(), "create", image]).strip()
    try:
        with subprocess.Popen([engine.docker(), "export", container], stdout=subprocess.PIPE) as exported:
            subprocess.run(["tar", "-x", "-C", str(root)], stdin=exported.stdout, check=True)
    finally:
        run([engine.docker(), "rm", container])


def _await(guest: Guest) -> None:
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        if _STARTED[guest.pid].poll() is not None:
            break
        if guest.answers():
            return
        time.sleep(0.2)
    said = (Path(guest.folder) / "console").read_text(errors="replace")[-2000:]
    guest.stop()
    raise ClusterError(f"guest {guest.name} did not come up:\n{said}", "read the console above")
