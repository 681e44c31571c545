"""Logins by OAuth: any number of providers beside the password form, each mapped to the accounts in values."""

import difflib
from pathlib import Path
from typing import Any

from jupyterhub.utils import get_browser_protocol, url_path_join
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from tornado import web

from .accounts import Accounts
from .traits import UnknownTrait

SECRETS = Path("/etc/hpc/oauth")
KINDS: dict[str, type[OAuthenticator]] = {"github": GitHubOAuthenticator, "generic": GenericOAuthenticator}


class Mapped:
    """What a provider of ours adds to an OAuthenticator: the account that names the identity, and a callback of its own."""

    provider = ""
    title = ""
    accounts = Accounts()

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> dict[str, Any] | None:
        """The account whose `identities` has whom the provider let in.

        Raises:
            web.HTTPError: 403, no account has that identity.
        """
        found = await super().authenticate(handler, data, **more)  # type: ignore[misc]
        if not found:
            return None
        # As GitHub and mail have it; what else a provider may call people, such as a `sub`, can differ by capitals alone.
        capitals = not isinstance(self, GitHubOAuthenticator) and "@" not in found["name"]
        account = self.accounts.of_identity(self.provider, found["name"], capitals=capitals)
        if account is None:
            raise web.HTTPError(
                403,
                f"No account here has the identity {found['name']} of {self.title}. Ask the admin to add it.",
            )
        return {"name": account.name, "auth_state": None}

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The identity, which the provider may not have said.

        Raises:
            web.HTTPError: 403, it is not in what the provider says.
        """
        try:
            name: str = super().user_info_to_username(user_info)  # type: ignore[misc]
        except ValueError:
            claim = self.username_claim  # type: ignore[attr-defined]
            raise web.HTTPError(403, f"{self.title} does not say your {claim}. Ask the admin.") from None
        return name

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:  # noqa: ARG002
        """Everybody with an account, and nobody else."""
        return self.accounts.find(username) is not None

    def get_callback_url(self, handler: Any = None) -> str:
        """Where the provider sends the browser back to."""
        given: str = self.oauth_callback_url  # type: ignore[attr-defined]
        request = handler.request
        path = url_path_join(handler.hub.server.base_url, self.provider, "oauth_callback")
        # The request's own protocol is that of the last proxy, which is asked without TLS.
        return given or f"{get_browser_protocol(request)}://{request.host}{path}"


def make(name: str, given: dict[str, Any], parent: Any) -> OAuthenticator:
    """An authenticator from the value `hub.authentication.providers.<name>`.

    Raises:
        UnknownTrait: `config` has a name that the authenticator does not know.
    """
    kind = KINDS[given["type"]]
    known = kind.class_trait_names(config=True)
    for trait in given.get("config", {}):
        if trait not in known:
            near = difflib.get_close_matches(trait, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UnknownTrait(
                f"hub.authentication.providers.{name}.config.{trait}: unknown trait of {kind.__name__}{meant}"
            )
    made = type(
        f"Mapped{kind.__name__}", (Mapped, kind), {"provider": name, "title": given.get("title", name)}
    )
    secret = (SECRETS / name / "client-secret").read_text().strip()
    found: OAuthenticator = made(
        parent=parent, client_id=given["clientId"], client_secret=secret, **given.get("config", {})
    )
    return found


def handlers(provider: Any, app: Any) -> list[tuple[str, Any]]:
    """The provider's pages below its own name; each knows its provider and not the hub's authenticator."""
    pages = [(path, page) for path, page in provider.get_handlers(app) if path != "/logout"]
    return [
        (f"/{provider.provider}{path}", type(page.__name__, (page,), {"authenticator": provider}))
        for path, page in pages
    ]
