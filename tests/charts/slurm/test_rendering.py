"""What the daemons' pods ask for: no more than Pod Security `restricted` allows, in the profile `baseline` too."""

import pytest

from tests.charts.render import Object, containers, pod_templates, render
from tests.charts.test_all_charts import BASE

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
