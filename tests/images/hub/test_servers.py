"""Servers that are Slurm jobs: what Slurm is asked for, what users read while they wait and after the end, and whom the hub trusts."""

import asyncio
import hmac
import json
import time
from typing import Any
from unittest.mock import patch

import pytest
from kubernetes_asyncio.client.rest import ApiException

from images.hub.hpc_hub import server_job, servers, slurm_words
from images.hub.hpc_hub.servers import NoServer
from sweep_client.executors import slurm_states
from tests.images.hub.conftest import Try
from tests.images.hub.slurm_site import CANCELLED, PENDING, RUNNING, Site, made


def test_a_server_is_a_job_of_the_size_that_the_profile_says(site: Site, attempt: Try) -> None:
    async def test(url: str) -> None:
        host, port = await made(url).start()
        assert (host, port) == ("127.0.0.1", int(url.rpartition(":")[2]))

    attempt(test)
    job = site.submitted[0]["job"]
    assert (job["partition"], job["cpus_per_task"]) == ("notebooks", 2)
    assert (job["memory_per_node"]["number"], job["time_limit"]["number"]) == (1536, 480)
    assert (job["shared"], job["requeue"]) == (["user"], False)
    assert (job["current_working_directory"], job["standard_output"]) == (
        "/home/ada",
        "/home/ada/jupyter-server-%j.log",
    )


def test_the_script_is_the_same_for_everybody_and_secrets_are_in_the_environment_alone(
    site: Site, attempt: Try
) -> None:
    attempt(lambda url: made(url).start())
    assert site.submitted[0]["script"] == "#!/bin/bash\nexec jupyterhub-singleuser\n"
    assert site.environment["JUPYTERHUB_API_TOKEN"] == "of-the-server"
    assert site.environment["JUPYTERHUB_SERVICE_URL"].endswith("/user/ada/")
    rest = {name: value for name, value in site.submitted[0]["job"].items() if name != "environment"}
    assert "of-the-server" not in json.dumps(rest)
    assert site.environment["HPC_PROOF_KEY"] not in json.dumps(rest)
    # Of the pod that it is not.
    assert "MEM_LIMIT" not in site.environment


def test_slurm_is_asked_as_the_user_by_a_token_that_his_hub_token_gives(site: Site, attempt: Try) -> None:
    attempt(lambda url: made(url).start())
    assert [asked for asked in site.asked if asked[0] == "TOKEN"] == [("TOKEN", "token of-the-hub")]
    assert all(headers["X-SLURM-USER-NAME"] == "ada" for headers in site.headers)
    assert all(headers["X-SLURM-USER-TOKEN"] == "a.b.c" for headers in site.headers)


def test_the_hub_s_token_lives_for_a_minute_and_opens_the_user_s_servers_alone(
    site: Site, attempt: Try
) -> None:
    async def test(url: str) -> Any:
        found = made(url)
        await found.start()
        return found.user.new_api_token.call_args.kwargs

    given = attempt(test)
    assert (given["expires_in"], given["scopes"]) == (60, ["access:servers!user=ada"])


def test_what_the_job_waits_for_is_said_in_plain_words(site: Site, attempt: Try) -> None:
    site.jobs = [PENDING, RUNNING]

    async def test(url: str) -> list[str]:
        found = made(url)
        start = asyncio.ensure_future(found.start())
        said = []
        async for event in found.progress():
            said.append(event["message"])
            if len(said) == 2:
                break
        await start
        return said

    assert attempt(test) == [
        "Slurm job 17 waits for free cores or memory (queue notebooks)",
        "Slurm job 17 runs on 127.0; JupyterLab is starting",
    ]


def test_a_job_that_is_cancelled_while_it_waits_ends_the_start_with_a_message(
    site: Site, attempt: Try
) -> None:
    site.jobs = [PENDING, CANCELLED]
    with pytest.raises(NoServer) as ended:
        attempt(lambda url: made(url).start())
    message = "Your server, Slurm job 17, was cancelled. Its log is ~/jupyter-server-17.log"
    assert ended.value.jupyterhub_message == message


def test_a_long_wait_ends_with_its_reason(site: Site, attempt: Try) -> None:
    site.jobs = [PENDING]
    with pytest.raises(NoServer) as ended:
        attempt(lambda url: made(url, start_timeout=2).start())
    assert "did not start in 2 s: its job waits for free cores or memory" in ended.value.jupyterhub_message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Invalid partition name specified",
            "there is no such queue (Slurm says: Invalid partition name specified)",
        ),
        ("Something new", "Slurm says: Something new"),
    ],
)
def test_a_job_that_slurm_does_not_take_says_why(site: Site, attempt: Try, said: str, words: str) -> None:
    site.refusal = said
    with pytest.raises(NoServer) as ended:
        attempt(lambda url: made(url).start())
    assert ended.value.jupyterhub_message == f"Your server could not be started as a Slurm job. {words}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"message": "exceeded quota: hpc, requested: pods=1"}', "exceeded quota: hpc, requested: pods=1"),
        ("<html>", "Forbidden"),
    ],
)
def test_a_pod_that_kubernetes_does_not_take_says_why(
    site: Site, attempt: Try, body: str, words: str
) -> None:
    refused = ApiException(status=403, reason="Forbidden")
    refused.body = body.encode()
    with patch("kubespawner.KubeSpawner.start", side_effect=refused), pytest.raises(NoServer) as ended:
        attempt(lambda url: made(url, job=None).start())
    assert ended.value.jupyterhub_message.startswith(f"Kubernetes did not take your server: {words}. ")


def test_whoever_has_the_port_and_not_the_key_is_no_server(site: Site, attempt: Try) -> None:
    site.proof = lambda _, nonce: hmac.digest(b"guessed", nonce.encode(), "sha256").hex()
    with pytest.raises(NoServer, match="did not start"):
        attempt(lambda url: made(url, start_timeout=7).start())


def test_a_server_whose_port_is_taken_over_is_off_at_once(site: Site, attempt: Try) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        assert await found.poll() is None
        site.proof = lambda *_: "mine"
        assert await found.poll() == 1
        assert "something else answered at its address" in found.last_end

    attempt(test)
    assert ("DELETE", "17") in site.asked


def test_a_server_is_found_again_by_a_hub_that_was_restarted(site: Site, attempt: Try) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        again = made(url, state=json.loads(json.dumps(found.get_state())))
        assert again.poll_interval == servers.POLL_SECONDS
        assert await again.poll() is None

    attempt(test)


def test_a_hub_that_starts_finds_a_server_without_slurm_which_asks_the_hub_itself(
    site: Site, attempt: Try
) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        again = made(url, state=found.get_state())
        again._check_pending = site.away = True
        assert await again.poll() is None

    attempt(test)


def test_a_server_that_ended_while_the_hub_was_away_is_gone_when_slurm_answers_again(
    site: Site, attempt: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "STARTING_TRIES", 1)

    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        site.jobs, site.proof, site.away = [CANCELLED], lambda *_: "nobody", True
        again = made(url, state=found.get_state())
        again._check_pending = True
        asyncio.get_running_loop().call_later(1.5, lambda: setattr(site, "away", False))
        assert await again.poll() == 1
        assert "was cancelled" in again.last_end

    attempt(test)


def test_a_job_for_which_no_hub_waits_any_more_is_cancelled(site: Site, attempt: Try) -> None:
    site.jobs = [PENDING]

    async def test(url: str) -> None:
        waiting = {"job": {"id": "17", "address": None, "key": "x", "last_end": ""}}
        assert await made(url, state=waiting).poll() == 1

    attempt(test)
    assert ("DELETE", "17") in site.asked


def test_a_slurm_that_does_not_answer_ends_no_server(site: Site, attempt: Try) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        site.away = True
        assert await found.poll() is None

    attempt(test)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"job_state": ["TIMEOUT"]}, "reached its time limit"),
        ({"job_state": ["NODE_FAIL"]}, "lost its node"),
        ({**RUNNING, "end_time": {"set": True, "number": time.time() + 5}}, "reached its time limit"),
        ({"job_state": ["FAILED"], "exit_code": {"return_code": {"set": True, "number": 3}}}, "failed with exit code 3"),
        ({"job_state": ["FAILED"], "exit_code": {"return_code": {"set": True, "number": 127}}}, "the image slurm-notebook-worker"),
        ({"job_state": ["FAILED"], "exit_code": {"return_code": {"set": True, "number": 0}, "signal": {"id": {"set": True, "number": 9}}}}, "took more memory than it asked for"),
        (None, "Slurm does not know it any more"),
    ],
)  # fmt: skip
def test_the_end_of_a_job_is_noticed_and_told_at_the_next_start(
    site: Site, attempt: Try, job: Any, words: str
) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        site.jobs = [job]
        assert await found.poll() == 1
        # As the hub does at a stop, and then for the next server.
        found.clear_state()
        following = made(url, state=json.loads(json.dumps(found.get_state())))
        assert following.job_id == ""
        form = await following.get_options_form()
        assert words in form
        assert form.index(words) < form.index("Slurm</label>" if "Slurm</label>" in form else "slurm")

    attempt(test)


@pytest.mark.parametrize("busy", [0, 1])
def test_a_stop_cancels_the_job_and_waits_for_its_end(site: Site, attempt: Try, busy: int) -> None:
    async def test(url: str) -> None:
        found = made(url)
        await found.start()
        site.busy = busy
        # Without a token yet.
        again = made(url, state=found.get_state())
        await again.stop()
        assert site.jobs == [CANCELLED]
        assert await again.poll() == 1

    attempt(test)
    assert ("DELETE", "17") in site.asked


def test_a_server_that_is_a_pod_asks_slurm_nothing(site: Site, attempt: Try) -> None:
    async def test(url: str) -> None:
        found = made(url, job=None)
        with patch("kubespawner.KubeSpawner.start", return_value=asyncio.sleep(0, "pod")):
            assert await found.start() == "pod"

    attempt(test)
    assert site.asked == []


def test_the_hub_s_words_for_reasons_are_those_of_sweeps() -> None:
    assert set(slurm_words.REASONS) <= set(slurm_states.REASONS)
    assert slurm_words.plain_reason("Odd") == slurm_states.plain_reason("Odd")


@pytest.mark.parametrize(("size", "expected"), [("1048576", 1), ("512M", 512), ("1.5G", 1536), ("10K", 1)])
def test_a_size_is_what_slurm_counts(size: str, expected: int) -> None:
    assert server_job.mebibytes(size) == expected
