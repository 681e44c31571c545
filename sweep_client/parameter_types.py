"""What a parameter is: its type, read from the ``parameters`` cell, and how a text or value becomes it.

Reading tables is in ``parameters``; this module looks at one value at a time.
"""

from __future__ import annotations

import ast
import datetime
import json
import math
import re
from dataclasses import dataclass
from typing import Any

NAMES = ("any", "int", "float", "bool", "str", "date", "datetime", "list", "dict", "none")
TRUE = {"true", "yes", "1", "t", "y"}
FALSE = {"false", "no", "0", "f", "n"}
NULL = {"", "none", "null"}
_INTEGER = re.compile(r"[+-]?\d+\Z")
_PLAIN_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)\Z")
_PLAIN_FLOAT = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_ALIASES = {"List": "list", "Dict": "dict", "Any": "any", "tuple": "list", "Tuple": "list", "None": "none"}


class NotThisType(ValueError):
    """A value is not of the parameter's type; the text says why."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """The type of one parameter."""

    name: str = "any"
    optional: bool = False
    item: str | None = None

    def __str__(self) -> str:
        text = self.name if self.item is None else f"{self.name}[{self.item}]"
        return f"{text} | None" if self.optional else text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of the ``parameters`` cell."""

    name: str
    type: ParameterType
    default: str | None
    help: str = ""


def read_parameters(source: str) -> list[Parameter]:
    """Read the parameters from the source of a ``parameters`` cell.

    Raises:
        SyntaxError: the source is not Python.

    >>> [str(p.type) for p in read_parameters("rate: float = 1\\nname = 'x'")]
    ['float', 'str']
    """
    lines = source.splitlines()
    found: dict[str, Parameter] = {}
    for statement in ast.parse(source).body:
        for name, annotation, value in _assignments(statement):
            kind = _from_annotation(annotation) if annotation else _from_default(value)
            default = ast.unparse(value) if value is not None else None
            if _is_none(value) and annotation:
                kind = ParameterType(kind.name, True, kind.item)
            found[name] = Parameter(name, kind, default, _comment(lines, statement))
    return list(found.values())


def from_text(kind: ParameterType, text: str) -> Any:
    """Read a value of type ``kind`` from the text of a table cell.

    Raises:
        NotThisType: the text is no such value.

    >>> from_text(ParameterType("str"), "007"), from_text(ParameterType("int"), "007")
    ('007', 7)
    """
    if kind.name == "str":
        return None if kind.optional and text == "" else str(text)
    stripped = text.strip()
    if kind.optional and stripped.lower() in NULL:
        return None
    if kind.name == "any":
        return guess(stripped)
    return _READERS[kind.name](kind, stripped)


def guess(text: str) -> Any:
    """Read a text whose type nobody said; numbers with leading zeros stay text.

    >>> guess("007"), guess("7"), guess("1e3"), guess("true")
    ('007', 7, 1000.0, True)
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("none", "null"):
        return None
    if _PLAIN_INTEGER.match(text):
        return int(text)
    if _PLAIN_FLOAT.match(text) or text.lower() in ("nan", "inf", "-inf"):
        return float(text)
    return text


def check(kind: ParameterType, value: Any) -> Any:
    """Give ``value`` as one of type ``kind``; only changes that lose nothing are made.

    Raises:
        NotThisType: the value is of another type.

    >>> check(ParameterType("float"), 1)
    1.0
    """
    if kind.name == "any" or (value is None and (kind.optional or kind.name == "none")):
        return value
    if isinstance(value, str) and kind.name in ("date", "datetime"):
        return _READERS[kind.name](kind, value)
    number = value.item() if _is_numpy_scalar(value) else value
    if kind.name == "float" and type(number) is int:
        return float(number)
    if kind.name == "int" and type(number) is float and number.is_integer():
        return int(number)
    if kind.name == "datetime" and type(number) is datetime.date:
        return datetime.datetime.combine(number, datetime.time())
    if not _is_instance(kind, number):
        raise NotThisType(f"{value!r} is a {type(value).__name__}, not {kind}")
    _check_items(kind, number)
    return value


def _assignments(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [(statement.target.id, statement.annotation, statement.value)]
    if isinstance(statement, ast.Assign):
        return [(t.id, None, statement.value) for t in statement.targets if isinstance(t, ast.Name)]
    return []


def _comment(lines: list[str], statement: ast.stmt) -> str:
    line = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset or 0 :].decode()
    return line.partition("#")[2].strip()


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _from_annotation(node: ast.expr) -> ParameterType:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _from_annotation(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union(_from_annotation(node.left), _from_annotation(node.right))
    if isinstance(node, ast.Subscript):
        return _from_subscript(node)
    name = ast.unparse(node).rpartition(".")[2]
    name = _ALIASES.get(name, name)
    return ParameterType(name if name in NAMES else "any")


def _from_subscript(node: ast.Subscript) -> ParameterType:
    outer = ast.unparse(node.value).rpartition(".")[2]
    if outer == "Optional":
        inner = _from_annotation(node.slice)
        return ParameterType(inner.name, True, inner.item)
    outer = _ALIASES.get(outer, outer)
    if outer not in ("list", "dict"):
        return ParameterType()
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    item = _from_annotation(items[-1]).name
    return ParameterType(outer, False, None if item == "any" else item)


def _union(left: ParameterType, right: ParameterType) -> ParameterType:
    if left.name == "none":
        return ParameterType(right.name, True, right.item)
    if right.name == "none":
        return ParameterType(left.name, True, left.item)
    return left if left == right else ParameterType()


def _from_default(value: ast.expr | None) -> ParameterType:
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func).rpartition(".")[2]
        return ParameterType(name if name in ("date", "datetime", "list", "dict") else "any")
    try:
        default = ast.literal_eval(value) if value is not None else None
    except ValueError:
        return ParameterType()
    name = type(default).__name__
    return ParameterType(name if name in NAMES else "any")


def _read_int(kind: ParameterType, text: str) -> int:
    if not _INTEGER.match(text):
        raise NotThisType(f"{text!r} is not {kind}{_hint(text)}")
    return int(text)


def _hint(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return ""
    return "; if it may be a fraction, annotate it as float in the parameters cell"


def _read_float(kind: ParameterType, text: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise NotThisType(f"{text!r} is not {kind}") from None


def _read_bool(kind: ParameterType, text: str) -> bool:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise NotThisType(f"{text!r} is not {kind} (true or false)")


def _read_date(kind: ParameterType, text: str) -> datetime.date:
    reader = datetime.date if kind.name == "date" else datetime.datetime
    try:
        return reader.fromisoformat(text)
    except ValueError:
        raise NotThisType(f"{text!r} is not {kind} (such as 2026-01-31)") from None


def _read_container(kind: ParameterType, text: str) -> Any:
    for reader in (json.loads, ast.literal_eval):
        try:
            value = reader(text)
        except (ValueError, SyntaxError):
            continue
        if type(value).__name__ in (kind.name, "tuple"):
            _check_items(kind, value)
            return list(value) if isinstance(value, tuple) else value
    raise NotThisType(f"{text!r} is not {kind} in JSON")


def _read_none(_: ParameterType, text: str) -> Any:
    return None if text.lower() in NULL else guess(text)


_READERS: dict[str, Any] = {
    "int": _read_int,
    "float": _read_float,
    "bool": _read_bool,
    "date": _read_date,
    "datetime": _read_date,
    "list": _read_container,
    "dict": _read_container,
    "none": _read_none,
}


def _is_numpy_scalar(value: Any) -> bool:
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()


def _is_instance(kind: ParameterType, value: Any) -> bool:
    if kind.name == "none":
        return True
    if kind.name == "date":
        return type(value) is datetime.date
    if kind.name in ("int", "float"):
        return type(value).__name__ == kind.name
    accepted = {"bool": bool, "str": str, "datetime": datetime.datetime, "list": list | tuple, "dict": dict}
    return isinstance(value, accepted[kind.name])


def _check_items(kind: ParameterType, value: Any) -> None:
    if kind.item is None:
        return
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, float) and math.isnan(item) and kind.item == "float":
            continue
        check(ParameterType(kind.item), item)
