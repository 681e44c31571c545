"""Who logs in: the accounts that values name, by password or a provider. An account that is removed is logged out."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.user import User
from tornado import web
from traitlets import Bool, Dict

from . import providers
from .accounts import Accounts
from .passwords import matches
from .throttle import Throttle

# A hash takes a core for half a second; more at once would only take the hub's own.
CHECKS = ThreadPoolExecutor(max_workers=2)


class AccountAuthenticator(Authenticator):
    """Passwords of the accounts in values, and providers beside them; whoever has no account is nobody here."""

    passwords = Bool(True, help="Let accounts log in by password.").tag(config=True)
    providers = Dict(help="OAuth providers by name, as the chart's values say them.").tag(config=True)
    accounts = Accounts()
    throttle = Throttle()

    def get_handlers(self, app: Any) -> list[tuple[str, Any]]:
        """The password form's page, and each provider's."""
        pages: list[tuple[str, Any]] = super().get_handlers(app)
        for name, given in self.providers.items():
            pages += providers.handlers(providers.make(name, given, self), app)
        return pages

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the user's name, or None when name or password are wrong.

        Raises:
            web.HTTPError: 429, too many wrong ones; neither is looked at.
        """
        if not self.passwords:
            return None
        name = data.get("username", "")
        who = (name[:64], handler.request.remote_ip)
        if wait := self.throttle.wait(who):
            self.log.warning("Too many failed logins for %r from %s", *who)
            raise web.HTTPError(429, f"Too many failed logins. Try again in {wait:.0f} seconds.")
        hashed = self.accounts.password_hash(name)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(CHECKS, matches, data.get("password", ""), hashed)
        if not right:
            return None
        self.throttle.succeeded(who)
        return name

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:  # noqa: ARG002
        """Everybody with an account, and nobody else."""
        return self.accounts.find(username) is not None

    async def refresh_user(self, user: User, handler: Any = None, **_: Any) -> bool:  # noqa: ARG002
        """Cookies and tokens of a removed account stop working."""
        return self.accounts.find(user.name) is not None
