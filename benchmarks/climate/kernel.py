"""Means of some time steps: `work(item)` runs unchanged on engines, in MPI ranks and in tasks of an array.

Called as a program it makes the data, or takes the mean of all of it by dask: `kernel.py make PATH FORMAT STEPS GRID`,
`kernel.py dask PATH FORMAT WORKERS`. It needs xarray, netCDF4, zarr and dask alone, since it is copied to the workers.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

# As ERA5's temperature at two metres is packed: two bytes, a scale and an offset.
SCALE, OFFSET = 0.002, 260.0
STEPS_OF_CHUNK = 4


def warm() -> None:
    """Import what work needs."""
    import netCDF4  # noqa: F401
    import xarray  # noqa: F401
    import zarr  # noqa: F401


def work(item: dict[str, Any]) -> list[float]:
    """The mean of each time step from `first` to `last`, weighted by the area of cells."""
    with _open(item["path"], item["format"]) as data:
        return _mean(data["t2m"].isel(time=slice(item["first"], item["last"])))


def make(path: str, kind: str, steps: int, grid: str) -> dict[str, Any]:
    """Write a variable like ERA5's, chunk by chunk in memory, and give each step's mean as it should come out."""
    import numpy
    import xarray

    rows, columns = (int(word) for word in grid.split("x"))
    latitude = numpy.linspace(90, -90, rows)
    longitude = numpy.arange(columns) * 360 / columns
    zonal = 288 - 45 * numpy.sin(numpy.radians(latitude)) ** 2
    random = numpy.random.default_rng(20)
    packed = numpy.empty((steps, rows, columns), numpy.int16)
    for step in range(steps):
        day = 8 * numpy.cos(numpy.radians(longitude - 15 * step))
        field = zonal[:, None] + day + random.normal(0, 2, (rows, columns))
        packed[step] = numpy.rint((field - OFFSET) / SCALE).clip(-32000, 32000)
    variable = xarray.DataArray(
        packed, {"time": numpy.arange(steps), "latitude": latitude, "longitude": longitude}, ("time", "latitude", "longitude"),
        attrs={"scale_factor": SCALE, "add_offset": OFFSET, "units": "K"},
    )  # fmt: skip
    chunks = (min(STEPS_OF_CHUNK, steps), rows, columns)
    data = variable.to_dataset(name="t2m")
    if kind == "zarr":
        data.to_zarr(path, mode="w", consolidated=False, zarr_format=2, encoding={"t2m": {"chunks": chunks}})
    else:
        data.to_netcdf(
            path, engine="netcdf4", encoding={"t2m": {"chunksizes": chunks, "zlib": True, "complevel": 1}}
        )
    weights = numpy.cos(numpy.radians(latitude))
    means = [float(((step * SCALE + OFFSET).mean(axis=1) * weights).sum() / weights.sum()) for step in packed]
    return {"means": means, "megabytes": packed.nbytes / 1e6}


def by_dask(path: str, kind: str, workers: int) -> dict[str, Any]:
    """All means by dask with so many processes; they are started before the clock."""
    from concurrent.futures import ProcessPoolExecutor

    import dask

    with ProcessPoolExecutor(workers) as pool, dask.config.set(scheduler="processes", pool=pool):
        list(pool.map(_warm, range(workers * 2)))
        begun = time.time()
        with _open(path, kind, chunks={"time": STEPS_OF_CHUNK}) as data:
            means = _mean(data["t2m"])
        return {"seconds": time.time() - begun, "means": means}


def _open(path: str, kind: str, **more: Any) -> Any:
    import xarray

    if kind == "zarr":
        return xarray.open_dataset(path, engine="zarr", consolidated=False, zarr_format=2, **more)
    return xarray.open_dataset(path, engine="netcdf4", **more)


def _mean(variable: Any) -> list[float]:
    import numpy

    weights = numpy.cos(numpy.radians(variable["latitude"]))
    found = variable.astype("float64").weighted(weights).mean(("latitude", "longitude"))
    return [float(value) for value in found.values]


def _warm(_: int) -> None:
    warm()
    time.sleep(0.05)


if __name__ == "__main__":
    name, where, kind = sys.argv[1:4]
    Path(where).parent.mkdir(parents=True, exist_ok=True)
    if name == "make":
        print(json.dumps(make(where, kind, int(sys.argv[4]), sys.argv[5])))
    else:
        print(json.dumps(by_dask(where, kind, int(sys.argv[4]))))
