"""The parameters of a SeaFlow cruise as a dataset and back: how a plan travels from a reader to a product.

===============  ==============================================================================================
dim              variables
===============  ==============================================================================================
filter           filter_id, filter_date; by quantile: each of `FIELDS` (log scale)
filter_entry     filter_start (UTC), filter_entry_id: which filter from when; empty: one set for the whole cruise
gate             gating_id, gating_date, population, method, channel_x, channel_y, gate_extra (JSON), corners
corner           corner_x, corner_y (linear): the corners of gate after gate (a contiguous ragged array)
gating_entry     gating_start (UTC), gating_entry_id
scatter          scatter and the six columns of the size table, where there is one
===============  ==============================================================================================

Attributes: cruise, instrument, size_instrument.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.core.sizes import COLUMNS, SizeTable

_UNITS = {"diam": "um", "Qc": "pg"}


def to_dataset(parameters: Parameters, table: SizeTable | None = None) -> xr.Dataset:
    """Parameters, and a size table, as one dataset in memory (see the module for its dims)."""
    filters = [parameters.filters.sets[name] for name in sorted(parameters.filters.sets)]
    gatings = parameters.gatings
    listed = [gatings.sets[name] for name in sorted(gatings.sets)] if gatings else []
    gates = [(gating, gate) for gating in listed for gate in gating.gates]
    corners = np.concatenate([np.empty((0, 2)), *(gate.array for _, gate in gates)])
    numbers = np.stack([p.array for p in filters]) if filters else np.empty((0, len(QUANTILES), len(FIELDS)))
    variables: dict[str, Any] = {
        "filter_id": ("filter", _text(p.id for p in filters)),
        "filter_date": ("filter", _text(p.date for p in filters)),
        **{name: (("filter", "quantile"), numbers[:, :, i]) for i, name in enumerate(FIELDS)},
        **_entries(parameters.filters, "filter"),
        "gating_id": ("gate", _text(gating.id for gating, _ in gates)),
        "gating_date": ("gate", _text(gating.date for gating, _ in gates)),
        "population": ("gate", _text(gate.population for _, gate in gates)),
        "method": ("gate", _text(gate.method for _, gate in gates)),
        "channel_x": ("gate", _text(gate.x for _, gate in gates)),
        "channel_y": ("gate", _text(gate.y for _, gate in gates)),
        "gate_extra": ("gate", _text(json.dumps(dict(gate.extra), sort_keys=True) for _, gate in gates)),
        "corners": (
            "gate",
            np.array([len(gate.vertices) for _, gate in gates], dtype=np.int64),
            {"sample_dimension": "corner"},
        ),
        "corner_x": ("corner", corners[:, 0]),
        "corner_y": ("corner", corners[:, 1]),
        **_entries(gatings, "gating"),
    }
    if table is not None:
        for i, name in enumerate(COLUMNS):
            variables[name] = ("scatter", table.values[:, i], {"units": _UNITS[name.split("_")[0]]})
    coords: dict[str, Any] = {"quantile": list(QUANTILES)} | ({"scatter": table.scatter} if table is not None else {})
    attrs = {
        "cruise": parameters.cruise,
        "instrument": parameters.instrument,
        "size_instrument": table.instrument if table is not None else "",
        "notes": "\n".join(parameters.notes),
    }
    return xr.Dataset(variables, coords, attrs)


def from_dataset(ds: xr.Dataset) -> tuple[Parameters, SizeTable | None]:
    """The parameters and the size table that `to_dataset` put into `ds`.

    Raises
    ------
    WorkbenchError
        When a variable is missing, or the parameters contradict each other.
    """
    for name in ("filter_id", "quantile", "filter_start", "filter_entry_id", *FIELDS):
        if name not in ds.variables:
            raise WorkbenchError(f"a plan needs '{name}'. {suggest(name, map(str, ds.variables))}")
    numbers = np.stack([ds[name].transpose("filter", "quantile").to_numpy() for name in FIELDS], axis=-1)
    filters = {
        str(name): FilterParameters(str(name), tuple(map(tuple, table.tolist())), str(date))
        for name, date, table in zip(ds["filter_id"].to_numpy(), _column(ds, "filter_date"), numbers, strict=True)
    }
    gatings = _gatings(ds)
    notes = tuple(line for line in str(ds.attrs.get("notes", "")).split("\n") if line)
    parameters = Parameters(
        Plan(_plan(ds, "filter"), filters),
        Plan(_plan(ds, "gating"), gatings) if gatings else None,
        str(ds.attrs.get("cruise", "")),
        str(ds.attrs.get("instrument", "")),
        notes,
    )
    return parameters, _table(ds)


def _entries(plan: Plan[Any] | None, what: str) -> dict[str, Any]:
    entries = list(plan) if plan is not None else []
    return {
        f"{what}_start": (f"{what}_entry", np.array([start for start, _ in entries], dtype="datetime64[ns]")),
        f"{what}_entry_id": (f"{what}_entry", _text(name for _, name in entries)),
    }


def _plan(ds: xr.Dataset, what: str) -> tuple[tuple[np.datetime64, str], ...]:
    starts, names = ds[f"{what}_start"].to_numpy(), ds[f"{what}_entry_id"].to_numpy()
    return tuple((start, str(name)) for start, name in zip(starts, names, strict=True))


def _gatings(ds: xr.Dataset) -> dict[str, Gating]:
    if "gating_id" not in ds.variables:
        return {}
    vertices = np.column_stack([ds["corner_x"].to_numpy(), ds["corner_y"].to_numpy()])
    ends = np.cumsum(ds["corners"].to_numpy())
    found: dict[str, list[Gate]] = {}
    dates: dict[str, str] = {}
    columns = (
        _column(ds, name)
        for name in ("gating_id", "gating_date", "population", "method", "channel_x", "channel_y", "gate_extra")
    )
    for at, (name, date, population, method, x, y, extra) in enumerate(zip(*columns, strict=True)):
        own = vertices[(ends[at - 1] if at else 0) : ends[at]]
        gate = Gate(population, x, y, tuple((float(a), float(b)) for a, b in own), method, json.loads(extra or "{}"))
        found.setdefault(name, []).append(gate)
        dates[name] = date
    return {name: Gating(name, tuple(gates), dates[name]) for name, gates in found.items()}


def _table(ds: xr.Dataset) -> SizeTable | None:
    if "scatter" not in ds.variables:
        return None
    values = np.column_stack([ds[name].to_numpy() for name in COLUMNS]).astype(np.float64)
    return SizeTable(str(ds.attrs.get("size_instrument", "")), ds["scatter"].to_numpy().astype(np.float64), values)


def _text(values: Iterable[str]) -> npt.NDArray[np.str_]:
    return np.array(list(values), dtype=np.str_)


def _column(ds: xr.Dataset, name: str) -> list[str]:
    return [str(value) for value in ds[name].to_numpy()]
