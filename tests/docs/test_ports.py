"""The table of ports says what the rendered NetworkPolicies let in: no more, no less."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.render import Object, render
from tests.cluster.paths import ROOT

Row = tuple[str, str, frozenset[str]]
# Values that turn on every rule that the chart can make.
GIVEN: dict[str, Object] = {
    "slurm": {
        "users": {"ada": {"uid": 20001}},
        "frontend": {"ssh": {"allowedCIDRs": ["192.0.2.0/24"]}},
        "tokens": {"enabled": True},
        "metrics": {"enabled": True, "namespaces": ["monitoring"]},
    },
    "jupyter": {
        "users": {"ada": {"uid": 20001, "passwordHash": "$6$aa$bb"}},
        "engines": {"pools": {"fast": {"owner": "ada"}}},
        "slurm": {"release": "hpc"},
        "ssh": {"enabled": True, "allowedCIDRs": ["192.0.2.0/24"]},
        "metrics": {"enabled": True, "namespaces": ["monitoring"]},
    },
}


def documented(chart: str) -> set[Row]:
    """(who, whom, ports) of the page's rows; a row without a label is about networks."""
    lines = (ROOT / "docs" / "reference" / "ports.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {row for of, *rest in cells if of == chart for row in _row(*rest[:3])}


def _row(who: str, whom: str, ports: str) -> Iterator[Row]:
    label = re.search(r'`(access-[a-z]+): "true"`', who)
    # In brackets: another profile's port; the rendered chart is of the profile that is the default.
    numbers = re.findall(r"\d+(?:-\d+)?|all", re.sub(r"\([^)]*\)", "", ports))
    for component in whom.split(", "):
        yield label[1] if label else "networks", component, frozenset(numbers)


def rendered(chart: str) -> set[Row]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for item in render(chart, GIVEN[chart]):
        if item["kind"] == "NetworkPolicy":
            component = item["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in item["spec"].get("ingress", []):
                for peer in rule.get("from", [{}]):
                    key = (_who(peer), component)
                    found[key] = found.get(key, frozenset()) | _ports(rule)
    return {(who, component, ports) for (who, component), ports in found.items()}


def _who(peer: dict[str, Any]) -> str:
    if "podSelector" not in peer:
        return "networks"
    labels: dict[str, str] = peer["podSelector"]["matchLabels"]
    return next(label for label in labels if label.startswith("access-"))


def _ports(rule: dict[str, Any]) -> frozenset[str]:
    if "ports" not in rule:
        return frozenset({"all"})
    return frozenset(
        f"{port['port']}-{port['endPort']}" if "endPort" in port else str(port["port"])
        for port in rule["ports"]
    )


@pytest.mark.parametrize("chart", GIVEN)
def test_the_table_of_ports_is_what_the_policies_let_in(chart: str) -> None:
    assert documented(chart) == rendered(chart)


@pytest.mark.parametrize("chart", GIVEN)
def test_every_label_of_a_pod_is_one_that_a_policy_asks_for(chart: str) -> None:
    asked = {who for each in GIVEN for who, _, _ in rendered(each)}
    for item in render(chart, GIVEN[chart]):
        template = item["spec"].get("template", item) if "spec" in item else {}
        labels = template.get("metadata", {}).get("labels", {})
        assert {label for label in labels if label.startswith("access-")} <= asked, item["metadata"]["name"]
