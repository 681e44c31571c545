"""The source of an injected cell in each language; Python is typed, the others get what their literals can say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from sweep_client.encoding import to_source
from sweep_client.errors import ParameterError


def injected_source(language: str, parameters: dict[str, Any]) -> str:
    """Give the source that sets ``parameters`` (decoded values) in ``language``.

    >>> print(injected_source("python", {"name": "007"}))
    # Parameters
    name = '007'
    """
    assign = _ASSIGNMENTS.get(language)
    if assign is None:
        known = ", ".join(sorted(_ASSIGNMENTS))
        raise ParameterError(f"parameters cannot be written in {language!r}; known languages: {known}")
    return "\n".join(["# Parameters", *(assign(name, value) for name, value in parameters.items())])


def _python(name: str, value: Any) -> str:
    return f"{name} = {to_source(value)}"


def _r(name: str, value: Any) -> str:
    return f"{name} = {_r_value(value)}"


def _r_value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        return f"list({', '.join(_r_value(item) for item in value)})"
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(str(name))} = {_r_value(item)}" for name, item in value.items())
        return f"list({pairs})"
    if isinstance(value, int):
        return f"{value}L" if abs(value) < 2**31 else str(value)
    return {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}.get(str(value), _json_value(value))


def _julia(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name} = [{', '.join(_julia_value(item) for item in value)}]"
    return f"{name} = {_julia_value(value)}"


def _julia_value(value: Any) -> str:
    if value is None:
        return "nothing"
    special = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}.get(str(value))
    return special or _json_value(value).replace("$", "\\$")


def _bash(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name}=({' '.join(shlex.quote(str(item)) for item in value)})"
    text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    return f"{name}={shlex.quote(text)}"


def _json_value(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, bool | int | float)
        else json.dumps(str(value))
    )


_ASSIGNMENTS: dict[str, Callable[[str, Any], str]] = {
    "python": _python,
    "r": _r,
    "julia": _julia,
    "bash": _bash,
}
