"""The kind node image: kind's published one where a registry answers, else an equal one built here.

Built from Go modules (programs.py), kind's own base files (out of its Go module) and Debian packages. All
component images are imported into it under their usual names, so manifests never know which of the two is used.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from images import debian
from tests.cluster import engine
from tests.cluster.paths import HERE, ROOT
from tests.cluster.programs import build, module_folder, programs
from tests.cluster.steps import run, step, succeeds

NODE_PROGRAMS = ["kubernetes", "containerd", "crictl", "cni", "etcd", "coredns", "kube-router"]
ADDON_PROGRAMS = ["local-path-provisioner", "traefik", "registry"]
NODE_BINARIES = ["kubelet", "kubeadm", "kubectl", "containerd", "ctr", "containerd-shim-runc-v2", "crictl"]
CONTROL_PLANE = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
PULL_SECONDS = 600
# kind applies this file at creation and falls back to volumes on a tmpfs without it; the real classes are addons.py's.
_NO_STORAGE = """echo '{apiVersion: v1, kind: Namespace, metadata: {name: storage}}' > /kind/manifests/default-storage.yaml"""


def ensure() -> str:
    """Have the node image in the local engine and return its name."""
    published = str(json.loads((ROOT / "images" / "versions.json").read_text())["kind"]["node"])
    if _present(published) or _pull(published):
        return published
    folders = build(NODE_PROGRAMS + ADDON_PROGRAMS)
    name = f"hpc-kind-node:{_recipe(folders)}"
    if not _present(name):
        with step(f"build the node image {name}"):
            _build(name, folders)
    return name


def addon_images() -> dict[str, str]:
    """Upstream names of the images that manifests and the registry container use."""
    table = programs()
    return {
        "kube-router": f"docker.io/cloudnativelabs/kube-router:{table['kube-router'].version}",
        "local-path-provisioner": f"docker.io/rancher/local-path-provisioner:{table['local-path-provisioner'].version}",
        "traefik": f"docker.io/library/traefik:{table['traefik'].version}",
        "registry": f"docker.io/library/registry:{table['registry'].version.removeprefix('v')}",
    }


def ensure_registry_image() -> None:
    """Have the registry's image in the local engine: pulled, or made with the node image."""
    image = addon_images()["registry"]
    if not _present(image) and not _pull(image):
        _program_image(image, build(["registry"])["registry"] / "registry", "binary", "registry")


def _recipe(folders: dict[str, Path]) -> str:
    parts = sorted(folder.name for folder in folders.values())
    parts += [(HERE / "node" / "Dockerfile").read_text(), Path(__file__).read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _build(name: str, folders: dict[str, Path]) -> None:
    required = run(
        [folders["kubernetes"] / "kubeadm", "config", "images", "list", "--kubernetes-version", _version()]
    ).split()
    pause = next(image for image in required if "/pause:" in image)
    images = [_pause(pause), *_kubernetes(required, folders), *_addons(folders), debian.ensure()]
    base = f"{name}-base"
    with _context(folders) as context:
        for binary in NODE_BINARIES:
            folder = next(folder for folder in folders.values() if (folder / binary).exists())
            shutil.copy2(folder / binary, context / "bin")
        shutil.copytree(folders["cni"], context / "cni", dirs_exist_ok=True)
        _docker_build(context, "node", base, KUBERNETES_VERSION=_version(), PAUSE_IMAGE=pause)
    _import(base, name, images)


def _kubernetes(required: list[str], folders: dict[str, Path]) -> list[str]:
    """Build the images that kubeadm asks for, by the names it asks for."""
    wanted = {
        **{
            image: (folders["kubernetes"], _program(image), "binary")
            for image in required
            if _program(image) in CONTROL_PLANE
        },
        **{
            image: (folders["kubernetes"], "kube-proxy", "network")
            for image in required
            if "/kube-proxy:" in image
        },
        **{image: (folders["etcd"], "server", "binary") for image in required if "/etcd:" in image},
        **{image: (folders["coredns"], "coredns", "coredns") for image in required if "/coredns:" in image},
    }
    for image, (folder, binary, target) in wanted.items():
        _program_image(image, folder / binary, target, "etcd" if binary == "server" else binary)
    return list(wanted)


def _addons(folders: dict[str, Path]) -> list[str]:
    names = addon_images()
    for program, image in names.items():
        target = "network" if program == "kube-router" else "binary"
        _program_image(image, folders[program] / program, target, program)
    return [image for program, image in names.items() if program != "registry"]


def _program_image(image: str, binary: Path, target: str, installed_as: str) -> None:
    with _context({}) as context:
        shutil.copy2(binary, context / "bin" / installed_as)
        _docker_build(context, target, image, PROGRAM=installed_as)


def _pause(image: str) -> str:
    source = module_folder("kubernetes") / "build" / "pause" / "linux" / "pause.c"
    with _context({}) as context:
        shutil.copy2(source, context / "pause.c")
        _docker_build(context, "pause", image)
    return image


def _docker_build(context: Path, target: str, tag: str, **arguments: str) -> None:
    """Build one target; with `debian.ensure()` as its base."""
    given = [
        f"--build-arg={key}={value}" for key, value in {"BASE_IMAGE": debian.ensure(), **arguments}.items()
    ]
    dockerfile = str(HERE / "node" / "Dockerfile")
    options = ["--quiet", "--target", target, "--tag", tag, "--file", dockerfile, *given]
    run([engine.docker(), "build", *options, str(context)], env=engine.BUILDKIT)


@contextmanager
def _context(folders: dict[str, Path]) -> Iterator[Path]:
    """A build context with empty bin/ and cni/, and kind's base files where programs are given."""
    with tempfile.TemporaryDirectory(prefix="hpc-node-") as name:
        context = Path(name)
        (context / "bin").mkdir()
        (context / "cni").mkdir()
        (context / "pause.c").touch()
        (context / "files").mkdir()
        shutil.copytree(
            module_folder("kind") / "images" / "base" / "files", context / "files", dirs_exist_ok=True
        )
        yield context


def _import(base: str, name: str, images: list[str]) -> None:
    """Put the images into the node's own containerd, as kind does: in a running container that is then committed."""
    client = engine.docker()
    options = ["--detach", "--security-opt=seccomp=unconfined", "--entrypoint=sleep", "--tmpfs=/run"]
    container = run([client, "run", *options, base, "infinity"]).strip()
    try:
        # overlayfs on overlayfs is refused, so nothing is unpacked here: the nodes do that on their own volume.
        start = "nohup containerd >/var/log/containerd-import.log 2>&1 & until ctr version >/dev/null 2>&1; do sleep 0.2; done"
        run([client, "exec", container, "sh", "-c", start])
        load = "ctr --namespace=k8s.io images import --label=io.cri-containerd.pinned=pinned --all-platforms --no-unpack --digests -"
        pipeline = f"'{client}' save {' '.join(images)} | '{client}' exec -i {container} {load}"
        run(["bash", "-o", "pipefail", "-c", pipeline])
        run(
            [
                client,
                "exec",
                container,
                "sh",
                "-c",
                f"pkill -x containerd; mkdir -p /kind/manifests; {_NO_STORAGE}",
            ]
        )
        entry = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        run([client, "commit", "--change", entry, "--change", "CMD []", container, name])
    finally:
        run([client, "rm", "--force", "--volumes", container])


def _program(image: str) -> str:
    return image.rsplit("/", 1)[1].split(":")[0]


def _version() -> str:
    return programs()["kubernetes"].version


def _present(image: str) -> bool:
    return succeeds([engine.docker(), "image", "inspect", image])


def _pull(image: str) -> bool:
    """Whether a registry gave the image; a machine that reaches none says so at once."""
    with step(f"pull {image}"):
        command = ["timeout", str(PULL_SECONDS), engine.docker(), "pull", "--quiet", image]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
