"""The accounts of images that charts refuse as users, read from the template that refuses them."""

import re
from typing import Any

import yaml

from tests.cluster.paths import ROOT

BLOCK = re.compile(r'define "hpc\.users\.ofImages" -\}\}\n(.*?)\{\{- end', re.DOTALL)


def refused_names() -> set[str]:
    """Names of users and groups; beside them those that begin with `_` or `systemd-`."""
    return set(_said()["names"])


def refused_ids() -> dict[int, str]:
    """Accounts by uid, which is their gid too."""
    return {int(number): name for number, name in _said()["ids"].items()}


def _said() -> dict[str, Any]:
    found = BLOCK.search((ROOT / "charts" / "slurm" / "templates" / "_users.tpl").read_text())
    assert found
    said: dict[str, Any] = yaml.safe_load(found[1])
    return said
