"""What the entry point of slurmdbd makes of the database's password."""

import subprocess
from pathlib import Path

import pytest

from tests.images.slurm.conftest import Shell


def slurmdbd_conf(shell: Shell, folder: Path, password: str) -> subprocess.CompletedProcess[str]:
    """What is written for slurmdbd, as standard output."""
    (folder / "slurmdbd.conf").write_text("DbdHost=x\n")
    (folder / "password").write_text(password)
    files = {"SLURMDBD_CONF": "slurmdbd.conf", "DATABASE_PASSWORD_FILE": "password"}
    return shell.run(
        "accounting/entrypoint.sh", "write_config", **{key: str(folder / name) for key, name in files.items()}
    )


@pytest.mark.parametrize(
    ("password", "written"), [("s3cret", "s3cret"), (r"it's #1 \of campus", r"it's \#1 \\of campus")]
)
def test_slurmdbd_s_configuration_gets_the_password_from_its_file(
    shell: Shell, tmp_path: Path, password: str, written: str
) -> None:
    done = slurmdbd_conf(shell, tmp_path, password)
    assert done.stdout == f'DbdHost=x\nStoragePass="{written}"\n'


@pytest.mark.parametrize("password", ['with"quote', "two\nlines"])
def test_a_password_that_slurmdbd_cannot_read_is_refused(shell: Shell, tmp_path: Path, password: str) -> None:
    done = slurmdbd_conf(shell, tmp_path, password)
    assert done.returncode == 1
    assert "StoragePass" not in done.stdout
    assert "slurmdbd cannot read a password with" in done.stderr
