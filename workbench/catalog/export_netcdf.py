"""NetCDF-4 by CF-1.11, written block by block, and read back as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog.export_parts import Parts
from workbench.catalog.extent import STEPS
from workbench.catalog.metadata import Told

#: Where times repeat or are missing, `time` cannot be CF's coordinate of its own dimension; rows are numbered instead.
ROW = "row"
_SINCE = "since 1970-01-01T00:00:00Z"
_NAT = np.iinfo(np.int64).min
#: Units that people at sea write and UDUNITS does not know.
_UDUNITS = {"kn": "knot"}
_HERE = {known: ours for ours, known in _UDUNITS.items()}
_COORDINATES = "coordinate_variables"
#: Attributes that only the file needs.
_OURS = ("units_metadata", "coverage_content_type", "positive", "axis", "coordinates")
_AXES = {"latitude": "Y", "longitude": "X", "time": "T"}
_UP = {"altitude": "up", "height": "up", "depth": "down"}
#: Text of at most so many letters in each row is written as letters, which compress; a string takes 56 bytes of each row.
_LETTERS = 16
#: Rows in a compressed piece of a variable.
_PIECE = 65_536


class NetcdfFile:
    """A NetCDF-4 file being written.

    Parameters
    ----------
    path : Path
    parts : Parts
        What is going to be written.
    told : Told
    """

    def __init__(self, path: Path, parts: Parts, told: Told) -> None:
        import netCDF4

        ds, self._parts = parts.ds, parts

        self._dims = {str(name): str(name) for name in ds.dims}
        if "time" in ds.dims and not parts.extent.grows:
            self._dims["time"] = ROW
        self._growing = parts.dim
        self._widths = {
            str(n): _bytes(n, parts) for n, a in ds.variables.items() if parts.dim in a.dims and n != parts.dim
        }
        self._nc = netCDF4.Dataset(path, "w", format="NETCDF4")
        self._sizes = {str(name): size for name, size in ds.sizes.items()} | (
            {parts.dim: parts.rows} if parts.dim else {}
        )
        for dim, size in self._sizes.items():
            self._nc.createDimension(self._dims[dim], size)
        attributes = dict(told.attributes)
        beside = [str(name) for name in ds.coords if name not in (*ds.dims, "time")]
        if beside:
            attributes[_COORDINATES] = " ".join(beside)
        if _is_trajectory(ds):
            attributes["featureType"] = "trajectory"
            one = self._nc.createVariable("trajectory", str, ())
            one[...] = np.array(told.platform, object)
            one.setncatts({"cf_role": "trajectory_id", "long_name": "cruise"})
        self._nc.setncatts({name: _attribute(value) for name, value in attributes.items() if value is not None})
        for name, array in ds.variables.items():
            self._declare(str(name), array, ds)

    def write(self, block: xr.Dataset, start: int) -> None:
        """Rows in memory, from number `start` on; variables that do not grow are written with the first of them."""
        stop = start + block.sizes.get(self._growing, 0)
        for name, array in block.variables.items():
            if self._growing in array.dims:
                index: Any = tuple(slice(start, stop) if dim == self._growing else slice(None) for dim in array.dims)
            elif start == 0:
                index = ...
            else:
                continue
            if array.size and self._widths.get(str(name)):
                self._nc[str(name)][(*index, slice(None))] = _letters(array, self._widths[str(name)])
            elif array.size:
                self._nc[str(name)][index] = _encoded(array, STEPS[self._parts.extent.step(str(name))])

    def close(self) -> None:
        """End the file."""
        self._nc.close()

    def _declare(self, name: str, array: xr.Variable, ds: xr.Dataset) -> None:
        dims = tuple(self._dims[str(dim)] for dim in array.dims)
        sizes = [max(1, self._sizes[str(dim)]) for dim in array.dims]
        kind = _stored(array.dtype)
        width = self._widths.get(name)
        if width:
            kind, sizes, dims = np.dtype("S1"), [*sizes, width], (*dims, f"{name}_letters")
            self._nc.createDimension(dims[-1], width)
        attrs = _attributes(name, array, self._parts)
        options: dict[str, Any] = {}
        if kind is not str and dims:
            options = {"zlib": True, "complevel": 1, "shuffle": True}
            options["chunksizes"] = [min(sizes[0], _PIECE), *sizes[1:]]
            options["chunk_cache"] = 2 * int(np.prod(options["chunksizes"])) * kind.itemsize  # untold: 64 MB of each
        fill = attrs.pop("_FillValue", None)
        variable = self._nc.createVariable(name, kind, dims, fill_value=fill, **options)
        variable.set_auto_maskandscale(False)
        variable.set_auto_chartostring(False)
        variable.setncatts(attrs | ({"_Encoding": "utf-8"} if width else {}))


def open_netcdf(path: str | os.PathLike[str]) -> xr.Dataset:
    """A file that `export` wrote, as the Source gave it: dimensions, values, units.

    ``xarray.open_dataset`` opens it, too; where times repeat, the dimension is called ``row`` there.

    Returns
    -------
    xarray.Dataset
        Dask arrays. Global attributes that tell about the file are kept.
    """
    ds = xr.open_dataset(path, engine="netcdf4", chunks={}, drop_variables="trajectory", decode_coords=False)
    told = str(ds.attrs.pop(_COORDINATES, "")).split()
    ds = ds.set_coords([name for name in ("time", *told) if name in ds.variables])
    if ROW in ds.dims and "time" in ds.variables and ds["time"].dims == (ROW,):
        ds = ds.swap_dims({ROW: "time"})
    for array in ds.variables.values():
        array.attrs = {key: value for key, value in array.attrs.items() if key not in _OURS}
        if array.attrs.get("units") in _HERE:
            array.attrs["units"] = _HERE[array.attrs["units"]]
    return ds


def _is_trajectory(ds: xr.Dataset) -> bool:
    have = {"latitude", "longitude", "time"} <= set(map(str, ds.variables)) and set(ds.dims) == {"time"}
    return have and "trajectory" not in ds.variables


def _stored(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "OUSTV":
        return str
    if dtype.kind == "b":
        return np.dtype("int8")
    return np.dtype("int64") if dtype.kind in "mM" else dtype


def _encoded(array: xr.Variable, step: int) -> npt.NDArray[Any]:
    values = np.asarray(array.values)
    if values.dtype.kind in "OUSTV":
        return np.array(["" if _missing(v) else str(v) for v in values.ravel().tolist()], object).reshape(values.shape)
    if values.dtype.kind in "mM":
        whole = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
        return np.where(whole == _NAT, _NAT, whole // step)
    return values.astype(np.int8) if values.dtype.kind == "b" else values


def _bytes(name: object, parts: Parts) -> int:
    """Bytes for the letters of a text that is short in every row; 0 of all else."""
    letters = parts.ds.variables[name].dtype.itemsize // 4 if parts.ds.variables[name].dtype.kind == "U" else 0
    letters = max(letters, parts.letters.get(str(name), 0)) if letters else 0
    return 4 * letters if letters <= _LETTERS else 0


def _letters(array: xr.Variable, width: int) -> npt.NDArray[Any]:
    """Text as bytes, one in each place."""
    values = np.ascontiguousarray(array.values.astype(array.dtype.newbyteorder("=")))
    letters = values.view(np.uint32).reshape(*values.shape, values.dtype.itemsize // 4)
    if letters.max(initial=0) < 128:
        out = np.zeros((*values.shape, width), np.uint8)
        out[..., : letters.shape[-1]] = letters
        return out.view("S1")
    return np.char.encode(values, "utf-8").astype(f"S{width}").view("S1").reshape(*values.shape, width)


def _missing(value: object) -> bool:
    return value is None or value != value


def _attributes(name: str, array: xr.Variable, parts: Parts) -> dict[str, Any]:
    """Attributes as CF wants them: limits of the variable's own type, units that UDUNITS knows, coordinates named."""
    out = {str(key): _attribute(value) for key, value in array.attrs.items() if value is not None}
    out |= _kind(name, array, parts)
    out.setdefault("long_name", name.replace("_", " "))
    for key in ("valid_min", "valid_max", "flag_values"):
        if key in out and array.dtype.kind in "fiu":
            out[key] = np.asarray(out[key]).astype(array.dtype)
    if out.get("units") in _UDUNITS:
        out["units"] = _UDUNITS[out["units"]]
    standard = str(out.get("standard_name", ""))
    if "temperature" in standard:
        out["units_metadata"] = "temperature: on_scale"
    if standard in _UP:
        out["positive"] = _UP[standard]
    out["coverage_content_type"] = _content(name, array)
    if name in _AXES:
        out["axis"] = _AXES[name]
        out.setdefault("standard_name", name)
    elif _is_trajectory(parts.ds) and array.dims == ("time",):
        out["coordinates"] = "time latitude longitude"
    return out


def _kind(name: str, array: xr.Variable, parts: Parts) -> dict[str, Any]:
    """What tells the type of a variable that NetCDF does not have, and what stands for missing."""
    missing: dict[str, Any] = {"_FillValue": np.int64(_NAT)}
    if array.dtype.kind == "M":
        told = {
            "units": f"{parts.extent.step(name)} {_SINCE}",
            "calendar": "standard",
            "units_metadata": "leap_seconds: none",
        }
        return told if name == "time" and parts.extent.grows else told | missing
    if array.dtype.kind == "m":
        return missing | {"units": "nanoseconds", "dtype": "timedelta64[ns]"}
    if array.dtype.kind == "f" and array.dims != (name,):  # CF has no missing values in coordinate variables
        return {"_FillValue": array.dtype.type(np.nan)}
    return {"dtype": "bool"} if array.dtype.kind == "b" else {}


def _content(name: str, array: xr.Variable) -> str:
    """What ACDD calls the kind of a variable (ISO 19115-1)."""
    if name in _AXES:
        return "coordinate"
    if name.endswith("_qc"):
        return "qualityInformation"
    return "physicalMeasurement" if array.dtype.kind in "fu" else "referenceInformation"


def _attribute(value: Any) -> Any:
    """A value that NetCDF can hold."""
    if isinstance(value, bool | np.bool_):
        return np.int8(value)
    if isinstance(value, Mapping):
        import json

        return json.dumps(value, default=str)
    if isinstance(value, str | int | float | np.number | np.ndarray):
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, int | float | np.number) for v in value):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return str(value)
