"""Values that JSON lacks, as tagged JSON and as Python source: dates, NaN, numpy scalars, tuples and such.

This is for parameters and small results. Frames, arrays and figures are in ``values``.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import importlib
import json
import math
from collections.abc import Callable
from typing import Any

TAG = "$type"
PLAIN = (type(None), bool, int, str)

_FROM_TEXT: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda seconds: datetime.timedelta(seconds=seconds),
    "decimal": decimal.Decimal,
    "complex": complex,
    "bytes": base64.b64decode,
}


def encode(value: Any) -> Any:
    """Give ``value`` as something ``json.dumps`` takes and ``decode`` gives back.

    Raises:
        TypeError: the value has no safe text form.

    >>> encode({"day": datetime.date(2026, 1, 31)})
    {'day': {'$type': 'date', 'value': '2026-01-31'}}
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else _tagged("float", repr(value))
    if kind is list:
        return [encode(item) for item in value]
    if kind is dict:
        return _encode_dict(value)
    return _encode_other(value)


def decode(value: Any) -> Any:
    """Give back what was encoded.

    >>> decode({"$type": "float", "value": "nan"})
    nan
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {name: decode(item) for name, item in value.items()}
    return _decode_tagged(value[TAG], value)


def canonical(value: Any) -> str:
    """Give the one JSON text of an encoded value: sorted members, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_source(value: Any) -> str:
    """Give a Python expression that makes ``value`` with no name but builtins.

    >>> to_source([1, float("nan"), "007"])
    "[1, float('nan'), '007']"
    """
    if isinstance(value, float) and type(value) is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if type(value) in (list, tuple, set):
        return _sequence_source(value)
    if type(value) is dict:
        return "{" + ", ".join(f"{to_source(k)}: {to_source(v)}" for k, v in value.items()) + "}"
    if _is_numpy(value):
        return _numpy_source(value)
    module = type(value).__module__
    if module == "datetime":
        return f'__import__("datetime").{repr(value).removeprefix("datetime.")}'.replace(
            "tzinfo=datetime.", 'tzinfo=__import__("datetime").'
        )
    if module == "decimal":
        return f'__import__("decimal").{value!r}'
    return repr(value)


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {TAG: tag, "value": value}


def _encode_dict(value: dict[Any, Any]) -> Any:
    if TAG not in value and all(type(name) is str for name in value):
        return {name: encode(item) for name, item in value.items()}
    return _tagged("dict", [[encode(name), encode(item)] for name, item in value.items()])


def _encode_other(value: Any) -> Any:
    if _is_numpy(value):
        return _encode_numpy(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime.datetime):
        return _encode_datetime(value)
    if isinstance(value, datetime.date | datetime.time):
        return _tagged(type(value).__name__, value.isoformat())
    if isinstance(value, datetime.timedelta):
        return _tagged("timedelta", value.total_seconds())
    if isinstance(value, decimal.Decimal | complex):
        return _tagged(type(value).__name__.lower(), str(value))
    if isinstance(value, bytes):
        return _tagged("bytes", base64.b64encode(value).decode("ascii"))
    if isinstance(value, tuple | set | frozenset):
        return _encode_collection(value)
    if type(value).__name__ == "NAType":
        return None
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} has no safe text form")


def _encode_datetime(value: datetime.datetime) -> Any:
    if str(value) == "NaT":
        return _tagged("numpy", "NaT") | {"dtype": "datetime64[ns]"}
    return _tagged("datetime", value.isoformat())


def _encode_collection(value: tuple[Any, ...] | set[Any] | frozenset[Any]) -> Any:
    items = [encode(item) for item in value]
    if isinstance(value, tuple):
        return _tagged("tuple", items)
    return _tagged("set", sorted(items, key=canonical))


def _is_numpy(value: Any) -> bool:
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()


def _encode_numpy(value: Any) -> Any:
    kind = value.dtype.kind
    if kind == "U":
        return str(value)
    content = str(value) if kind in "Mm" else encode(value.item())
    if kind == "m":
        content = int(value.astype("int64"))
    return _tagged("numpy", content) | {"dtype": str(value.dtype)}


def _decode_tagged(tag: str, value: dict[str, Any]) -> Any:
    content = value["value"]
    if tag in _FROM_TEXT:
        return _FROM_TEXT[tag](content)
    if tag == "tuple":
        return tuple(decode(item) for item in content)
    if tag == "set":
        return {decode(item) for item in content}
    if tag == "dict":
        return {decode(name): decode(item) for name, item in content}
    if tag == "numpy":
        return _decode_numpy(value["dtype"], content)
    raise ValueError(f"unknown value tag {tag!r}: written by a newer sweep_client; upgrade this one")


def _decode_numpy(dtype: str, content: Any) -> Any:
    numpy: Any = importlib.import_module("numpy")
    if dtype.startswith("datetime64"):
        return numpy.datetime64(content, dtype[len("datetime64[") : -1])
    if dtype.startswith("timedelta64"):
        return numpy.timedelta64(content, dtype[len("timedelta64[") : -1])
    return numpy.dtype(dtype).type(decode(content))


def _sequence_source(value: Any) -> str:
    items = ", ".join(to_source(item) for item in value)
    if isinstance(value, list):
        return f"[{items}]"
    if isinstance(value, tuple):
        return f"({items},)" if len(value) == 1 else f"({items})"
    return f"{{{items}}}" if value else "set()"


def _numpy_source(value: Any) -> str:
    kind = value.dtype.kind
    if kind == "U":
        return repr(str(value))
    if kind in "Mm":
        name, unit = str(value.dtype).rstrip("]").split("[")
        content = repr(str(value)) if kind == "M" else str(int(value.astype("int64")))
        return f'__import__("numpy").{name}({content}, {unit!r})'
    return f'__import__("numpy").dtype({str(value.dtype)!r}).type({to_source(value.item())})'
