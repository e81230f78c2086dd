"""Parameters of a cruise as one dataset and back, so that a catalog can give them to a product.

Flat tables, one dim each: ``time`` (what holds from when), ``filter_row`` (a row per filter and quantile), ``gate``,
``corner`` (the polygons, gate after gate), with a size table ``size``, and ``excluded_file`` where people left files out.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Excluded, Parameters
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.core.variables import labelled

_UNITS = {"diam": "um", "Qc": "pg"}


def plan_dataset(parameters: Parameters, table: SizeTable | None = None) -> xr.Dataset:
    """Parameters (and a size table) as a dataset.

    Parameters
    ----------
    parameters : Parameters
    table : SizeTable, optional

    Returns
    -------
    xarray.Dataset
        Along ``time``: ``filter_id`` and ``gating_id`` that hold from then on, "" where none does, or where the only
        one holds for the whole cruise. Attrs ``cruise``, ``instrument``, ``not_evaluated`` (gates that are kept, but
        not evaluated).
    """
    gatings = parameters.gatings
    starts = sorted({start for plan in (parameters.filters, gatings) if plan for start, _ in plan})
    variables: dict[str, Any] = {
        "filter_id": ("time", _text(_holding(parameters.filters, start) for start in starts)),
        "gating_id": ("time", _text(_holding(gatings, start) for start in starts)),
    }
    variables |= _filter_table(list(parameters.filters.sets.values()))
    sets = list(gatings.sets.values()) if gatings else []
    variables |= _gate_table(sets)
    if table is not None:
        variables |= _size_table(table)
    if parameters.excluded:
        variables |= _excluded_table(parameters.excluded)
    attrs = {
        "Conventions": "CF-1.11",
        "cruise": parameters.cruise,
        "instrument": parameters.instrument or (table.instrument if table else ""),
        "notes": "\n".join(parameters.notes),
        "not_evaluated": ", ".join(f"{gating.id}: {name}" for gating in sets for name in gating.not_evaluated),
    }
    time = np.array(starts, dtype="datetime64[ns]")
    holds = {"standard_name": "time", "long_name": "holds from"}
    return labelled(xr.Dataset(variables, {"time": ("time", time, holds)}, attrs))


def _holding(plan: Plan[Any] | None, start: np.datetime64) -> str:
    return (plan.id_at(start) or "") if plan and plan.entries else ""


def _text(words: Any) -> npt.NDArray[np.str_]:
    return np.array(list(words), dtype=np.str_)


def _filter_table(sets: list[FilterParameters]) -> dict[str, Any]:
    rows = np.concatenate([p.array for p in sets]) if sets else np.empty((0, len(FIELDS)))
    out: dict[str, Any] = {
        "filter": ("filter_row", _text(p.id for p in sets for _ in QUANTILES)),
        "filter_date": ("filter_row", _text(p.date for p in sets for _ in QUANTILES)),
        "filter_quantile": ("filter_row", np.array(QUANTILES * len(sets), dtype=np.float64), {"units": "1"}),
    }
    return out | {name: ("filter_row", rows[:, i], {"units": "1", "long_name": name}) for i, name in enumerate(FIELDS)}


def _gate_table(sets: list[Gating]) -> dict[str, Any]:
    gates = [(gating, gate) for gating in sets for gate in gating.gates]
    corners = [gate.array for _, gate in gates]
    points = np.concatenate(corners) if corners else np.empty((0, 2))
    linear = {"units": "1", "scale": "linear"}
    return {
        "gating": ("gate", _text(gating.id for gating, _ in gates)),
        "gating_date": ("gate", _text(gating.date for gating, _ in gates)),
        "gate_population": ("gate", _text(gate.population for _, gate in gates)),
        "gate_method": ("gate", _text(gate.method for _, gate in gates)),
        "gate_x": ("gate", _text(gate.x for _, gate in gates)),
        "gate_y": ("gate", _text(gate.y for _, gate in gates)),
        "gate_extra": ("gate", _text(json.dumps(dict(gate.extra)) for _, gate in gates)),
        "corners": (
            "gate",
            np.array([len(c) for c in corners], dtype=np.int64),
            {"sample_dimension": "corner", "units": "1"},
        ),
        "corner_x": ("corner", points[:, 0], {**linear, "long_name": "corner, on the first channel"}),
        "corner_y": ("corner", points[:, 1], {**linear, "long_name": "corner, on the second channel"}),
    }


def _excluded_table(excluded: tuple[Excluded, ...]) -> dict[str, Any]:
    when = np.array([each.when for each in excluded], dtype="datetime64[ns]")
    texts = {"excluded": "file", "excluded_reason": "reason", "excluded_who": "who"}
    return {
        **{name: ("excluded_file", _text(getattr(e, field) for e in excluded)) for name, field in texts.items()},
        "excluded_when": ("excluded_file", when),
    }


def _size_table(table: SizeTable) -> dict[str, Any]:
    about = {"long_name": "forward scatter by that of 1 um beads", "units": "1", "instrument": table.instrument}
    columns = {
        name: ("size", table.values[:, i], {"units": _UNITS[name.split("_")[0]], "long_name": name})
        for i, name in enumerate(COLUMNS)
    }
    return {"scatter": ("size", table.scatter, about)} | columns


def parameters_in(ds: xr.Dataset) -> Parameters:
    """The parameters in a dataset that `plan_dataset` made.

    Raises
    ------
    WorkbenchError
        When it is none of that kind.
    """
    needed = ("filter_id", "gating_id", "filter", "filter_quantile", "gating", "corners", *FIELDS)
    if missing := [name for name in needed if name not in ds]:
        raise WorkbenchError(
            f"not a plan: it has no variable '{missing[0]}'. A plan comes from the reader seaflow_plan"
        )
    filters = _filters_in(ds)
    gatings = _gatings_in(ds)
    time = ds["time"].to_numpy()
    return Parameters(
        Plan(_entries(time, ds["filter_id"].to_numpy()), filters),
        Plan(_entries(time, ds["gating_id"].to_numpy()), gatings) if gatings else None,
        str(ds.attrs.get("cruise", "")),
        str(ds.attrs.get("instrument", "")),
        tuple(line for line in str(ds.attrs.get("notes", "")).split("\n") if line),
        _excluded_in(ds),
    )


def _excluded_in(ds: xr.Dataset) -> tuple[Excluded, ...]:
    if "excluded" not in ds:
        return ()
    names = ("excluded", "excluded_reason", "excluded_who")
    texts = [map(str, ds[name].to_numpy().tolist()) for name in names]
    when = ds["excluded_when"].to_numpy().astype("datetime64[ns]")
    return tuple(Excluded(*each) for each in zip(*texts, when, strict=True))


def _entries(time: npt.NDArray[np.datetime64], ids: npt.NDArray[Any]) -> tuple[tuple[np.datetime64, str], ...]:
    """Where another id begins to hold."""
    found: list[tuple[np.datetime64, str]] = []
    for start, name in zip(time, map(str, ids.tolist()), strict=True):
        if name and (not found or found[-1][1] != name):
            found.append((start, name))
    return tuple(found)


def _filters_in(ds: xr.Dataset) -> dict[str, FilterParameters]:
    rows = np.column_stack([ds[name].to_numpy() for name in FIELDS])
    names, dates = ds["filter"].to_numpy().astype(str), ds["filter_date"].to_numpy().astype(str)
    quantiles = ds["filter_quantile"].to_numpy()
    out = {}
    for name in dict.fromkeys(names.tolist()):
        here = np.flatnonzero(names == name)
        here = here[np.argsort(quantiles[here])]
        out[name] = FilterParameters(name, tuple(tuple(row) for row in rows[here].tolist()), str(dates[here[0]]))
    return out


def _gatings_in(ds: xr.Dataset) -> dict[str, Gating]:
    points = list(zip(ds["corner_x"].to_numpy().tolist(), ds["corner_y"].to_numpy().tolist(), strict=True))
    ends = np.cumsum(ds["corners"].to_numpy()).tolist()
    columns = ("gating", "gating_date", "gate_population", "gate_x", "gate_y", "gate_method", "gate_extra")
    found: dict[str, tuple[str, list[Gate]]] = {}
    begin = 0
    for end, *cells in zip(ends, *(map(str, ds[name].to_numpy().tolist()) for name in columns), strict=True):
        name, date, population, x, y, method, extra = cells
        gate = Gate(population, x, y, tuple(points[begin:end]), method, json.loads(extra))
        found.setdefault(name, (date, []))[1].append(gate)
        begin = end
    return {name: Gating(name, tuple(gates), date) for name, (date, gates) in found.items()}


def size_table_in(ds: xr.Dataset) -> SizeTable | None:
    """The size table in a dataset that `plan_dataset` made; None without one."""
    if "scatter" not in ds:
        return None
    values = np.column_stack([ds[name].to_numpy() for name in COLUMNS]).astype(np.float64)
    instrument = str(ds["scatter"].attrs.get("instrument", ""))
    return SizeTable(instrument, np.asarray(ds["scatter"].to_numpy(), dtype=np.float64), values)
