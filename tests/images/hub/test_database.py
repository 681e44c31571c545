"""The hub's tables over an upgrade of JupyterHub: converted at its start, and a copy of what they were is left."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import dbutil, orm
from jupyterhub.app import JupyterHub

from tests.images.hub.test_configuration import configured

__all__ = ["configured"]

# The tables of JupyterHub 4, which knew no roles that an authenticator manages.
OF_JUPYTERHUB_4 = "3c2384c5aae1"


def columns(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        return {row[1] for row in database.execute("PRAGMA table_info(roles)")}


def test_tables_of_an_older_jupyterhub_are_converted_and_a_copy_stays(
    configured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jupyterhub.sqlite"
    url = f"sqlite:///{path}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}")
    with orm.new_session_factory(url)() as session:
        session.add(orm.User(name="ada"))
        session.commit()
    with dbutil._temp_alembic_ini(url) as settings:
        subprocess.run(["alembic", "-c", settings, "downgrade", OF_JUPYTERHUB_4], check=True)
    assert "managed_by_auth" not in columns(path)
    hub = JupyterHub(config=configured())
    hub.init_db()
    assert [user.name for user in hub.db.query(orm.User)] == ["ada"]
    assert "managed_by_auth" in columns(path)
    (copy,) = tmp_path.glob("jupyterhub.sqlite.*")
    assert "managed_by_auth" not in columns(copy)
