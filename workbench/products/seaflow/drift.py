"""How the beads move: a cytometer whose alignment or gain drifts shows it on particles that are all alike.

Source: the operations page of the SeaFlow project: beads by pe > 5e4 and D1, D2 < reference + 1.5e4 (log codes),
hourly medians against the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import on_log_scale
from workbench.core.filters import FilterParameters
from workbench.core.plan_dataset import parameters_in
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.products.contract import CRUISE, product
from workbench.products.seaflow.loading import check_particles
from workbench.products.seaflow.worked import key_of

_CHANNELS = ("fsc_small", "D1", "D2")
_NEEDED = ("D1", "D2", "fsc_small", "pe")
_HOUR = np.timedelta64(3600, "s")
_ROWS = 1 << 20


def _specs() -> tuple[VariableSpec, ...]:
    time = ("time",)
    out = [VARIABLES["time"], VariableSpec("beads", time, "int64", "1", None, "beads seen in the hour")]
    for name in _CHANNELS:
        label = VARIABLES[name].long_name
        out.append(VariableSpec(f"{name}_beads", time, "float64", "1", None, f"{label} of the beads (log code)"))
        out.append(VariableSpec(f"{name}_drift", time, "float64", "percent", None, f"drift of the beads in {label}"))
    return tuple(out)


PROVIDES = _specs()


@product(reach=CRUISE, provides=PROVIDES, chunked=False)
def bead_drift(
    evt: xr.Dataset, plan: xr.Dataset, *, min_pe: float = 5e4, above: float = 1.5e4,
    kept: MutableMapping[Any, Any] | None = None,
) -> xr.Dataset:  # fmt: skip
    """Bead drift: hourly bead positions in D1, D2 and forward scatter against the filter's.

    Parameters
    ----------
    evt : xarray.Dataset
        Particles (``particle``, ``file``) with D1, D2, fsc_small and pe: raw as the reader ``seaflow_evt`` gives them,
        or OPP (linear values count as their log codes); loaded some files at a time.
    plan : xarray.Dataset
        As the reader ``seaflow_plan`` gives it: the beads of quantile 50 are the reference, of the filter that holds at
        the time.
    min_pe : float, log code
        Beads are brighter.
    above : float, log code
        D1 and D2 of beads are below the reference and this.
    kept : dict, optional
        What was worked out of hours before, for whoever makes a cruise again as it grows (see `workbench.products`).

    Returns
    -------
    xarray.Dataset
        Along ``time``, the beginnings of the hours that have files: ``beads`` (count), ``<channel>_beads`` (median log
        code) and ``<channel>_drift`` (per cent of the reference: ``100 * (median / reference - 1)``) of fsc_small, D1
        and D2; NaN in hours without beads or before the filter plan begins.
    """
    check_particles(evt, _NEEDED)
    filters = parameters_in(plan).filters
    time = evt["time"].to_numpy().astype("datetime64[ns]")
    dated = np.flatnonzero(~np.isnat(time))
    hours = np.unique(time[dated].astype("datetime64[h]").astype("datetime64[ns]"))
    found: list[list[npt.NDArray[np.float64]]] = [[] for _ in hours]
    places = np.searchsorted(hours, time[dated], "right") - 1
    references = [_reference(filters.at(hour + _HOUR - np.timedelta64(1, "ns"))) for hour in hours]
    hour_of = np.zeros(len(time), np.int64)
    hour_of[dated] = places
    keys = _keys(evt, dated, places, references, (min_pe, above))
    known: MutableMapping[Any, Any] = {} if kept is None else kept.setdefault("hours", {})
    unknown = np.array([key not in known for key in keys], dtype=np.bool_)
    asked = dated[unknown[places]]
    marks = _marks(evt, dated[places == len(hours) - 1], references[-1:], (min_pe, above))
    before: Mapping[bytes, npt.NDArray[np.float64]] = {} if kept is None else kept.get("beads", {})
    beads = {mark: before[mark] for mark in marks.values() if mark in before}
    new = np.array([marks.get(file) not in beads for file in asked.tolist()], dtype=np.bool_)
    for file, rows in _loaded(evt, asked[new]):
        reference = references[hour_of[file]]
        low = (rows[:, 3] > min_pe) & (rows[:, 0] < reference[1] + above) & (rows[:, 1] < reference[2] + above)
        if file in marks:
            beads[marks[file]] = rows[low]
        else:
            found[hour_of[file]].append(rows[low])
    if marks and unknown[-1]:
        found[-1] += [beads[mark] for mark in marks.values()]
    if kept is not None:
        kept["beads"] = beads
    middles = np.full((len(hours), 3), np.nan)
    count = np.zeros(len(hours), dtype=np.int64)
    for at, parts in enumerate(found):
        if keys[at] not in known:
            known[keys[at]] = _middle(np.concatenate([np.empty((0, 4)), *parts]))
        count[at], middles[at] = known[keys[at]]
    for old in set(known) - set(keys):
        del known[old]
    return _dataset(hours, count, middles, np.array(references).reshape(-1, 3))


def _middle(beads: npt.NDArray[np.float64]) -> tuple[int, npt.NDArray[np.float64]]:
    """How many beads, and the median of each channel."""
    return len(beads), np.median(beads[:, [2, 0, 1]], axis=0) if len(beads) else np.full(3, np.nan)


def _dataset(
    hours: npt.NDArray[np.datetime64], count: npt.NDArray[np.int64], middles: npt.NDArray[np.float64],
    references: npt.NDArray[np.float64],
) -> xr.Dataset:  # fmt: skip
    drift = 100 * (middles / references - 1)
    variables: dict[str, Any] = {"beads": ("time", count)}
    for at, name in enumerate(_CHANNELS):
        variables[f"{name}_beads"] = ("time", middles[:, at])
        variables[f"{name}_drift"] = ("time", drift[:, at])
    ds = xr.Dataset(variables, {"time": hours})
    for spec in PROVIDES[1:]:
        ds[spec.name].attrs |= spec.attrs()
    return ds


def _keys(
    evt: xr.Dataset, dated: npt.NDArray[np.intp], places: npt.NDArray[np.intp],
    references: list[npt.NDArray[np.float64]], limits: tuple[float, float],
) -> list[bytes]:  # fmt: skip
    """Of all that the numbers of each hour come from: its files with their sizes, the reference, the limits."""
    sizes = evt["row_size"].to_numpy()
    names = evt["file_id"].to_numpy() if "file_id" in evt else np.arange(len(sizes))
    order = np.argsort(places, kind="stable")
    ends = np.searchsorted(places[order], np.arange(len(references) + 1))
    keys = []
    for at, where in enumerate(references):
        own = dated[order[ends[at] : ends[at + 1]]]
        files = [(str(names[file]), int(sizes[file])) for file in own]
        keys.append(key_of(files, where.tobytes(), *limits))
    return keys


def _marks(
    evt: xr.Dataset, files: npt.NDArray[np.intp], references: list[npt.NDArray[np.float64]], limits: tuple[float, float]
) -> dict[int, bytes]:
    """Of all that the beads of each file of the last hour come from: the next look asks for them again, with one more."""
    sizes = evt["row_size"].to_numpy()
    names = evt["file_id"].to_numpy() if "file_id" in evt else np.arange(len(sizes))
    return {
        file: key_of(file, str(names[file]), int(sizes[file]), where.tobytes(), *limits)
        for where in references
        for file in files.tolist()
    }


def _reference(parameters: FilterParameters | None) -> npt.NDArray[np.float64]:
    """fsc_small, D1 and D2 of the beads in quantile 50; NaN without parameters."""
    return np.full(3, np.nan) if parameters is None else parameters.array[1, :3]


def _loaded(evt: xr.Dataset, chosen: npt.NDArray[np.intp]) -> Any:
    """(file, its events as float64 (n, 4) of D1, D2, fsc_small and pe), some files at a time."""
    sizes = evt["row_size"].to_numpy().astype(np.int64)
    ends = np.cumsum(sizes)
    particles = evt[list(_NEEDED)]
    at = 0
    while at < len(chosen):
        stop = at + 1
        first = int(ends[chosen[at]] - sizes[chosen[at]])
        while stop < len(chosen) and chosen[stop] == chosen[stop - 1] + 1 and ends[chosen[stop]] - first <= _ROWS:
            stop += 1
        loaded = particles.isel(particle=slice(first, int(ends[chosen[stop - 1]]))).load()
        columns = [on_log_scale(loaded[name]).astype(np.float64) for name in _NEEDED]
        for file in chosen[at:stop].tolist():
            own = slice(int(ends[file] - sizes[file]) - first, int(ends[file]) - first)
            yield file, np.column_stack([column[own] for column in columns])
        at = stop
