"""Accounts as mounted files say them, read at every use: an added or removed user needs no restart of the hub."""

import json
from dataclasses import dataclass
from pathlib import Path

USERS = Path("/var/lib/extrausers")
SECRETS = Path("/etc/hpc/passwords")


@dataclass(frozen=True)
class Account:
    """One user: name, ids and the ids of further groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Accounts:
    """All users; `users` holds passwd(5) and group(5), `secrets` shadow(5) and identities.json."""

    users: Path = USERS
    secrets: Path = SECRETS

    def find(self, name: str) -> Account | None:
        """The account of that name, if there is one."""
        for entry, _, uid, gid, *_ in _lines(self.users / "passwd"):
            if entry == name:
                return Account(name, int(uid), int(gid), self._groups(name, int(gid)))
        return None

    def password_hash(self, name: str) -> str | None:
        """The hash of a user's password; None without an account or without a password."""
        if self.find(name) is None:
            return None
        hashes = {entry: value for entry, value, *_ in _lines(self.secrets / "shadow")}
        found = hashes.get(name, "*")
        return found if found.startswith("$") else None

    def of_identity(self, provider: str, identity: str, *, capitals: bool = True) -> Account | None:
        """The account that names this identity (`identities: {github: ada-l}`); `capitals` says whether they tell people apart."""
        table = json.loads((self.secrets / "identities.json").read_text()).get(provider, {})
        if not capitals:
            table, identity = {known.casefold(): name for known, name in table.items()}, identity.casefold()
        name = table.get(identity)
        return self.find(name) if name else None

    def _groups(self, name: str, gid: int) -> tuple[int, ...]:
        members = [(int(number), who.split(",")) for _, _, number, who, *_ in _lines(self.users / "group")]
        return tuple(sorted(number for number, who in members if name in who and number != gid))


def _lines(path: Path) -> list[list[str]]:
    """Fields of a colon-separated file."""
    return [line.split(":") for line in path.read_text().splitlines() if line.strip()]
