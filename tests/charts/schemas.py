"""JSON schemas of Kubernetes objects for kubeconform, made from the API description in Kubernetes' own Go module.

kubeconform's default is to fetch them from the internet; these are of exactly the version that the tests run on.
"""

import json
from pathlib import Path
from typing import Any

from tests.cluster.paths import cache
from tests.cluster.programs import module_folder, programs


def folder() -> Path:
    """The folder with one strict schema per kind, named as kubeconform's `-schema-location` template expects."""
    made = cache() / "schemas" / programs()["kubernetes"].version
    if not made.is_dir():
        work = made.with_name(made.name + ".tmp")
        work.mkdir(parents=True, exist_ok=True)
        swagger = module_folder("kubernetes") / "api" / "openapi-spec" / "swagger.json"
        _write(json.loads(swagger.read_text())["definitions"], work)
        work.rename(made)
    return made


def location() -> str:
    """The value of `-schema-location`."""
    return f"{folder()}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


def _write(definitions: dict[str, Any], target: Path) -> None:
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            group = kind["group"].split(".")[0]
            suffix = "-".join(part for part in (group, kind["version"]) if part)
            used = {wanted: _strict(definitions[wanted]) for wanted in sorted(_reachable(name, definitions))}
            schema = {"$ref": f"#/definitions/{name}", "definitions": used}
            (target / f"{kind['kind'].lower()}-{suffix}.json").write_text(json.dumps(schema))


def _reachable(name: str, definitions: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += [
                ref.split('"')[0] for ref in json.dumps(definitions[current]).split('"#/definitions/')[1:]
            ]
    return found


def _strict(definition: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys are refused, and null is allowed for what is optional, as the API server does both."""
    if "properties" not in definition:
        return _unconstrained(definition)
    required = definition.get("required", [])
    properties = {
        key: value if key in required else _nullable(value) for key, value in definition["properties"].items()
    }
    return {**definition, "properties": properties, "additionalProperties": False}


def _nullable(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "type": [value["type"], "null"]} if isinstance(value.get("type"), str) else value


def _unconstrained(definition: dict[str, Any]) -> dict[str, Any]:
    """Quantities and int-or-string are declared as strings, yet numbers are taken too."""
    if definition.get("type") == "string" and definition.get("format") != "date-time":
        return {"type": ["string", "number", "integer"]}
    return definition
