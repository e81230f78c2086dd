"""Two gatings side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from workbench.catalog.held import GatingAt
from workbench.core.draft import Draft
from workbench.core.gates import Gating

if TYPE_CHECKING:
    from workbench.catalog.decided import Gates


@dataclass(frozen=True, eq=False)
class Difference:
    """What is other in gating `b` than in gating `a`.

    Attributes
    ----------
    a, b : Gating
    added, removed, changed, moved, same : tuple of str
        Populations only in b, only in a, with another polygon or channels; as before but asked at another place in
        the order; and those that are equal.
    counts : xarray.Dataset or None
        ``a``, ``b`` and ``change`` (b - a) along population (and quantile), where particles were given.
    abundance : xarray.Dataset or None
        ``a`` and ``b`` along time, population and quantile in cells per microlitre, where a window was given.
    """

    a: Gating
    b: Gating
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[str, ...]
    same: tuple[str, ...]
    counts: xr.Dataset | None = None
    abundance: xr.Dataset | None = None

    def __bool__(self) -> bool:
        """True when anything is other."""
        return bool(self.added or self.removed or self.changed or self.moved)

    def __str__(self) -> str:
        lines = [
            f"{word}: {', '.join(names)}"
            for word, names in (("added", self.added), ("removed", self.removed), ("changed", self.changed),
                                ("asked in another order", self.moved), ("same", self.same)) if names
        ]  # fmt: skip
        return "\n".join(lines) or "no gates on either side"

    __repr__ = __str__


def difference(gates: Gates, a: Any, b: Any, ds: xr.Dataset | None, window: Any) -> Difference:
    """See `Gates.diff`."""
    first, second = _gating(gates, a), _gating(gates, b)
    one = {gate.population: gate for gate in first.gates}
    two = {gate.population: gate for gate in second.gates}
    both = [name for name in one if name in two]
    order = [name for name in two if name in one]
    changed = tuple(name for name in both if one[name] != two[name] or dict(one[name].extra) != dict(two[name].extra))
    moved = tuple(name for at, name in enumerate(both) if order[at] != name and name not in changed)
    same = tuple(name for name in both if name not in changed and name not in moved)
    counted = None if ds is None else _counts(gates, first, second, ds)
    return Difference(
        first, second, tuple(n for n in two if n not in one), tuple(n for n in one if n not in two), changed, moved, same,
        counted, None if window is None else _abundance(gates, first, second, window),
    )  # fmt: skip


def _counts(gates: Gates, a: Gating, b: Gating, ds: xr.Dataset) -> xr.Dataset:
    from workbench.products.seaflow.counts import counts

    filters = gates.filter_plan()
    one, two = (counts(ds, gating, filters)["n_count"] for gating in (a, b))
    names = [*dict.fromkeys([*b.populations, *a.populations]), "unknown"]
    one, two = (each.reindex(population=names, fill_value=0) for each in (one, two))
    return xr.Dataset({"a": one, "b": two, "change": two - one})


def _abundance(gates: Gates, a: Gating, b: Gating, window: Any) -> xr.Dataset:
    """The populations of a span, made twice with one gating throughout."""
    one, two = (gates.populations(gating, window)["abundance"] for gating in (a, b))
    one, two = xr.align(one, two, join="outer")
    return xr.Dataset({"a": one, "b": two})


def _gating(gates: Gates, what: Any) -> Gating:
    if isinstance(what, GatingAt | Draft):
        return what.gating
    return what if isinstance(what, Gating) else gates.value(what)
