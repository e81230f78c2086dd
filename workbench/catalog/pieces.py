"""Datasets of a Source put after one another, and the one that has no rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.variables import MISSING, VariableSpec
from workbench.readers.reader import Reader


def blank(reader: Reader) -> xr.Dataset:
    """A dataset of `reader` with no rows in it."""
    return _blank(reader.provides).copy()


@lru_cache
def _blank(provides: tuple[VariableSpec, ...]) -> xr.Dataset:
    particles = any(spec.dims == ("particle",) for spec in provides)
    rows = ("file",) if particles else ("time",)
    data: dict[str, Any] = {}
    for spec in provides:
        dims = rows if spec.dims in ((), ("time",)) else spec.dims
        dtype = np.dtype("U1") if spec.dtype == "str" else np.dtype(spec.dtype)
        data[spec.name] = (dims, np.empty((0,) * len(dims), dtype), spec.attrs() if dtype.kind != "M" else {})
    ds = xr.Dataset(data)
    return ds.set_coords("time") if "time" in ds.variables else ds


def end_to_end(pieces: list[xr.Dataset]) -> xr.Dataset:
    """Rows of several pieces after one another; counts in the attributes are added up, lists put together."""
    dim = "time" if "time" in pieces[0].dims else str(next(iter(pieces[0].dims)))
    kinds = {name: variable for piece in pieces for name, variable in piece.data_vars.items()}
    filled = [piece.assign({n: _missing(v, dim, piece.sizes[dim]) for n, v in kinds.items() if n not in piece})
              for piece in pieces]  # fmt: skip
    ds = xr.concat(filled, dim=dim, data_vars="all", coords="minimal", join="outer", combine_attrs="drop_conflicts")
    counts = {key for piece in pieces for key, value in piece.attrs.items() if isinstance(value, int | np.integer)}
    ds.attrs |= {key: sum(int(piece.attrs.get(key, 0)) for piece in pieces) for key in counts}
    ds.attrs["bad"] = "\n".join(lines for piece in pieces if (lines := piece.attrs.get("bad")))
    return ds


def _missing(like: xr.DataArray, dim: str, rows: int) -> tuple[str, npt.NDArray[Any], dict[str, Any]]:
    """A variable that says nothing, of the kind of another."""
    kind = like.dtype.kind
    if str(like.name).endswith("_qc"):
        return dim, np.full(rows, MISSING, like.dtype), like.attrs
    if kind in "OUS":
        return dim, np.full(rows, "", like.dtype), like.attrs
    if kind == "M":
        return dim, np.full(rows, "NaT", like.dtype), like.attrs
    return dim, np.full(rows, np.nan), like.attrs
