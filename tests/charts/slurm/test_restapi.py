"""Slurm's REST API: a job by a token runs to its end; an expired token does nothing."""

import json
import time

import pytest

from tests.charts.slurm.cluster import Cluster

pytestmark = pytest.mark.e2e

CALL = """
import json, sys, urllib.request
path, token, body = sys.argv[1], sys.argv[2], sys.stdin.read()
headers = {"X-SLURM-USER-TOKEN": token, "X-SLURM-USER-NAME": "ada", "Content-Type": "application/json"}
request = urllib.request.Request("http://hpc-restapi:6820" + path, data=body.encode() or None, headers=headers)
try:
    print(urllib.request.urlopen(request, timeout=60).read().decode())
except urllib.error.HTTPError as error:
    print(json.dumps({"refused": error.code}))
"""


def call(cluster: Cluster, path: str, token: str, body: str = "") -> dict[str, object]:
    # From a pod with the label; the frontend has it not, so a worker's job is not the place either.
    said = cluster.namespace.exec("rest-client", "python", "-c", CALL, path, token, stdin=body)
    answer: dict[str, object] = json.loads(said.out)
    return answer


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> None:
    from tests.kube import image

    cluster.namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "rest-client", "labels": {"access-restapi": "true"}},
            "spec": {
                "containers": [{"name": "client", "image": image("compute"), "command": ["sleep", "3600"]}],
                "terminationGracePeriodSeconds": 0,
            },
        }
    )
    cluster.namespace.wait_ready("pod/rest-client")
    # The walls learn of a new pod a moment after it runs.
    reach = ("bash", "-c", "exec 3<>/dev/tcp/hpc-restapi/6820")
    cluster.wait("it is let in", lambda: cluster.namespace.exec("rest-client", *reach, check=False).code == 0)


def token(cluster: Cluster, seconds: int) -> str:
    return cluster.admin(f"scontrol token username=ada lifespan={seconds}").out.strip().split("=", 1)[1]


@pytest.mark.usefixtures("client")
def test_a_job_submitted_with_a_token_runs_as_the_user(cluster: Cluster) -> None:
    job = {
        "script": "#!/bin/sh\nid -un > rest.out\n",
        "job": {
            "name": "rest",
            "current_working_directory": "/home/ada",
            "environment": ["PATH=/usr/bin:/bin"],
            "memory_per_node": {"set": True, "number": 100},
        },
    }
    answer = call(cluster, "/slurm/v0.0.42/job/submit", token(cluster, 600), json.dumps(job))
    cluster.wait_states(str(answer["job_id"]), {"COMPLETED"})
    assert cluster.ssh("ada", "cat rest.out").out.strip() == "ada"


@pytest.mark.usefixtures("client")
def test_an_expired_token_is_refused(cluster: Cluster) -> None:
    short = token(cluster, 1)
    time.sleep(3)
    answer = call(cluster, "/slurm/v0.0.42/jobs", short)
    assert "jobs" not in answer or answer["jobs"] == []
    assert answer.get("errors") or answer.get("refused")
