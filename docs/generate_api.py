"""Writes the reference page of the Python API from `sweep_client` itself: signatures, fields and docstrings. docs/generate.py calls it."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import sweep_client
from sweep_client import errors
from sweep_client.directory import Options
from sweep_client.errors import SweepError
from sweep_client.results import Failure, Value, Variant

# What the public names take and give, and is not imported by itself.
GIVEN = (Variant, Value, Failure, Options)
WIDEST = 100
SECTION = re.compile(r"^(Args|Raises):$")
ENTRY = re.compile(r"^    (\w+): (.*)$")
INTRODUCTION = """# The Python API `sweep_client`

From the docstrings of `sweep_client`. `import sweep_client` gives the names at the top of the sections; what is not on this page is internal.
"""


class _Bare:
    """An annotation that is shown as it was written, not as a string."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def page() -> str:
    """The whole page, without the line that says who wrote it."""
    public = [getattr(sweep_client, name) for name in sorted(sweep_client.__all__, key=str.lower)]
    plain = [each for each in public if each is not SweepError]
    parts = [
        INTRODUCTION,
        *(_entry(each) for each in plain),
        "## What they take and give\n",
        *(_entry(each, level=3) for each in GIVEN),
        _errors(),
    ]
    return "\n".join(parts)


def _entry(found: Any, *, level: int = 2) -> str:
    heading = f"{'#' * level} `{found.__name__}`\n"
    if isinstance(found, FunctionType):
        return f"{heading}\n{_code(found.__name__, found)}\n{_text(found)}"
    if dataclasses.is_dataclass(found):
        lines = "".join(f"- `{_field(field)}`\n" for field in dataclasses.fields(found))
        parts = [heading, _text(found), f"Fields:\n\n{lines}"]
    else:
        parts = [heading, _code(found.__name__, found), _text(found)]
    return "\n".join([*parts, *_members(found, level=level + 1)])


def _members(owner: type, *, level: int) -> Iterator[str]:
    """Properties, and then methods, in the order of the source."""
    public = {name: value for name, value in vars(owner).items() if not name.startswith("_")}
    read = {name: getter for name, value in public.items() if (getter := _getter(value))}
    if read:
        lines = "".join(
            f"- `{name}: {getter.__annotations__['return']}`: {_first(getter)}\n"
            for name, getter in read.items()
        )
        yield f"Read:\n\n{lines}"
    for name, value in public.items():
        if isinstance(value, FunctionType | classmethod):
            full, method = f"{owner.__name__}.{name}", getattr(owner, name)
            yield f"{'#' * level} `{full}`\n\n{_code(full, method)}\n{_text(method)}"


def _getter(value: Any) -> Any:
    """The function of a property, cached or not."""
    return getattr(value, "fget", None) or getattr(value, "func", None)


def _field(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING:
        return f"{field.name}: {field.type}"
    return f"{field.name}: {field.type} = {field.default!r}"


def _code(name: str, found: Any) -> str:
    """The signature as a block of code."""
    signature = inspect.signature(found)
    parameters = [
        each.replace(annotation=_Bare(each.annotation)) if each.annotation is not each.empty else each
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    given = signature.empty if isinstance(found, type) else _Bare(signature.return_annotation)
    shown = signature.replace(parameters=parameters, return_annotation=given)
    text = f"{name}{shown}"
    return f"```python\n{text if len(text) <= WIDEST else _broken(name, shown)}\n```\n"


def _broken(name: str, signature: inspect.Signature) -> str:
    """A signature of one line for each parameter."""
    lines: list[str] = []
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in lines:
            lines.append("*")
        lines.append(str(each))
    body = "".join(f"    {line},\n" for line in lines)
    return f"{name}(\n{body}) -> {signature.return_annotation!r}"


def _first(found: Any) -> str:
    return (inspect.getdoc(found) or "").partition("\n\n")[0].replace("\n", " ")


def _text(found: Any) -> str:
    """A docstring as Markdown: `Args` and `Raises` become lists, examples blocks of code."""
    return "\n".join(_markdown((inspect.getdoc(found) or "").splitlines())) + "\n"


def _markdown(lines: list[str]) -> Iterator[str]:
    example = False
    for line in lines:
        if example and not line.strip():
            yield "```"
            example = False
        if line.startswith(">>>") and not example:
            yield "```pycon"
            example = True
        if section := SECTION.match(line):
            yield from (f"{section[1]}:", "")
        elif entry := ENTRY.match(line):
            yield f"- `{entry[1]}`: {entry[2]}"
        else:
            yield line
    if example:
        yield "```"


def _errors() -> str:
    """All errors with the exit code that the command `sweep` ends with."""
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip()
    found = "".join(
        f"| `{each.__name__}` | {each.exit_code} | {_first(each)} |\n" for each in _family(SweepError)
    )
    return (
        "## `SweepError`\n\n"
        "All errors that `sweep_client` raises on purpose; `sweep_client.errors` has them by name. The number is the exit code of the command `sweep`.\n\n"
        f"```text\n{tree}\n```\n\n| error | exit code | meaning |\n| --- | --- | --- |\n{found}"
    )


def _family(error: type[SweepError]) -> Iterator[type[SweepError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _family(child)
