"""A pool for tests of what a controller and its engines do."""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.notebook.pools import SECONDS, Pool, kill


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Pool]:
    """A pool without processes yet."""
    # A heart that a full machine leaves out for a while beats on.
    heart = {"HeartMonitor": {"max_heartmonitor_misses": SECONDS}}
    (tmp_path / "config.json").write_text(json.dumps(heart))
    (tmp_path / "profile").mkdir()
    (tmp_path / "key").write_bytes(secrets.token_bytes(32))
    environment = {
        **os.environ,
        "IPP_PROFILE_DIR": str(tmp_path / "profile"),
        "IPP_SESSION_KEY": "k" * 32,
        "POOL_SERVICE": "127.0.0.1",
        "HOSTNAME": "pod",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    made = Pool(tmp_path, environment)
    yield made
    for process in made.processes:
        if process.poll() is None:
            kill(process)
    made.ports.close()
