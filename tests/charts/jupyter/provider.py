"""A login provider in a pod: npm's certified oidc-provider, which browsers reach by a port-forward and the hub by a Service."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.charts.jupyter.site import Site
from tests.cluster import child_image
from tests.kube import PortForward

FOLDER = Path(__file__).parent / "oidc"
NAME = "login-provider"
PORT = 3000
INSIDE = f"http://{NAME}:{PORT}"
# Each is one client of the provider: what tells the hub who somebody is, and the scope that asks for it.
CLIENTS = {"campus": ("email", "email"), "lab": ("preferred_username", "profile")}


@dataclass(frozen=True)
class Provider:
    """A provider that runs; its people are whoever logs in, by any password."""

    url: str

    @property
    def values(self) -> dict[str, Any]:
        """The value `hub.authentication.providers`."""
        return {name: self._client(name, *asked) for name, asked in CLIENTS.items()}

    def _client(self, name: str, claim: str, scope: str) -> dict[str, Any]:
        config = {
            "authorize_url": f"{self.url}/auth",
            "token_url": f"{INSIDE}/token",
            "userdata_url": f"{INSIDE}/me",
            "username_claim": claim,
            "scope": ["openid", scope],
        }
        title = name.capitalize()
        return {
            "type": "generic",
            "title": title,
            "clientId": name,
            "existingSecret": f"hub-{name}",
            "config": config,
        }


@contextmanager
def running(site: Site) -> Iterator[Provider]:
    """Have a provider beside a release, and its clients' Secrets."""
    keys = {name: secrets.token_hex(16) for name in CLIENTS}
    clients = [
        {
            "client_id": name,
            "client_secret": key,
            "token_endpoint_auth_method": "client_secret_post",
            "redirect_uris": [f"{site.url}/hub/{name}/oauth_callback"],
        }
        for name, key in keys.items()
    ]
    site.namespace.apply(*(_secret(name, key) for name, key in keys.items()), _pod(clients), _service())
    site.namespace.wait_ready(f"pod/{NAME}")
    forward = PortForward(site.namespace, f"svc/{NAME}", PORT)
    try:
        yield Provider(f"http://127.0.0.1:{forward.port()}")
    finally:
        forward.close()


def _secret(client: str, key: str) -> dict[str, Any]:
    metadata = {"name": f"hub-{client}"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"client-secret": key}}


def _pod(clients: list[dict[str, Any]]) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": child_image.pushed("oidc-provider", "base", FOLDER),
        "env": [{"name": "ISSUER", "value": INSIDE}, {"name": "CLIENTS", "value": json.dumps(clients)}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1, "timeoutSeconds": 10},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    metadata = {"name": NAME, "labels": {"app": NAME}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _service() -> dict[str, Any]:
    spec = {"selector": {"app": NAME}, "ports": [{"port": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}
