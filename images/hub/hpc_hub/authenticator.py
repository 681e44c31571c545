"""Who logs in: the accounts that values name, by password. An account that is removed is logged out."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.user import User

from .accounts import Accounts
from .passwords import matches

# A hash takes a core for half a second; more at once would only take the hub's own.
CHECKS = ThreadPoolExecutor(max_workers=2)


class AccountAuthenticator(Authenticator):
    """Passwords of the accounts in values; whoever has no account is nobody here."""

    accounts = Accounts()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:  # noqa: ARG002
        """Return the user's name, or None when name or password are wrong."""
        name = data.get("username", "")
        hashed = self.accounts.password_hash(name)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(CHECKS, matches, data.get("password", ""), hashed)
        return name if right else None

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:  # noqa: ARG002
        """Everybody with an account, and nobody else."""
        return self.accounts.find(username) is not None

    async def refresh_user(self, user: User, handler: Any = None, **_: Any) -> bool:  # noqa: ARG002
        """Cookies and tokens of a removed account stop working."""
        return self.accounts.find(user.name) is not None
