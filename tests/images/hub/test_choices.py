"""What the spawn form offers for servers that are Slurm jobs, from what Slurm says that the cluster has."""

import asyncio
from typing import Any
from unittest.mock import patch

import pytest

from images.hub.hpc_hub import choices
from images.hub.hpc_hub.choices import Queue
from images.hub.hpc_hub.servers import NoServer
from images.hub.hpc_hub.slurm import Refused
from tests.images.hub.conftest import Try
from tests.images.hub.slurm_site import Site, made, node, partition

NOTEBOOKS = Queue("notebooks", cores=4, mebibytes=15 * 1024, minutes=720)
LONG = Queue("long", cores=12, mebibytes=60_000)
OPEN = {"partitions": ["notebooks", "long"]}


def profile(**slurm: Any) -> dict[str, Any]:
    """A profile as spawner.py makes it."""
    job = {"partitions": ["notebooks", "long"], **slurm}
    return {"slug": "job", "description": "A job", "kubespawner_override": {"job": job}}


def texts(option: str, *found: Queue, **slurm: Any) -> list[str]:
    offered = choices.offered(profile(**slurm), list(found))["profile_options"][option]["choices"]
    return [choice["display_name"] for choice in offered.values()]


def default(option: str, *found: Queue) -> str:
    offered = choices.offered(profile(), list(found))["profile_options"][option]["choices"]
    (key,) = [key for key, choice in offered.items() if choice["default"]]
    return str(key)


def test_a_queue_has_the_size_of_its_largest_node_and_its_time_limit() -> None:
    nodes = [
        node("a", 2, 16_384, "notebooks"),
        node("b", 4, 8_192, "notebooks", "long", state=["IDLE", "POWERED_DOWN"]),
    ]
    found = choices.queues(["long", "notebooks"], [partition("notebooks", 720), partition("long")], nodes)
    assert found == [Queue("long", 4, 8_192, 0), Queue("notebooks", 4, 16_384, 720)]


def test_queues_that_are_not_named_down_or_unknown_are_left_out() -> None:
    told = [partition("notebooks", 720, state="DRAIN"), partition("long"), partition("secret")]
    assert [queue.name for queue in choices.queues(["notebooks", "long", "typo"], told, [])] == ["long"]


def test_what_slurm_keeps_for_the_system_and_what_a_queue_forbids_is_not_offered() -> None:
    limit = {"set": True, "infinite": False, "number": 3}
    nodes = [
        node("a", 8, 16_384, "notebooks", effective_cpus=6, specialized_memory=1_024),
        node("later", 64, 999_999, "notebooks", state=["FUTURE"]),
    ]
    (found,) = choices.queues(["notebooks"], [partition("notebooks")], nodes)
    assert (found.cores, found.mebibytes) == (6, 15_360)
    (found,) = choices.queues(["notebooks"], [partition("notebooks", cpus_per_node=limit)], nodes)
    assert found.cores == 3


def test_answers_without_what_is_looked_for_are_no_error() -> None:
    assert choices.queues(["notebooks"], [{"name": "notebooks"}], [{"name": "a"}]) == [Queue("notebooks")]


def test_queues_say_what_they_have() -> None:
    assert texts("queue", NOTEBOOKS, LONG, Queue("idle", minutes=90)) == [
        "notebooks: 4 cores and 15 GB a node, 12 h at most",
        "long: 12 cores and 58.6 GB a node, no time limit",
        "idle: no node now, 90 min at most",
    ]


def test_sizes_double_up_to_the_largest_of_each_queue() -> None:
    assert texts("cores", NOTEBOOKS, LONG) == ["1 core", "2 cores", "4 cores", "8 cores", "12 cores"]
    assert texts("memory", NOTEBOOKS) == ["1 GB", "2 GB", "4 GB", "8 GB", "15 GB"]
    assert texts("memory", Queue("small", 1, 700)) == ["0.7 GB"]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (30, ["30 min"]),
        (360, ["1 h", "2 h", "4 h", "6 h"]),
        (1440, ["1 h", "2 h", "4 h", "8 h", "12 h", "24 h"]),
        (4320, ["1 h", "2 h", "4 h", "8 h", "12 h", "24 h", "2 days", "3 days"]),
        (0, ["1 h", "2 h", "4 h", "8 h", "12 h", "24 h", "2 days", "4 days", "7 days"]),
    ],
)
def test_run_times_go_up_to_the_limit(minutes: int, expected: list[str]) -> None:
    assert texts("time", Queue("only", 1, 1024, minutes)) == expected


def test_whoever_does_not_choose_gets_the_first_queue_a_core_and_eight_hours() -> None:
    named = {name: default(name, NOTEBOOKS, LONG) for name in choices.OPTIONS}
    assert named == {"queue": "notebooks", "cores": "1", "memory": "1G", "time": "480"}
    assert default("time", Queue("short", 1, 1024, 240), LONG) == "240"
    assert default("time", Queue("odd", 1, 1024, 500), LONG) == "480"


def test_what_the_values_fix_is_not_offered() -> None:
    found = choices.offered(profile(cpus=2, memory="4G"), [NOTEBOOKS])
    assert list(found["profile_options"]) == ["queue", "time"]
    assert found["kubespawner_override"]["job"] == {"partition": "notebooks", "cpus": 2, "memory": "4G"}


def test_queues_without_a_node_offer_no_sizes() -> None:
    found = choices.offered(profile(), [Queue("notebooks", minutes=60)])
    assert list(found["profile_options"]) == ["queue", "time"]


def test_without_an_answer_the_profile_says_why_and_takes_its_first_queue() -> None:
    found = choices.offered(profile(cpus=2), [], why="<b>502</b>")
    assert "profile_options" not in found
    assert found["kubespawner_override"]["job"] == {"partition": "notebooks", "cpus": 2}
    assert found["description"] == (
        "A job. Slurm does not say now what there is to choose (&lt;b&gt;502&lt;/b&gt;): "
        "a server gets what queue notebooks gives by itself."
    )


def test_queues_that_are_all_down_are_said() -> None:
    described = choices.offered(profile(), [])["description"]
    assert "(none of the queues notebooks, long is up)" in described


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"memory": "64G"}, "64G is not offered any more as memory: choose again"),
        ({"time": 480}, "480 is not offered any more as run time: choose again"),
        ({"queue": ["long"]}, r"\['long'\] is not offered any more as queue: choose again"),
        (
            {"cores": "8"},
            "no node of queue notebooks has more than 4 cores: choose less, or another queue",
        ),
        ({"memory": "16G"}, "no node of queue notebooks has more than 15 GB of memory"),
        ({"time": "1440"}, "queue notebooks allows 12 h at most: choose less, or another queue"),
    ],
)
def test_a_start_that_nobody_can_have_is_refused(chosen: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        choices.offered(profile(), [NOTEBOOKS, LONG], chosen=chosen)


@pytest.mark.parametrize(
    "chosen", [{}, {"queue": "long", "cores": "12", "memory": "60000M", "time": "10080"}]
)
def test_a_start_that_can_be_had_is_not(chosen: dict[str, Any]) -> None:
    assert choices.offered(profile(), [NOTEBOOKS, LONG], chosen=chosen)["profile_options"]


def test_a_choice_is_not_forgotten_when_slurm_does_not_answer() -> None:
    with pytest.raises(Refused, match="no answer"):
        choices.offered(profile(), [], why="no answer", chosen={"cores": "4"})


def test_profiles_without_choices_stay_a_list() -> None:
    fixed = {"slug": "job", "kubespawner_override": {"job": {"partition": "notebooks"}}}
    assert choices.profile_list([fixed]) == [fixed]


def test_the_form_offers_what_slurm_says_to_its_user(site: Site, attempt: Try) -> None:
    form = attempt(lambda url: made(url, job=OPEN).get_options_form())
    assert 'name="profile-option-slurm--queue"' in form
    assert "notebooks: 4 cores and 15 GB a node, 12 h at most" in form
    assert '<option value="480" selected>8 h</option>' in form
    assert site.asked == [("TOKEN", "token of-the-hub"), ("GET", "partitions"), ("GET", "nodes")]
    assert all(headers["X-SLURM-USER-NAME"] == "ada" for headers in site.headers)


@pytest.mark.parametrize(
    ("away", "silent", "why"),
    [(True, 0.0, "Slurm does not say now what there is"), (False, 5.0, "(no answer within 1 s)")],
)
def test_the_form_comes_without_slurm(
    site: Site, attempt: Try, monkeypatch: pytest.MonkeyPatch, away: bool, silent: float, why: str
) -> None:
    monkeypatch.setattr(choices, "ANSWER_SECONDS", 1)
    site.away, site.silent_seconds = away, silent
    form = attempt(lambda url: made(url, job=OPEN).get_options_form())
    assert why in form
    assert "profile-option-slurm" not in form


def started(site: Site, attempt: Try, chosen: dict[str, Any], job: dict[str, Any] = OPEN) -> dict[str, Any]:
    """What Slurm is asked for when a user chooses."""

    async def test(url: str) -> None:
        found = made(url, job=job)
        found.user_options = chosen
        await found.start()

    attempt(test)
    submitted: dict[str, Any] = site.submitted[0]["job"]
    return submitted


def test_a_server_is_a_job_of_the_size_that_its_user_chose(site: Site, attempt: Try) -> None:
    chosen = {"profile": "slurm", "queue": "long", "cores": "8", "memory": "60000M", "time": "2880"}
    job = started(site, attempt, chosen)
    assert (job["partition"], job["cpus_per_task"]) == ("long", 8)
    assert (job["memory_per_node"]["number"], job["time_limit"]["number"]) == (60_000, 2_880)


def test_a_start_without_a_form_is_of_the_usual_size(site: Site, attempt: Try) -> None:
    job = started(site, attempt, {})
    assert (job["partition"], job["cpus_per_task"]) == ("notebooks", 1)
    assert (job["memory_per_node"]["number"], job["time_limit"]["number"]) == (1_024, 480)


def test_a_start_without_choices_takes_what_the_first_queue_gives(site: Site, attempt: Try) -> None:
    site.partitions = []
    job = started(site, attempt, {"profile": "slurm"}, {**OPEN, "cpus": 2})
    assert (job["partition"], job["cpus_per_task"]) == ("notebooks", 2)
    assert not {"memory_per_node", "time_limit"} & set(job)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"profile": "slurm", "memory": "64G"}, "64G is not offered any more as memory: choose again"),
        ({"profile": "slurm", "cores": "8"}, "no node of queue notebooks has more than 4 cores: choose less, or another queue"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_said_on_the_spawn_page(
    site: Site, attempt: Try, chosen: dict[str, Any], words: str
) -> None:
    with pytest.raises(NoServer) as ended:
        started(site, attempt, chosen)
    assert ended.value.jupyterhub_message == f"Your server could not be started as a Slurm job. {words}"
    assert site.submitted == []


def test_what_slurm_refuses_all_the_same_is_said_in_plain_words(site: Site, attempt: Try) -> None:
    site.refusal = "Requested node configuration is not available"
    with pytest.raises(NoServer) as ended:
        started(site, attempt, {"profile": "slurm", "cores": "4"})
    assert "no node of this queue is so large" in ended.value.jupyterhub_message


def test_a_pod_beside_such_a_profile_asks_slurm_nothing(site: Site, attempt: Try) -> None:
    with patch("kubespawner.KubeSpawner.start", return_value=asyncio.sleep(0, "pod")):

        async def test(url: str) -> None:
            found = made(url, job=OPEN)
            found.user_options = {"profile": "pod"}
            assert await found.start() == "pod"

        attempt(test)
    assert site.asked == []
