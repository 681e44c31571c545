"""What one rendering cannot show: what all daemons' pods ask for, and which pods a changed value replaces."""

import pytest

from tests.charts.render import Object, containers, pod_templates, render
from tests.charts.test_all_charts import BASE, USERS

COMPONENTS = ("controller", "accounting", "database", "restapi", "tokens")


def pod(component: str) -> Object:
    found = [
        template
        for _, template in pod_templates(render("slurm", BASE["slurm"]))
        if template["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_daemon_fits_pod_security_restricted(component: str) -> None:
    template = pod(component)
    shared = template["spec"]["securityContext"]
    for container in containers(template):
        own = {**shared, **container["securityContext"]}
        where = container["name"]
        assert own["runAsNonRoot"] is True, where
        assert own["runAsUser"] != 0, where
        assert own["allowPrivilegeEscalation"] is False, where
        assert own["capabilities"] == {"drop": ["ALL"]}, where
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}, where


def templates(values: Object) -> dict[str, Object]:
    """Pod templates by name of their StatefulSet or Deployment, with two pools of workers."""
    changed = {**BASE["slurm"], "workers": {"cpu": {}, "big": {}}, **values}
    kinds = ("StatefulSet/", "Deployment/")
    return {
        name.partition("/")[2]: template
        for name, template in pod_templates(render("slurm", changed))
        if name.startswith(kinds)
    }


@pytest.mark.parametrize(
    ("values", "replaced"),
    [
        ({"slurm": {"config": {"SchedulerParameters": ["bf_max_job_test=7"]}}}, set()),
        ({"slurm": {"scripts": {"Prolog": "#!/bin/sh\ntrue\n"}}}, set()),
        ({"users": {**USERS, "grace": {"uid": 20077}}}, set()),
        ({"accounting": {"qos": {"long": {"Priority": 5}}}}, set()),
        ({"accounting": {"config": {"DebugLevel": "debug"}}}, {"hpc-accounting"}),
        ({"frontend": {"ssh": {"config": {"MaxAuthTries": 2}}}}, {"hpc-frontend"}),
        ({"workers": {"cpu": {}, "big": {"memory": "2Gi"}}}, {"hpc-worker-big"}),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else None,
)
def test_a_changed_value_replaces_only_the_pods_that_it_is_for(values: Object, replaced: set[str]) -> None:
    before, after = templates({}), templates(values)
    assert {name for name in before if before[name] != after[name]} == replaced
