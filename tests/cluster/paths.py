"""Where things lie: the checkout's own tools, and the cache that outlives a checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "cluster"
TOOLS = ROOT / ".tools"
KUBECONFIG = TOOLS / "kubeconfig"


def cache() -> Path:
    """The folder outside the checkout that keeps what is slow to build, by version."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hpc-charts"
