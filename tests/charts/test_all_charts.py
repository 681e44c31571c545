"""What holds for every chart: labels, selectors, security contexts, requests, policies, secrets, strict values."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.charts import schemas
from tests.charts.render import CHARTS, Object, containers, pod_templates, render, text
from tests.cluster.paths import ROOT, TOOLS
from tests.kube import run

# The least that each chart wants said before it installs.
USERS: Object = {"ada": {"uid": 20001, "gid": 20001, "sshKeys": ["ssh-ed25519 AAAA ada"]}}
PASSWORD = "$y$j9T$ijSEh8eNnCWUEi8dTUxlQ0$fQ5AQNaTlGYH3Bo3oZ6IFrgy7JQpHQGRT3okoWCmUUB"
BASE: dict[str, Object] = {
    "jupyter": {
        "image": {"registry": "registry.example/hpc"},
        "users": {"ada": {"uid": 20001, "passwordHash": PASSWORD}},
        "singleuser": {"prePull": True},
        "engines": {"pools": {"fast": {"owner": "ada"}}},
        "ssh": {"enabled": True},
        "metrics": {"enabled": True},
    },
    "slurm": {
        "image": {"registry": "registry.example/hpc"},
        "users": USERS,
        "tokens": {"enabled": True},
        "metrics": {"enabled": True},
    },
    "nfs": {"image": {"registry": "registry.example/hpc"}, "users": USERS, "metrics": {"enabled": True}},
    "hpc": {
        "global": {
            "image": {"registry": "registry.example/hpc"},
            "users": USERS,
            "metrics": {"enabled": True},
        }
    },
}
STANDARD = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")
# What baseline Pod Security lets a container add; the NFS server's one beyond it is the reason for its own namespace.
ALLOWED = {"SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SYS_CHROOT", "AUDIT_WRITE"}
BEYOND_BASELINE = {"nfs": {"DAC_READ_SEARCH"}}
SECRETIVE = re.compile(r"PRIVATE KEY|\$y\$|\$6\$|password\s*[:=]\s*\S", re.IGNORECASE)
OWN_CHARTS = [chart for chart in CHARTS if chart != "hpc"]


def workloads(chart: str) -> list[tuple[str, Object]]:
    return pod_templates(render(chart, BASE[chart]))


def matches(selector: Object, labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


@pytest.mark.parametrize("chart", CHARTS)
def test_every_object_has_the_standard_labels(chart: str) -> None:
    bare = [
        f"{item['kind']}/{item['metadata']['name']}"
        for item in render(chart, BASE[chart])
        if not all(label in item["metadata"].get("labels", {}) for label in STANDARD)
    ]
    assert bare == []


@pytest.mark.parametrize("chart", CHARTS)
def test_every_selector_finds_its_own_pods(chart: str) -> None:
    for item in render(chart, BASE[chart]):
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert matches(item["spec"]["selector"], labels), item["metadata"]["name"]
            assert all(label in item["spec"]["selector"]["matchLabels"] for label in STANDARD)


@pytest.mark.parametrize("chart", CHARTS)
def test_every_container_gives_up_all_capabilities_but_those_with_a_reason(chart: str) -> None:
    allowed = ALLOWED | BEYOND_BASELINE.get(chart, set())
    for name, template in workloads(chart):
        for container in containers(template):
            context = container.get("securityContext", {})
            where = f"{name} {container['name']}"
            assert context["capabilities"]["drop"] == ["ALL"], where
            assert set(context["capabilities"].get("add", [])) <= allowed, where
            assert context["readOnlyRootFilesystem"] is True, where
            assert not context.get("privileged"), where


@pytest.mark.parametrize("chart", CHARTS)
def test_every_pod_has_the_default_seccomp_profile_and_no_host_namespace(chart: str) -> None:
    for name, template in workloads(chart):
        spec = template["spec"]
        profiles = [spec.get("securityContext", {}).get("seccompProfile")]
        profiles += [container["securityContext"].get("seccompProfile") for container in containers(template)]
        assert {"type": "RuntimeDefault"} in profiles, name
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), name
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), name


@pytest.mark.parametrize("chart", CHARTS)
def test_no_pod_has_a_kubernetes_token_unless_it_has_a_service_account_of_its_own(chart: str) -> None:
    for name, template in workloads(chart):
        spec = template["spec"]
        assert spec.get("automountServiceAccountToken") is False or spec.get("serviceAccountName"), name


@pytest.mark.parametrize("chart", CHARTS)
def test_every_container_requests_cpu_and_memory(chart: str) -> None:
    for name, template in workloads(chart):
        for container in containers(template):
            requests = container.get("resources", {}).get("requests", {})
            assert {"cpu", "memory"} <= set(requests), f"{name} {container['name']}"


@pytest.mark.parametrize("chart", CHARTS)
def test_every_long_running_pod_says_when_it_is_ready(chart: str) -> None:
    for item in render(chart, BASE[chart]):
        if item["kind"] in ("Deployment", "StatefulSet"):
            pod = item["spec"]["template"]["spec"]["containers"]
            assert any("readinessProbe" in container for container in pod), item["metadata"]["name"]


@pytest.mark.parametrize("chart", CHARTS)
def test_no_probe_takes_a_busy_pod_for_a_dead_one(chart: str) -> None:
    # Kubernetes' own limit is a second: on a machine where thirty servers start, proxies lost their endpoints and users read 404.
    hasty = [
        f"{name}/{container['name']}.{kind}"
        for name, pod in workloads(chart)
        for container in containers(pod)
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        if container.get(kind, {"timeoutSeconds": 10}).get("timeoutSeconds", 1) < 5
    ]
    assert hasty == []


@pytest.mark.parametrize("chart", CHARTS)
def test_every_pod_is_behind_a_network_policy(chart: str) -> None:
    objects = render(chart, BASE[chart])
    selectors = [item["spec"]["podSelector"] for item in objects if item["kind"] == "NetworkPolicy"]
    for name, template in pod_templates(objects):
        labels = template["metadata"].get("labels", {})
        assert any(matches(selector, labels) for selector in selectors), name


@pytest.mark.parametrize("chart", CHARTS)
def test_no_secret_is_in_a_config_map(chart: str) -> None:
    for item in render(chart, BASE[chart]):
        if item["kind"] == "ConfigMap":
            assert not SECRETIVE.search(json.dumps(item.get("data", {}))), item["metadata"]["name"]


@pytest.mark.parametrize("chart", CHARTS)
def test_rendering_twice_differs_in_nothing_but_generated_secrets(chart: str) -> None:
    def stable(objects: list[Object]) -> list[Any]:
        return [
            {**item, "data": None, "stringData": None} if item["kind"] == "Secret" else item
            for item in objects
        ]

    first = render(chart, BASE[chart])
    # An empty map that says nothing, else what was rendered before would be given again.
    again = render(chart, {**BASE[chart], "global": {"volumes": {}, **BASE[chart].get("global", {})}})
    assert stable(first) == stable(again)


@pytest.mark.parametrize("chart", CHARTS)
def test_helm_3_and_helm_4_render_the_same(chart: str) -> None:
    def kinds(objects: list[Object]) -> list[str]:
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in objects)

    assert kinds(render(chart, BASE[chart], helm="helm3")) == kinds(render(chart, BASE[chart]))


@pytest.mark.parametrize("chart", CHARTS)
def test_rendered_without_hooks_nothing_is_left_that_runs_at_once(chart: str) -> None:
    # As docs/how-to/keep-and-rotate-slurm-keys.md says, for those who apply what `helm template` prints.
    given = json.dumps(BASE[chart])
    said = run(
        ["helm", "template", "hpc", f"{ROOT}/charts/{chart}", "--no-hooks", "--values=-"], stdin=given
    ).out
    kinds = {item["kind"] for item in yaml.safe_load_all(said) if item}
    assert "StatefulSet" in kinds
    assert not kinds & {"Pod", "Job"}


@pytest.mark.parametrize("chart", CHARTS)
def test_the_api_server_would_take_every_object(chart: str) -> None:
    checked = run(
        ["kubeconform", "-strict", "-summary", "-schema-location", schemas.location()],
        stdin=text(chart, BASE[chart]),
    )
    assert checked.code == 0, checked.text
    assert "Invalid: 0, Errors: 0, Skipped: 0" in checked.out


@pytest.mark.parametrize("chart", CHARTS)
def test_a_misspelt_value_is_refused_by_name(chart: str) -> None:
    given = json.dumps({**BASE[chart], "imagge": {}})
    command = ["helm", "template", "hpc", f"{ROOT}/charts/{chart}", "--values=-"]
    refused = run(command, stdin=given)
    assert refused.code != 0
    assert "imagge" in refused.err


@pytest.mark.parametrize("chart", OWN_CHARTS)
def test_every_top_level_value_has_a_comment_and_a_schema(chart: str) -> None:
    folder = ROOT / "charts" / chart
    values = yaml.safe_load((folder / "values.yaml").read_text())
    schema = json.loads((folder / "values.schema.json").read_text())
    assert set(values) == set(schema["properties"])
    assert schema["additionalProperties"] is False
    uncommented = _uncommented((folder / "values.yaml").read_text())
    assert uncommented == []


def test_names_and_labels_are_made_by_the_same_file_in_every_chart() -> None:
    for name in ("_names.tpl", "_labels.tpl", "_metrics.tpl"):
        assert_equal_files(name, OWN_CHARTS)


def test_users_homes_and_logins_mean_the_same_in_slurm_and_jupyter() -> None:
    for name in ("_volumes.tpl", "_sshd.tpl"):
        assert_equal_files(name, ["slurm", "jupyter"])
    assert_equal_files("_users.tpl", OWN_CHARTS)


def test_the_guard_of_rollbacks_is_the_same_in_slurm_and_jupyter() -> None:
    for name in ("_rollback.tpl", "../files/rollback.sh"):
        assert_equal_files(name, ["slurm", "jupyter"])


def assert_equal_files(name: str, charts: list[str]) -> None:
    assert len({(ROOT / "charts" / chart / "templates" / name).read_text() for chart in charts}) == 1, name


@pytest.mark.parametrize("chart", [chart for chart in CHARTS if (ROOT / "charts" / chart / "tests").is_dir()])
def test_the_chart_s_own_suites_pass(chart: str) -> None:
    command = [str(TOOLS / "bin" / "helm-unittest"), "--strict", f"{ROOT}/charts/{chart}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def _uncommented(values: str) -> list[str]:
    """Leaf keys of a values file without a `# --` line above them or above the key they belong to."""
    missing, lines = [], values.splitlines()
    commented_depth: int | None = None
    above = False
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#"):
            above = above or stripped.startswith("# --")
            continue
        depth = len(line) - len(line.lstrip())
        if not stripped or stripped.startswith("-"):
            continue
        if commented_depth is not None and depth <= commented_depth:
            commented_depth = None
        is_parent = stripped.endswith(":")
        if above and commented_depth is None:
            commented_depth = depth
        elif not above and not is_parent and commented_depth is None:
            missing.append(stripped)
        above = False
    return missing
