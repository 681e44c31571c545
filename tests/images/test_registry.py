"""The registry is asked as docker asks it: with the credentials of a login. A real one, without, is in every end-to-end test."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from images import registry
from tests.cluster.errors import ClusterError

DIGEST = f"sha256:{'7a' * 32}"
LOGIN = base64.b64encode(b"ada:secret").decode()


class Guarded(BaseHTTPRequestHandler):
    """A registry with one image, which answers nobody without a login."""

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == f"Basic {LOGIN}"
        there = self.path in ("/v2/", "/v2/hpc/base/manifests/1")
        status, code = (401, "UNAUTHORIZED") if not allowed else (404, "MANIFEST_UNKNOWN")
        self.send_response(200 if allowed and there else status)
        if not allowed:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Docker-Content-Digest", DIGEST)
        self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        body = json.dumps({"errors": [{"code": code, "message": "no"}]}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The host and port of a registry to which docker is logged in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        host = f"127.0.0.1:{server.server_port}"
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": LOGIN}}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield host
        server.shutdown()
        thread.join()


def test_an_image_behind_a_login_is_found_with_it(guarded: str) -> None:
    assert registry.digest(f"{guarded}/hpc/base:1") == DIGEST
    assert registry.digest(f"{guarded}/hpc/base:2") is None


def test_an_image_that_nobody_may_see_is_not_there(guarded: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert registry.digest(f"{guarded}/hpc/base:1") is None


def test_where_no_registry_answers_that_is_said() -> None:
    with pytest.raises(ClusterError, match=r"no registry answers at localhost:1: .*refused"):
        registry.digest("localhost:1/hpc/base:1")
