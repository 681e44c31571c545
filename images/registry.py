"""What a registry holds, asked with the credentials that `docker login` left."""

import re
import subprocess

from tests.cluster.errors import ClusterError
from tests.cluster.tools import BIN

# What registries answer of an image that they lack. Some say the same of one that nobody may see, and of a project that does not exist
# yet, which the first push makes.
ABSENT = re.compile(r"\b(MANIFEST_UNKNOWN|NAME_UNKNOWN|UNAUTHORIZED|DENIED|40[134] )")


def digest(reference: str) -> str | None:
    """The digest under which a registry holds an image, or None where it does not or nobody may see it.

    Raises:
        ClusterError: no registry answers.
    """
    asked = subprocess.run([BIN / "crane", "digest", reference], capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return asked.stdout.strip()
    why = asked.stderr.strip().rpartition("\n")[2].removeprefix("Error: ")
    if ABSENT.search(why):
        return None
    host = reference.partition("/")[0]
    raise ClusterError(f"no registry answers at {host}: {why}", "make cluster, or REGISTRY=host/path")
