"""Images of tests: children of the product's images, under a tag of what they are made of."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from images.build import build_secrets
from tests.cluster import engine
from tests.cluster.steps import run
from tests.kube import image


def build(name: str, parent: str, folder: Path, *added: Path) -> str:
    """Have an image in the local engine, and return its reference.

    Args:
        name: of the image; it may have a registry in front.
        parent: reference of the image that it stands on, the build argument PARENT.
        folder: the build's context with a Dockerfile.
        added: folders that the context has too, each under its own name.
    """
    files = [path for source in (folder, *added) for path in sorted(source.iterdir()) if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    reference = f"{name}:{hashlib.sha256(parent.encode() + content).hexdigest()[:12]}"
    command = [engine.docker(), "build", "--quiet", f"--build-arg=PARENT={parent}", f"--tag={reference}"]
    with tempfile.TemporaryDirectory() as context, build_secrets() as secrets:
        shutil.copytree(folder, context, dirs_exist_ok=True)
        for source in added:
            shutil.copytree(source, Path(context) / source.name)
        run([*command, *secrets, context], env=engine.BUILDKIT)
    return reference


def pushed(name: str, of: str, folder: Path, *added: Path) -> str:
    """Have a child of one of the product's images in the registry that those come from, where pods pull it, and return its reference."""
    parent = image(of)
    reference = build(f"{parent.rsplit('/', 1)[0]}/{name}", parent, folder, *added)
    run([engine.docker(), "push", "--quiet", reference])
    return reference
