"""Rows checked against a template: every name known, every value typed, no row twice.

Nothing runs before all rows are checked, and one message names every bad row and column.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sweep_client.encoding import canonical, encode
from sweep_client.errors import BadValue, ParameterError, ResourceError
from sweep_client.parameter_files import Row, Text
from sweep_client.parameter_types import NotThisType, Parameter, ParameterType, check, from_text
from sweep_client.resources import parse_resource


@dataclass(frozen=True, slots=True)
class Checked:
    """One row that can be executed; both members are encoded, ready for JSON."""

    parameters: dict[str, Any]
    resources: dict[str, Any]


class RowChecker:
    """Checks rows one after another and keeps what is wrong with them."""

    def __init__(self, parameters: Iterable[Parameter] | None, fixed: dict[str, Any] | None = None) -> None:
        self._any_name = parameters is None
        self._known = {parameter.name: parameter for parameter in parameters or ()}
        self._required = [name for name, parameter in self._known.items() if parameter.default is None]
        self._fixed = fixed or {}
        self._seen: dict[bytes, str] = {}
        self._unknown: set[str] = set()
        self.bad: list[BadValue] = []

    def check(self, row: Row) -> Checked | None:
        """Give the checked row, or None where something is wrong with it."""
        before = len(self.bad)
        checked = Checked({}, {})
        for name, value in (row.values | self._fixed).items():
            self._check_value(row, name, value, checked)
        for name in self._required:
            if name not in checked.parameters and len(self.bad) == before:
                self._complain(row, name, "has no value, and the notebook has no default for it")
        self._check_twice(row, checked)
        return checked if len(self.bad) == before else None

    def _check_value(self, row: Row, name: str, value: Any, checked: Checked) -> None:
        try:
            if name.startswith("@"):
                if value not in ("", None):
                    checked.resources[name[1:]] = parse_resource(name[1:], value)
            elif name not in self._known and not self._any_name:
                self._complain_unknown(row, name)
            elif not self._is_left_out(name, value):
                checked.parameters[name] = encode(self._typed(name, value))
        except (NotThisType, TypeError, ResourceError) as error:
            self._complain(row, name, str(error))

    def _is_left_out(self, name: str, value: Any) -> bool:
        kind = self._type(name)
        return type(value) is Text and value == "" and kind.name not in ("str", "none") and not kind.optional

    def _typed(self, name: str, value: Any) -> Any:
        kind = self._type(name)
        return from_text(kind, value) if type(value) is Text else check(kind, value)

    def _type(self, name: str) -> ParameterType:
        return self._known[name].type if name in self._known else ParameterType()

    def _complain(self, row: Row, name: str | None, message: str) -> None:
        self.bad.append(BadValue(row.label, name, message))

    def _complain_unknown(self, row: Row, name: str) -> None:
        if name in self._unknown:
            return
        self._unknown.add(name)
        close = difflib.get_close_matches(name, self._known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(self._known) or 'none'}"
        self._complain(row, name, f"the parameters cell has no such name{hint}")

    def _check_twice(self, row: Row, checked: Checked) -> None:
        text = canonical(checked.parameters)
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        first = self._seen.setdefault(digest, row.label)
        if first is not row.label:
            self._complain(row, None, f"has the same parameters as {first}")


def check_rows(
    rows: Iterable[Row], parameters: Iterable[Parameter] | None, fixed: dict[str, Any] | None = None
) -> Iterator[Checked]:
    """Give every row checked; after the last one, complain of all that are wrong at once.

    ``parameters`` is None where nobody can say which there are: then any name is taken.

    Raises:
        ParameterError: any row is wrong, or there is none.
    """
    checker = RowChecker(parameters, fixed)
    count = 0
    for row in rows:
        count += 1
        checked = checker.check(row)
        if checked is not None:
            yield checked
    if checker.bad:
        noun = "thing is" if len(checker.bad) == 1 else "things are"
        message = f"{len(checker.bad)} {noun} wrong in {count} rows of parameters; nothing was run"
        raise ParameterError(message, tuple(checker.bad))
    if count == 0:
        raise ParameterError("there are no parameter rows; nothing was run")
