"""The REST transport against a server that answers as slurmrestd does; a real one is in test_slurm_e2e.py."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.executors.slurm_job import JobRequest
from sweep_client.executors.slurm_rest import RestTransport, job_description, read_token
from sweep_client.executors.slurm_states import Task

REQUEST = JobRequest("sweep", "#!/bin/bash\n", 3, "/home/ada/results", {"cpus": 2, "memory": 3 << 30, "time": 5400.0, "gpus": 1, "partition": "long"}, 60)  # fmt: skip


class Slurmrestd:
    """Canned answers by method and path; remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append(
                    (self.command, self.path, json.loads(data) if data else None, dict(self.headers))
                )
                code, content = outer.answers.get((self.command, self.path), (404, {}))
                body = json.dumps(content).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Slurmrestd]:
    made = Slurmrestd()
    yield made
    made.stop()


@pytest.fixture
def transport(server: Slurmrestd, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestTransport]:
    monkeypatch.setenv("SLURM_JWT", "a.b.c")
    made = RestTransport(server.url, user="ada")
    yield made
    made.close()


def test_a_job_is_submitted_with_the_users_token(server: Slurmrestd, transport: RestTransport) -> None:
    server.answers["POST", "/slurm/v0.0.42/job/submit"] = (200, {"job_id": 17, "errors": []})
    assert transport.submit(REQUEST) == "17"
    _, _, content, headers = server.asked[0]
    assert (headers["X-SLURM-USER-NAME"], headers["X-SLURM-USER-TOKEN"]) == ("ada", "a.b.c")
    assert content["script"] == "#!/bin/bash\n"


def test_generic_names_become_fields_of_the_job() -> None:
    job = job_description(REQUEST)
    assert (job["cpus_per_task"], job["memory_per_node"]["number"], job["time_limit"]["number"]) == (
        2,
        3072,
        90,
    )
    assert (job["partition"], job["tres_per_job"], job["array"]) == ("long", "gres/gpu:1", "0-2")
    assert (job["kill_warning_signal"], job["kill_warning_delay"]["number"]) == ("USR1", 60)


def test_the_states_of_all_jobs_are_one_question(server: Slurmrestd, transport: RestTransport) -> None:
    jobs = [
        {"job_id": 18, "array_job_id": {"number": 17}, "job_state": ["RUNNING"], "state_reason": "None"},
        {"job_id": 17, "array_job_id": {"number": 17}, "job_state": ["PENDING"], "state_reason": "Priority"},
        {"job_id": 5, "array_job_id": {"number": 0}, "job_state": ["RUNNING"], "state_reason": "None"},
    ]
    server.answers["GET", "/slurm/v0.0.42/jobs/"] = (200, {"jobs": jobs})
    assert transport.tasks({"17"}) == [Task("17", "RUNNING", "None"), Task("17", "PENDING", "Priority")]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer", [(401, {}), (511, {"errors": [{"error": "Protocol authentication error"}]})]
)
def test_an_expired_token_says_how_to_make_a_new_one(
    server: Slurmrestd, transport: RestTransport, answer: tuple[int, Any]
) -> None:
    server.answers["GET", "/slurm/v0.0.42/jobs/"] = answer
    with pytest.raises(
        ExecutorError, match="refused or has expired; make a new one on the frontend with: scontrol token"
    ):
        transport.tasks({"1"})


def test_a_renewed_token_is_used(
    server: Slurmrestd, transport: RestTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["DELETE", "/slurm/v0.0.42/job/1"] = (200, {})
    transport.cancel({"1"})
    monkeypatch.setenv("SLURM_JWT", "d.e.f")
    transport.cancel({"1"})
    assert [headers["X-SLURM-USER-TOKEN"] for *_, headers in server.asked] == ["a.b.c", "d.e.f"]


def test_a_partition_that_does_not_exist_is_said(server: Slurmrestd, transport: RestTransport) -> None:
    errors = [{"description": "Batch job submission failed", "error": "Invalid partition name specified"}]
    server.answers["POST", "/slurm/v0.0.42/job/submit"] = (500, {"errors": errors})
    with pytest.raises(ExecutorError, match="there is no such partition"):
        transport.submit(REQUEST)


def test_a_server_of_another_version_is_named(transport: RestTransport) -> None:
    with pytest.raises(ExecutorError, match=r"no interface v0\.0\.42 there"):
        transport.tasks({"1"})


def test_a_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JWT", "a.b.c")
    away = RestTransport("http://127.0.0.1:9", user="ada")
    with pytest.raises(ExecutorError, match="slurmrestd cannot be reached"):
        away.tasks({"1"})
    away.close()


def test_accounting_that_is_absent_gives_nothing(transport: RestTransport) -> None:
    assert transport.history({"1"}) == []


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("SLURM_JWT=a.b.c\n")
    path.chmod(0o644)
    with pytest.raises(InputRefused, match="chmod 600"):
        read_token(str(path), "ada")
    path.chmod(0o600)
    assert read_token(str(path), "ada") == "a.b.c"


def test_no_token_says_where_one_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JWT", raising=False)
    with pytest.raises(InputRefused, match="set SLURM_JWT, or name a file of mode 0600"):
        read_token(None, "ada")


def test_no_address_says_which_option(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputRefused, match="-O url="):
        RestTransport("")
