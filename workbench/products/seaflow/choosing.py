"""Which files of a cruise are worked on, when they were and with which parameters; and why others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.parameters import Parameters

Texts = npt.NDArray[np.str_]
_Index = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Files that are worked on. Of each file there are numbers in arrays, and no objects: a cruise has ten thousands.

    Attributes
    ----------
    files : ndarray of int64 (k,)
        Their places among all files.
    of : ndarray of int64 (k,)
        Which of `parameters` holds for each.
    parameters : list of (filter, gating)
    left_out : list of (file, reason)
    """

    files: _Index
    of: _Index
    parameters: list[tuple[Any, Any]]
    left_out: list[tuple[str, str]]


def dated(ids: Texts, evt: xr.Dataset, sfl: xr.Dataset | None) -> tuple[_Index, npt.NDArray[np.datetime64]]:
    """The row of the SFL of each file (-1 without), and its time: by the SFL, without one by its name."""
    if sfl is None:
        return np.full(len(ids), -1), evt["time"].to_numpy().astype("datetime64[ns]")
    rows = _places(short(ids), short(sfl["file_id"].to_numpy()))
    times = np.full(len(ids), "NaT", "datetime64[ns]")
    there = rows >= 0
    times[there] = sfl["time"].to_numpy()[rows[there]]
    return rows, times


def chosen_of(
    ids: Texts, times: npt.NDArray[np.datetime64], rows: _Index, sfl: xr.Dataset | None, parameters: Parameters
) -> Chosen:
    """Filter and gating of each file that is worked on, and why others are left out."""
    filters = parameters.filters.each_at(times)
    gatings = parameters.gatings.each_at(times) if parameters.gatings else [None] * len(times)
    open_ = np.ones(len(ids), np.bool_)
    left_out = []
    if sfl is not None:
        named = sfl["file_id"].to_numpy()
        alone = _places(short(named), short(ids)) < 0
        left_out = [(str(name), "in the SFL, no EVT file that can be read") for name in dict.fromkeys(named[alone])]
    before = np.fromiter((one is None for one in filters), np.bool_, len(ids))
    for why, out in (
        ("on disk, not in the SFL", (rows < 0) & (sfl is not None)),
        ("no time", np.isnat(times)),
        ("before the first entry of the filter plan", before),
    ):
        left_out += [(str(name), why) for name in ids[open_ & out]]
        open_ &= ~out
    files = np.flatnonzero(open_)
    files = files[_first(short(ids)[files])]  # once, however often it stands
    pair = np.stack([np.fromiter(map(id, each), np.int64, len(ids))[files] for each in (filters, gatings)], axis=1)
    _, first, of = np.unique(pair, axis=0, return_index=True, return_inverse=True)
    return Chosen(files, of.reshape(-1), [(filters[at], gatings[at]) for at in files[first].tolist()], left_out)


def short(texts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Texts in a fourth of the memory, where they are plain ASCII; they compare as before."""
    try:
        return texts.astype(np.bytes_)
    except UnicodeEncodeError:
        return texts.astype(np.str_)


def _first(texts: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where each text stands for the first time."""
    order = np.argsort(texts, kind="stable")
    ordered, out = texts[order], np.ones(len(texts), np.bool_)
    out[order[1:]] = ordered[1:] != ordered[:-1]
    return out


def _places(wanted: npt.NDArray[Any], named: npt.NDArray[Any]) -> _Index:
    """Where each of `wanted` stands in `named`, the last time it does; -1 where it does not."""
    if wanted.dtype.kind != named.dtype.kind:
        wanted, named = wanted.astype(np.str_), named.astype(np.str_)
    order = np.argsort(named, kind="stable")
    at = np.searchsorted(named, wanted, "right", sorter=order) - 1
    found = np.where(at >= 0, order[at], -1) if len(named) else np.full(len(wanted), -1)
    return np.where((found >= 0) & (named[found] == wanted), found, -1) if len(named) else found
