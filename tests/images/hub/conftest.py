"""Services of Slurm beside a spawner, for tests of servers that are jobs."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from images.hub.hpc_hub import spawner
from images.hub.hpc_hub.accounts import Accounts
from tests.images.hub.slurm_site import Site, served

Try = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The services, for ada, without pauses."""
    (tmp_path / "passwd").write_text("ada:x:20001:20001::/home/ada:/bin/bash\n")
    (tmp_path / "group").write_text("")
    monkeypatch.setattr(spawner, "Accounts", lambda: Accounts(tmp_path, tmp_path))
    return Site()


@pytest.fixture
def attempt(site: Site, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Run an async test beside the services; it gets their address."""

    async def within(test: Callable[[Any], Any]) -> Any:
        async with served(site, monkeypatch) as url:
            return await test(url)

    return lambda test: asyncio.run(within(test))
