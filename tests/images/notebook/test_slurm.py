"""Slurm's commands in a server: where their token comes from, how long it is kept, and what they say without one."""

import json
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from images.notebook.hpc_notebook import slurm


class Service(BaseHTTPRequestHandler):
    """A token service that counts."""

    asked: ClassVar[list[str]] = []
    status = 200
    page = ""

    def do_POST(self) -> None:
        self.asked.append(str(self.headers["Authorization"]))
        answer = {"token": f"token-{len(self.asked)}", "expires": time.time() + 600, "lifespan": 600}
        self.send_response(self.status)
        self.end_headers()
        content = answer if self.status == 200 else {"message": "ada has no account"}
        self.wfile.write((self.page or json.dumps(content)).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Service]]:
    kind = type("Own", (Service,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(slurm, "CACHE", tmp_path / "token.json")
    monkeypatch.setenv("SLURM_TOKENS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "of-the-server")
    yield kind
    server.shutdown()
    server.server_close()


def test_a_command_gets_the_token_of_its_user(service: type[Service]) -> None:
    assert slurm.command_environment("sbatch", {"HOME": "/home/ada"}) == {
        "HOME": "/home/ada",
        "SLURM_JWT": "token-1",
    }
    assert service.asked == ["token of-the-server"]


def test_a_token_is_used_again_until_half_of_its_life_is_over(service: type[Service]) -> None:
    assert [slurm.token(), slurm.token()] == ["token-1", "token-1"]
    kept = json.loads(slurm.CACHE.read_text())
    slurm.CACHE.write_text(json.dumps({**kept, "expires": time.time() + 299}))
    assert slurm.token() == "token-2"


def test_a_token_is_kept_where_only_its_user_reads(service: type[Service]) -> None:
    slurm.token()
    assert stat.S_IMODE(slurm.CACHE.stat().st_mode) == 0o600
    assert [path.name for path in slurm.CACHE.parent.iterdir()] == ["token.json"]


def test_a_cache_that_is_broken_is_made_anew(service: type[Service]) -> None:
    slurm.CACHE.write_text("{")
    assert slurm.token() == "token-1"


def test_what_the_service_says_reaches_the_user(service: type[Service]) -> None:
    service.status = 403
    with pytest.raises(slurm.NoToken, match="ada has no account"):
        slurm.token()


@pytest.mark.parametrize(
    ("status", "words"), [(502, "answers 502 Bad Gateway and is no token service"), (200, "does not answer")]
)
def test_a_proxy_that_answers_in_its_place_is_told_apart(
    service: type[Service], status: int, words: str
) -> None:
    service.status, service.page = status, "<html>sorry</html>"
    with pytest.raises(slurm.NoToken, match=words):
        slurm.token()


def test_a_service_that_is_away_is_named(service: type[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_TOKENS_URL", "http://127.0.0.1:9")
    with pytest.raises(slurm.NoToken, match=r"the token service at http://127.0.0.1:9 does not answer"):
        slurm.token()


def test_a_server_without_slurm_says_so(service: type[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_TOKENS_URL")
    with pytest.raises(slurm.NoToken, match="this server has no Slurm"):
        slurm.token()


@pytest.mark.parametrize("name", ["srun", "salloc"])
def test_steps_outside_a_job_are_refused_with_what_works_instead(service: type[Service], name: str) -> None:
    with pytest.raises(slurm.NoToken, match="submit a script with sbatch"):
        slurm.command_environment(name, {})
    assert service.asked == []


def test_inside_a_job_no_token_is_added(service: type[Service]) -> None:
    assert slurm.command_environment("srun", {"SLURM_JOB_ID": "1"}) == {"SLURM_JOB_ID": "1"}
    assert service.asked == []


def test_what_a_server_that_is_a_job_submits_gets_neither_its_tokens_nor_its_sizes(
    service: type[Service],
) -> None:
    job = {
        "SLURM_JOB_ID": "1",
        "SLURM_MEM_PER_NODE": "640",
        "JUPYTERHUB_API_TOKEN": "x",
        "JPY_API_TOKEN": "x",
    }
    kept = {"SLURM_CONF": "/run/slurm/conf/slurm.conf", "HOME": "/home/ada"}
    assert slurm.command_environment("sbatch", job | kept) == kept
    assert slurm.command_environment("srun", job | kept) == job | kept
    assert service.asked == []
