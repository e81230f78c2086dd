"""Variables with more dims than time, as columns along time: one for each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

#: Of these dims one label stands for all, the middle one of a filter's quantiles where it is there.
CHOSEN = {"quantile": 50.0}


def spread(ds: xr.Dataset) -> xr.Dataset:
    """Columns along ``time`` alone.

    Parameters
    ----------
    ds : xarray.Dataset
        Variables along ``time`` and labelled dims, such as ``abundance(time, population, quantile)``.

    Returns
    -------
    xarray.Dataset
        ``abundance_prochloro``, ``abundance_synecho``, ... at the quantile of 50 per cent (else the first), with the
        label in ``long_name`` and in an attribute named after the dim. What lies along time alone stays as it is; what
        does not lie along time is left out. Lazy where `ds` is.
    """
    if all(array.dims in (("time",), ()) for array in ds.data_vars.values()):
        return ds
    for dim, wanted in CHOSEN.items():
        if dim in ds.dims and "time" in ds.dims:
            ds = ds.isel({dim: _place(ds, dim, wanted)}, drop=True)
    labels = {str(dim): ds[dim].values if dim in ds.coords else np.arange(size) for dim, size in ds.sizes.items()}
    out: dict[str, xr.Variable] = {}
    for name in ds.data_vars:
        variable = ds.variables[name]
        if "time" in variable.dims:
            out |= _columns(str(name), variable, labels)
    made = xr.Dataset(out, attrs=ds.attrs)
    return made.assign_coords(time=ds["time"]) if "time" in ds.variables else made


def _columns(name: str, variable: xr.Variable, labels: Mapping[str, npt.NDArray[Any]]) -> dict[str, xr.Variable]:
    """One column for each label of the first dim beside time, and so on."""
    dim = next((str(dim) for dim in variable.dims if dim != "time"), None)
    if dim is None:
        return {name: variable}
    out: dict[str, xr.Variable] = {}
    for i, label in enumerate(labels[dim]):
        part = variable.isel({dim: i})
        about = part.attrs.get("long_name", name.replace("_", " "))
        part.attrs = {**part.attrs, "long_name": f"{about}, {label}", dim: str(label)}
        out |= _columns(f"{name}_{label}", part, labels)
    return out


def _place(ds: xr.Dataset, dim: str, wanted: float) -> int:
    labels = np.asarray(ds[dim].values, dtype=np.float64) if dim in ds.coords else np.arange(ds.sizes[dim], dtype=float)
    found = np.flatnonzero(np.isclose(labels, wanted))
    return int(found[0]) if len(found) else 0
