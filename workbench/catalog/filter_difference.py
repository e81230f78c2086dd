"""Filter parameters proposed from beads, and two of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.catalog.held import FilterAt
from workbench.core.errors import WorkbenchError
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters

if TYPE_CHECKING:
    from workbench.catalog.decided import Filters
    from workbench.products.seaflow.beads import Beads

#: Files in which beads are looked for, spread evenly.
FILES = 20


@dataclass(frozen=True, eq=False)
class FilterDifference:
    """What is other in filter `b` than in filter `a`.

    Attributes
    ----------
    a, b : FilterParameters
    changed : dict of str to (tuple of float, tuple of float)
        Fields that differ, with their three values in a and in b.
    focused : xarray.Dataset or None
        ``opp_count_a``, ``opp_count_b`` (file, quantile) and ``evt_count`` (file), where particles were given.
    """

    a: FilterParameters
    b: FilterParameters
    changed: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    focused: xr.Dataset | None = None

    def __bool__(self) -> bool:
        """True when anything is other."""
        return bool(self.changed)

    def __str__(self) -> str:
        lines = [f"{name}: {list(a)} -> {list(b)}" for name, (a, b) in self.changed.items()]
        return "\n".join(lines) or "the same"

    __repr__ = __str__


def proposed(filters: Filters, window: Any, files: int, options: dict[str, float]) -> tuple[FilterParameters, Beads]:
    """See `Filters.propose`."""
    from workbench.products.seaflow.beads import bright, find_beads
    from workbench.products.seaflow.limits import MAX_EVENTS
    from workbench.products.seaflow.loading import loaded

    source = filters.made()
    ds = filters.cruise[source.inputs["evt"]].open(window)
    rows = np.flatnonzero(ds["row_size"].to_numpy() > 0)
    if not rows.size:
        raise WorkbenchError("there are no particles in this span, so no beads")
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(files, len(rows))).round().astype(int))]
    found = [bright(codes) for _, codes in loaded(ds, chosen.tolist(), MAX_EVENTS) if codes is not None]
    beads = find_beads(found)
    return beads.parameters(filters.instrument(), **options), beads


def filter_difference(filters: Filters, a: Any, b: Any, ds: xr.Dataset | None) -> FilterDifference:
    """See `Filters.diff`."""
    one, two = _filter(filters, a), _filter(filters, b)
    columns = {
        name: (tuple(one.array[:, i].tolist()), tuple(two.array[:, i].tolist())) for i, name in enumerate(FIELDS)
    }
    changed = {name: (x, y) for name, (x, y) in columns.items() if x != y}
    return FilterDifference(one, two, changed, None if ds is None else _focused(one, two, ds))


def _focused(a: FilterParameters, b: FilterParameters, ds: xr.Dataset) -> xr.Dataset:
    """Particles in focus by both, file by file; a file with too many events is missing."""
    from workbench.products.seaflow.filter import focus
    from workbench.products.seaflow.limits import MAX_EVENTS
    from workbench.products.seaflow.loading import loaded

    many = ds.sizes["file"]
    counts = np.full((2, many, len(QUANTILES)), np.nan)
    evt = np.full(many, np.nan)
    for at, codes in loaded(ds, list(range(many)), MAX_EVENTS):
        if codes is not None:
            both = [focus(codes["D1"], codes["D2"], codes["fsc_small"], each) for each in (a, b)]
            counts[:, at] = [found.opp_count for found in both]
            evt[at] = both[0].evt_count
    dims = ("file", "quantile")
    return xr.Dataset(
        {
            "opp_count_a": (dims, counts[0], {"units": "1"}), "opp_count_b": (dims, counts[1], {"units": "1"}),
            "evt_count": ("file", evt, {"units": "1"}),
        },
        {"file": ds["file_id"].to_numpy(), "quantile": list(QUANTILES)},
    )  # fmt: skip


def _filter(filters: Filters, what: Any) -> FilterParameters:
    from workbench.products.seaflow.filter_draft import FilterDraft

    if isinstance(what, FilterAt | FilterDraft):
        return what.parameters
    return what if isinstance(what, FilterParameters) else filters.value(what)
