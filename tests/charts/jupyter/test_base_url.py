"""A release below a path of its own, behind an Ingress that ends TLS with the certificate that the chart made."""

import base64
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser import keep_picture, new_page, open_browser
from tests.charts.jupyter import conftest
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import RELEASE, Site
from tests.charts.jupyter.test_browser import log_in, run_cell
from tests.charts.jupyter.test_hub import started
from tests.conftest import MakeNamespace
from tests.kube import Namespace, PortForward, is_local

# Elsewhere nobody knows which controller serves the Ingress, and how it is reached.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(not is_local(), reason="needs the local cluster's Ingress controller"),
]

BASE = "/course/"


@dataclass
class SecureSite(Site):
    """Reached over TLS through the local cluster's Ingress controller, below a path."""

    def __post_init__(self) -> None:
        self.forward = PortForward(Namespace("ingress"), "svc/traefik", 443)

    @property
    def url(self) -> str:
        """Where a browser goes, without the last slash."""
        return f"https://{self.host}:{self.forward.port()}{BASE.rstrip('/')}"

    def client(self) -> httpx.Client:
        """A browser without pages that trusts the chart's certificate, and no other."""
        parts = urlsplit(self.url)
        found = self.namespace.get("secret", f"{RELEASE}-proxy-tls")["data"]["tls.crt"]
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{parts.port}{parts.path}",
            headers={"Host": parts.netloc},
            verify=ssl.create_default_context(cadata=base64.b64decode(found).decode()),
            follow_redirects=True,
            timeout=120,
        )
        client.event_hooks["request"].append(self._name_host)
        return client

    def _name_host(self, request: httpx.Request) -> None:
        # TLS is for the name, not for the address behind it.
        request.extensions["sni_hostname"] = self.host


@pytest.fixture(scope="module")
def secure(make_namespace: MakeNamespace) -> Iterator[SecureSite]:
    values = conftest.values()
    del values["engines"]
    values |= {"hub": {"baseUrl": BASE}, "ingress": {"tls": {"selfSigned": True}}}
    made = SecureSite(make_namespace("jupyter-tls", pod_security="restricted"), values)
    made.install()
    yield made
    made.close()


def test_a_kernel_answers_over_tls_below_the_path(secure: SecureSite) -> None:
    with secure.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
        with ada.kernel() as kernel:
            assert kernel.run("import os; os.environ['JUPYTERHUB_SERVICE_PREFIX']") == "'/course/user/ada/'"


def test_nothing_of_it_is_outside_the_path(secure: SecureSite) -> None:
    with secure.client() as client:
        below, beside = (
            client.get("/hub/login"),
            client.get(f"https://127.0.0.1:{client.base_url.port}/hub/login"),
        )
    assert (below.status_code, beside.status_code) == (200, 404)
    assert all(f"Path={BASE}hub/" in said for said in below.headers.get_list("set-cookie"))


def test_a_browser_computes_over_a_websocket_through_tls(secure: SecureSite) -> None:
    with open_browser() as browser:
        page = new_page(browser, ignore_https_errors=True)
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        log_in(page, secure, "ada", PASSWORDS["ada"])
        page.wait_for_url(lambda url: "/hub/login" not in url)
        page.goto(f"{secure.url}/user/ada/lab?reset")
        page.click('.jp-LauncherCard[data-category="Notebook"]')
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        page.click(".jp-Notebook .jp-Cell .cm-content")
        page.keyboard.type("6 * 7")
        run_cell(page, "42")
        keep_picture(page, "over-tls")
    assert any(url.startswith(f"wss://{secure.host}") and "/channels" in url for url in sockets)


def test_helm_test_finds_the_hub_below_the_path(secure: SecureSite) -> None:
    secure.namespace.helm("test", RELEASE)
