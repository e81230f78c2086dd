"""How many particles of a dataset fall into each population of a gating."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import to_linear
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import QUANTILES, FilterParameters
from workbench.core.gates import Gating, Plan
from workbench.products.seaflow.classify import asked, classify
from workbench.products.seaflow.limits import MAX_EVENTS
from workbench.products.seaflow.loading import in_pieces, loaded
from workbench.products.seaflow.process import others, process

#: Particles that are looked at together.
ROWS = 1 << 20
_MARKS = tuple(f"q{q:g}" for q in QUANTILES)
Filters = Plan[FilterParameters] | FilterParameters


def counts(ds: xr.Dataset, gating: Gating, filters: Filters | None = None) -> xr.Dataset:
    """Count particles by population, decided on events.

    Parameters
    ----------
    ds : xarray.Dataset
        OPP or VCT (with the flags ``q2.5``, ``q50``, ``q97.5``), or raw events; channels as codes or linear.
    gating : Gating
    filters : Plan of FilterParameters or FilterParameters, optional
        For raw events: only those in focus count, file by file, by the filter at the file's own time, and none of a
        file that the product flags. Without it every event counts, once.

    Returns
    -------
    xarray.Dataset
        ``n_count`` (population, quantile) int64, populations in gate order and ``unknown`` last, and ``percent``, their
        share. Without marks and without a filter there is no dim quantile.

    Raises
    ------
    WorkbenchError
        When a gate asks for a channel that is not there.
    """
    names = (*gating.populations, "unknown")
    marked = all(name in ds for name in _MARKS)
    if marked:
        total = _marked(ds, gating)
    elif filters is not None:
        total = _focused(ds, gating, filters)
    else:
        total = sum((_tally(classify(piece, gating), names) for piece in _pieces(ds, gating, ())), _none(names))
    dims = ("quantile", "population") if total.ndim == 2 else ("population",)
    with np.errstate(invalid="ignore", divide="ignore"):
        percent = 100 * total / total.sum(axis=-1, keepdims=True)
    coords = {"population": np.array(names, dtype=np.str_)} | ({"quantile": list(QUANTILES)} if total.ndim == 2 else {})
    variables = {
        "n_count": (dims, total, {"units": "1", "long_name": "particles"}),
        "percent": (dims, percent, {"units": "percent", "long_name": "share of the particles"}),
    }
    return xr.Dataset(variables, coords).transpose("population", ...)


def _none(names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.zeros(len(names), np.int64)


def _tally(labels: npt.NDArray[np.int8], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Particles by label, unknown last."""
    found = np.bincount(labels, minlength=len(names))
    return np.append(found[1:], found[0])


def _marked(ds: xr.Dataset, gating: Gating) -> npt.NDArray[np.int64]:
    names = (*gating.populations, "unknown")
    total = np.zeros((len(QUANTILES), len(names)), np.int64)
    for piece in _pieces(ds, gating, _MARKS):
        labels = classify({name: piece[name] for name in piece if name not in _MARKS}, gating)
        for at, mark in enumerate(_MARKS):
            total[at] += _tally(labels[piece[mark].astype(bool)], names)
    return total


def _focused(ds: xr.Dataset, gating: Gating, filters: Filters) -> npt.NDArray[np.int64]:
    names = (*gating.populations, "unknown")
    total = np.zeros((len(QUANTILES), len(names)), np.int64)
    times = ds["time"].to_numpy()
    chosen = {
        at: found for at, time in enumerate(times)
        if (found := filters.at(time) if isinstance(filters, Plan) else filters) is not None
    }  # fmt: skip
    _check(ds, asked(gating))
    for at, codes in loaded(ds, sorted(chosen), MAX_EVENTS, others(gating)):
        if codes is None:
            continue
        for (quantile, name), (n, _) in process(in_pieces(codes), chosen[at], gating).summary.items():
            total[QUANTILES.index(quantile), names.index(name)] += n
    return total


def _check(ds: xr.Dataset, channels: Iterable[str]) -> None:
    for name in channels:
        if name not in ds:
            raise WorkbenchError(f"a gate asks for channel '{name}'. {suggest(name, map(str, ds.data_vars))}")


def _pieces(ds: xr.Dataset, gating: Gating, also: tuple[str, ...]) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
    """The channels of the gates, linear, some particles after the other."""
    channels = sorted(asked(gating))
    _check(ds, channels)
    channels = channels or [name for name in ("fsc_small",) if name in ds]
    if "particle" not in ds.dims:
        raise WorkbenchError("these are no particles: a dataset with the dim particle is needed, raw, OPP or VCT")
    some = ds[[*channels, *also]]
    for start in range(0, ds.sizes["particle"], ROWS):
        part = some.isel(particle=slice(start, start + ROWS)).load()
        yield {
            name: to_linear(part[name].to_numpy()) if part[name].attrs.get("scale") == "log" else part[name].to_numpy()
            for name in (*channels, *also)
        }
