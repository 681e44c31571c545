"""The chart's settings become traits, and names that JupyterHub does not know end the start."""

import asyncio
import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, patch

import pytest
from jupyterhub.objects import Hub
from kubespawner import KubeSpawner
from tornado import web
from traitlets.config import Config

from images.hub.hpc_hub import configuration, spawner
from images.hub.hpc_hub.accounts import Accounts
from images.hub.hpc_hub.traits import UnknownTrait
from tests.charts.render import render
from tests.cluster.paths import ROOT

HASH = "$y$j9T$ijSEh8eNnCWUEi8dTUxlQ0$fQ5AQNaTlGYH3Bo3oZ6IFrgy7JQpHQGRT3okoWCmUUB"


def settings(values: dict[str, Any]) -> str:
    """settings.json as the chart makes it."""
    given = {"users": {"ada": {"uid": 20001, "passwordHash": HASH}}, **values}
    for item in render("jupyter", given):
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "hpc-hub":
            text: str = item["data"]["settings.json"]
            return text
    raise AssertionError("no settings")


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives the configuration of some values."""
    (tmp_path / "cookie").write_bytes(b"x" * 32)
    monkeypatch.setattr(configuration, "COOKIE_SECRET", tmp_path / "cookie")

    def of(**values: Any) -> Config:
        path = tmp_path / "settings.json"
        path.write_text(settings(values))
        c = Config()
        configuration.configure(c, path)
        return c

    return of


@pytest.fixture
def ada(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A spawner of ada's, who has a home, and one of somebody who was removed."""
    (tmp_path / "passwd").write_text("ada:x:20001:20002::/home/ada:/bin/bash\n")
    (tmp_path / "group").write_text("project:x:20100:ada\n")
    monkeypatch.setattr(spawner, "Accounts", lambda: Accounts(tmp_path, tmp_path))
    return SimpleNamespace(user=SimpleNamespace(name="ada"))


def test_the_chart_s_own_settings_are_all_known_traits(configured: Any) -> None:
    c = configured()
    assert c.JupyterHub.hub_connect_url == "http://hpc-hub:8081"
    assert c.KubeSpawner.image.endswith("/notebook:0.1.0") or "/notebook:" in c.KubeSpawner.image
    assert c.KubeSpawner.start_timeout == 600
    assert c.KubeSpawner.http_timeout == 3600
    assert c.JupyterHub.named_server_limit_per_user == 5
    assert c.JupyterHub.cleanup_servers is False


def test_a_server_of_a_release_with_slurm_has_its_configuration_and_the_way_to_a_token(
    configured: Any,
) -> None:
    c = configured(slurm={"release": "{{ .Release.Name }}"})
    assert c.KubeSpawner.environment["SLURM_TOKENS_URL"] == "http://hpc-tokens:8091"
    volume = next(volume for volume in c.KubeSpawner.volumes if volume["name"] == "slurm")
    assert volume["configMap"]["name"] == "hpc-slurm"
    assert [item["key"] for item in volume["configMap"]["items"]] == ["slurm.conf"]
    assert {"access-slurmctld", "access-slurmdbd", "access-restapi", "access-tokens"} <= set(
        c.KubeSpawner.extra_labels
    )


def test_a_server_without_slurm_reaches_no_part_of_one(configured: Any) -> None:
    c = configured()
    assert "SLURM_TOKENS_URL" not in c.KubeSpawner.environment
    assert set(c.KubeSpawner.extra_labels) == {"access-hub", "access-engines"}
    assert all(volume["name"] != "slurm" for volume in c.KubeSpawner.volumes)


def test_a_server_has_its_owner_s_ids_and_no_more(configured: Any, ada: Any) -> None:
    c = configured()
    assert c.KubeSpawner.pod_security_context(ada) == {
        "runAsNonRoot": True,
        "runAsUser": 20001,
        "runAsGroup": 20002,
        "supplementalGroups": [20100],
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (c.KubeSpawner.uid(ada), c.KubeSpawner.gid(ada)) == (20001, 20002)
    assert c.KubeSpawner.automount_service_account_token is False
    for container in [
        *c.KubeSpawner.init_containers,
        {"securityContext": c.KubeSpawner.container_security_context},
    ]:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_pod_of_a_server_is_its_user_s(configured: Any, ada: Any) -> None:
    pod = asyncio.run(manifest(configured(), "ada"))
    container, home = pod.spec.containers[0], pod.spec.init_containers[0]
    assert pod.metadata.name == "hpc-singleuser-ada"
    assert pod.metadata.labels["app.kubernetes.io/component"] == "singleuser"
    assert pod.metadata.labels["access-hub"] == "true"
    assert pod.spec.security_context["runAsUser"] == 20001
    assert home.command == ["make-home", "ada", "true"]
    assert container.working_dir == "/home/ada"
    environment = {entry.name: entry.value for entry in container.env}
    assert (environment["HOME"], environment["USER"]) == ("/home/ada", "ada")
    assert environment["JUPYTERHUB_ROOT_DIR"] == "/home/ada"
    mounts = {mount.name: (mount.mount_path, mount.sub_path) for mount in container.volume_mounts}
    assert mounts["home"] == ("/home/ada", "ada")


def test_a_removed_user_s_server_does_not_start(ada: Any) -> None:
    ada.user.name = "gone"
    with pytest.raises(web.HTTPError, match="there is no account gone any more"):
        spawner.account(ada)


def test_a_pod_says_whose_it_is(ada: Any) -> None:
    pod = SimpleNamespace(metadata=SimpleNamespace(labels={}))
    assert spawner.label_owner(ada, pod).metadata.labels == {"hpc/uid": "20001"}


def test_a_server_sees_its_own_home_and_the_shared_volumes(configured: Any) -> None:
    c = configured(volumes={"lake": {"mountPath": "/lake", "readOnly": True, "claim": "lake"}})
    mounts = {mount["name"]: mount for mount in c.KubeSpawner.volume_mounts}
    assert mounts["home"]["subPath"] == "{unescaped_username}"
    assert mounts["shared-lake"] == {"name": "shared-lake", "mountPath": "/lake", "readOnly": True}


def test_a_profile_changes_what_it_names(configured: Any) -> None:
    profiles = {
        "big": {"displayName": "Big", "cpuLimit": 2, "memoryLimit": "8G", "image": "notebook-climate"},
        "gpu": {
            "extendedResources": {"nvidia.com/gpu": 1},
            "image": "registry.example/own:1",
            "default": True,
        },
    }
    big, gpu = configured(singleuser={"profiles": profiles}).KubeSpawner.profile_list
    assert big["display_name"] == "Big"
    assert big["kubespawner_override"]["image"].split("/")[-1].startswith("notebook-climate:")
    assert big["kubespawner_override"] == {**big["kubespawner_override"], "cpu_limit": 2, "mem_limit": "8G"}
    assert gpu["default"] is True
    assert gpu["kubespawner_override"]["image"] == "registry.example/own:1"
    assert gpu["kubespawner_override"]["extra_resource_limits"] == {"nvidia.com/gpu": 1}


def test_a_profile_of_slurm_says_what_its_job_asks_for(configured: Any) -> None:
    job = {"partition": "notebooks", "cpus": 4, "memory": "15G", "timeMinutes": 480}
    small = {"partition": "notebooks", "timeMinutes": 90}
    c = configured(
        slurm={"release": "hpc"},
        singleuser={"profiles": {"big": {"slurm": job}, "small": {"slurm": small}}},
    )
    big, little = c.KubeSpawner.profile_list
    assert big["kubespawner_override"] == {"job": job}
    assert big["description"] == "A Slurm job: queue notebooks, 4 cores, 15GB of memory, 8 h at most"
    assert little["description"] == "A Slurm job: queue notebooks, 1 core, 90 min at most"
    assert c.HpcSpawner.slurm_services["restUrl"] == "http://hpc-restapi:6820"


def test_a_profile_of_several_queues_asks_slurm_what_there_is(configured: Any) -> None:
    job = {"partitions": ["notebooks", "long"], "cpus": 2}
    c = configured(slurm={"release": "hpc"}, singleuser={"profiles": {"job": {"slurm": job}}})
    spawning = SimpleNamespace(
        is_starting=False,
        slurm=SimpleNamespace(cluster=AsyncMock(return_value=([{"name": "long"}], []))),
        user_options={},
    )
    (found,) = asyncio.run(c.KubeSpawner.profile_list(spawning))
    assert found["description"] == "A Slurm job: 2 cores, the rest as you choose"
    assert list(found["profile_options"]["queue"]["choices"]) == ["long"]


def test_values_reach_any_trait_and_win(configured: Any) -> None:
    c = configured(
        hub={
            "config": {"KubeSpawner": {"start_timeout": 5}, "JupyterHub": {"concurrent_spawn_limit": 7}},
            "extraConfig": {
                "b": "c.JupyterHub.shutdown_on_logout = True",
                "a": "c.JupyterHub.log_level = 10",
            },
        }
    )
    assert c.KubeSpawner.start_timeout == 5
    assert c.JupyterHub.concurrent_spawn_limit == 7
    assert c.JupyterHub.shutdown_on_logout is True
    assert c.JupyterHub.log_level == 10


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"JupyterHub": {"shutdown_on_logut": True}},
            r"hub\.config\.JupyterHub\.shutdown_on_logut: unknown trait; did you mean shutdown_on_logout",
        ),
        (
            {"KubeSpawnr": {"image": "x"}},
            r"hub\.config\.KubeSpawnr: there is no such class; did you mean KubeSpawner",
        ),
    ],
)
def test_an_unknown_name_ends_the_start_and_is_named(
    configured: Any, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownTrait, match=message):
        configured(hub={"config": config})


def test_housekeeping_is_a_service_that_may_stop_servers_and_nothing_else(configured: Any) -> None:
    c = configured(hub={"culling": {"enabled": True, "idleSeconds": 100, "maxAgeSeconds": 0}})
    assert "--timeout=100" in c.JupyterHub.services[0]["command"]
    assert c.JupyterHub.load_roles[0]["scopes"] == configuration.HOUSEKEEPING_SCOPES
    assert set(configuration.HOUSEKEEPING_SCOPES) == {
        "list:users", "read:users:activity", "read:servers", "delete:servers",
    }  # fmt: skip


@pytest.mark.parametrize(("idle", "tells", "kept"), [(3600, "300", 30), (60, "15", 15)])
def test_servers_tell_of_their_use_well_within_the_culler_s_patience(
    configured: Any, idle: int, tells: str, kept: int
) -> None:
    c = configured(hub={"culling": {"enabled": True, "idleSeconds": idle, "maxAgeSeconds": 0}})
    assert c.KubeSpawner.environment["JUPYTERHUB_ACTIVITY_INTERVAL"] == tells
    assert c.JupyterHub.activity_resolution == kept


def test_admins_are_those_whom_the_values_name(configured: Any) -> None:
    assert configured(hub={"admins": ["ada"]}).Authenticator.admin_users == {"ada"}
    assert configured().Authenticator.admin_users == set()


def test_without_culling_only_those_who_left_lose_their_servers(configured: Any) -> None:
    c = configured(hub={"culling": {"enabled": False}, "baseUrl": "/lab/"})
    assert c.JupyterHub.services[0]["command"][1:] == [
        "-m", "hpc_hub.housekeeping", "http://127.0.0.1:8081/lab/hub/api",
    ]  # fmt: skip


def test_both_images_refuse_unknown_names_by_the_same_text() -> None:
    texts = {
        (ROOT / "images" / path / "traits.py").read_text()
        for path in ("hub/hpc_hub", "notebook/hpc_notebook")
    }
    assert len(texts) == 1
    assert json.dumps(sorted(texts))


async def manifest(c: Config, name: str) -> Any:
    """The pod that KubeSpawner would make for a user."""
    user = MagicMock(spec_set=["name", "id", "url", "escaped_name", "settings"], url="/user/ada/", id=1)
    user.name = user.escaped_name = name
    user.settings = {}
    orm = MagicMock(server=None)
    orm.name = ""
    with patch("kubespawner.spawner.load_config"), patch("kubespawner.spawner.shared_client"):
        made = KubeSpawner(config=c, user=user, hub=Hub(), orm_spawner=orm, _mock=True)
    made.api_token = "token"
    return await made.get_pod_manifest()


def test_metrics_have_a_port_of_their_own_and_only_where_they_are_wanted(configured: Any) -> None:
    with patch.object(configuration, "start_http_server") as start:
        configured()
        start.assert_not_called()
        configured(metrics={"enabled": True})
        start.assert_called_once_with(8082)


def test_a_command_beside_a_running_hub_leaves_metrics_to_it(configured: Any) -> None:
    with patch.object(configuration, "start_http_server", side_effect=OSError(errno.EADDRINUSE, "in use")):
        configured(metrics={"enabled": True})
    with (
        patch.object(configuration, "start_http_server", side_effect=OSError(errno.EACCES, "no")),
        pytest.raises(PermissionError),
    ):
        configured(metrics={"enabled": True})
