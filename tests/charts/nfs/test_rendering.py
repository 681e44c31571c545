"""What one rendering cannot show: which changes of values replace the server's pod."""

from typing import Any

from tests.charts.render import render

BASE: dict[str, Any] = {"image": {"registry": "registry.test/hpc"}, "users": {"ada": {"uid": 20001}}}


def template(values: dict[str, Any]) -> dict[str, Any]:
    """The pod template with these values."""
    objects = render("nfs", {**BASE, **values})
    found: dict[str, Any] = next(item for item in objects if item["kind"] == "StatefulSet")["spec"][
        "template"
    ]
    return found


def test_a_new_user_replaces_no_pod() -> None:
    assert template({"users": {"ada": {"uid": 20001}, "grace": {"uid": 20002}}}) == template({})


def test_a_changed_export_does() -> None:
    export = {"home": {"id": 1, "path": "home", "clients": ["10.0.0.0/8"]}}
    assert template({"exports": export}) != template({})
