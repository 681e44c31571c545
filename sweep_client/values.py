"""Values of ``results`` cells, saved in safe formats and read back: JSON, Arrow, PNG; never pickle unasked."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from sweep_client.encoding import decode, encode
from sweep_client.errors import ValueNotOpened
from sweep_client.outputs import Output

INLINE_LIMIT = 1 << 20
TENSOR_KINDS = "iuf"
SAFE_ARRAY_KINDS = "biufcMmUS"
IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/svg+xml": "svg"}


def save(name: str, value: Any, folder: Path, outputs: list[Output]) -> dict[str, Any]:
    """Save one value into ``folder``; give what belongs into the record.

    A value that cannot be saved is said to be so; it does not fail its variant.

    Raises:
        OSError: the disk does not take it.
    """
    saved: dict[str, Any] = {"type": type(value).__name__}
    try:
        return saved | _save(name, value, folder, outputs)
    except OSError:
        for part in folder.glob(f"{name}.*"):
            part.unlink()
        raise
    except Exception as error:
        return saved | {"kind": "unreadable", "message": f"{type(error).__name__}: {error}"}


def load(root: Path, result: dict[str, Any], *, allow_pickle: bool = False) -> Any:
    """Read one value back.

    Raises:
        ValueNotOpened: it is opaque, and opening it would run code.
    """
    kind = result["kind"]
    if kind == "json":
        return decode(
            result["value"] if "value" in result else json.loads((root / result["path"]).read_bytes())
        )
    if kind in ("none", "unreadable"):
        return None
    path = root / result["path"]
    if kind == "table":
        return read_table(
            path, as_frame=result["type"] in ("DataFrame", "Series"), series=result["type"] == "Series"
        )
    if kind == "tensor":
        return _read_tensor(path)
    if kind == "image":
        return path.read_bytes()
    if not allow_pickle:
        raise ValueNotOpened(
            f"{result['name']}: a {result['type']} is stored as opaque bytes; opening it runs code from {path}. "
            "If you trust it, say allow_pickle=True"
        )
    import pickle

    return pickle.loads(path.read_bytes())  # noqa: S301


def read_table(path: Path, *, as_frame: bool, series: bool = False) -> Any:
    """Read a stored table as a pandas frame or an Arrow table."""
    import pyarrow.ipc

    with pyarrow.memory_map(str(path)) as source:
        table = pyarrow.ipc.open_file(source).read_all()
    if not as_frame:
        return table
    frame = table.to_pandas()
    return frame.iloc[:, 0] if series else frame


def _save(name: str, value: Any, folder: Path, outputs: list[Output]) -> dict[str, Any]:
    image = _image(value, outputs)
    if image is not None:
        media, data = image
        return {"kind": "image", "media": media, **_write(folder, f"{name}.{IMAGES[media]}", data)}
    if value is None:
        return {"kind": "none"}
    pandas, arrow, numpy = (sys.modules.get(module) for module in ("pandas", "pyarrow", "numpy"))
    if pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series):
        return _save_frame(name, value, folder)
    if arrow is not None and isinstance(value, arrow.Table):
        return _save_table(name, value, folder)
    if (
        numpy is not None
        and isinstance(value, numpy.ndarray)
        and value.dtype.kind in SAFE_ARRAY_KINDS
        and value.ndim
    ):
        return _save_array(name, value, folder)
    return _save_plain(name, value, folder)


def _image(value: Any, outputs: list[Output]) -> tuple[str, bytes] | None:
    """Give the picture a cell showed, where its value is a figure or nothing."""
    module = type(value).__module__.partition(".")[0]
    if value is not None and module not in ("matplotlib", "seaborn", "plotnine", "PIL", "plotly", "IPython"):
        return None
    for output in reversed(outputs):
        for media in IMAGES:
            data = output.get("data", {}).get(media)
            if data is not None:
                text = data if isinstance(data, str) else "".join(data)
                return media, text.encode() if media.endswith("xml") else base64.b64decode(text)
    return None


def _save_frame(name: str, value: Any, folder: Path) -> dict[str, Any]:
    import pyarrow

    frame = value.to_frame(value.name if value.name is not None else name) if value.ndim == 1 else value
    try:
        table = pyarrow.Table.from_pandas(frame)
    except (pyarrow.ArrowException, TypeError, ValueError):
        return _save_opaque(name, value, folder)
    return _save_table(name, table, folder)


def _save_table(name: str, table: Any, folder: Path) -> dict[str, Any]:
    import pyarrow

    path = _place(folder, f"{name}.arrow")
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    facts = {"rows": table.num_rows, "columns": table.column_names, "bytes": path.stat().st_size}
    return {"kind": "table", "path": path.name, **facts}


def _save_array(name: str, value: Any, folder: Path) -> dict[str, Any]:
    import numpy

    path = _place(folder, f"{name}.tensor")
    if value.dtype.kind in TENSOR_KINDS and value.dtype.isnative:
        import pyarrow

        with pyarrow.OSFile(str(path), "wb") as sink:
            pyarrow.ipc.write_tensor(pyarrow.Tensor.from_numpy(numpy.ascontiguousarray(value)), sink)
    else:
        path = path.with_suffix(".npy")
        numpy.save(path, value, allow_pickle=False)
    facts = {"shape": list(value.shape), "dtype": str(value.dtype), "bytes": path.stat().st_size}
    return {"kind": "tensor", "path": path.name, **facts}


def _save_plain(name: str, value: Any, folder: Path) -> dict[str, Any]:
    try:
        encoded = encode(value)
        text = json.dumps(encoded, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return _save_opaque(name, value, folder)
    if len(text) <= INLINE_LIMIT:
        return {"kind": "json", "value": encoded}
    return {"kind": "json", **_write(folder, f"{name}.json", text)}


def _save_opaque(name: str, value: Any, folder: Path) -> dict[str, Any]:
    import pickle

    return {"kind": "opaque", **_write(folder, f"{name}.pickle", pickle.dumps(value, protocol=5))}


def _place(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / name.replace(os.sep, "_")


def _write(folder: Path, name: str, data: bytes) -> dict[str, Any]:
    path = _place(folder, name)
    path.write_bytes(data)
    return {"path": path.name, "bytes": len(data)}


def _read_tensor(path: Path) -> Any:
    import numpy

    if path.suffix == ".npy":
        return numpy.load(path, allow_pickle=False)
    import pyarrow.ipc

    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.read_tensor(source).to_numpy()
