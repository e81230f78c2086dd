"""What holds at a time: a gating or a filter with its entry."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core import plugins
from workbench.core.decisions import Entry
from workbench.core.draft import Draft, polygons_of
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gate, Gating

if TYPE_CHECKING:
    from workbench.catalog.decided import Filters, Gates
    from workbench.products.seaflow.filter_draft import FilterDraft

#: The views that edit gates and filters, in the group ``workbench.views``: classes with ``edit(plan)``, given a
#: `GatingAt` or a `FilterAt`.
EDITOR, FILTER_EDITOR = "gate_editor", "filter_editor"


@dataclass(frozen=True)
class GatingAt:
    """The gating that holds at a time, with the entry that says so.

    Attributes
    ----------
    entry : Entry
        Its id, start, who saved it, when, and the note.
    revision : int
        Of the record when it was looked up.
    gates : Gates
        Where it came from.
    """

    entry: Entry[Gating]
    revision: int
    gates: Gates = field(repr=False, compare=False)

    @property
    def room(self) -> Gates:
        """Where it came from, as `FilterAt.room`."""
        return self.gates

    @property
    def gating(self) -> Gating:
        """The gating."""
        return self.entry.value

    @property
    def id(self) -> str:
        """Id of the entry."""
        return self.entry.id

    @property
    def populations(self) -> tuple[str, ...]:
        """Names in gate order."""
        return self.gating.populations

    @property
    def polygons(self) -> dict[str, npt.NDArray[np.float64]]:
        """Corners of each population, float64 (n, 2), linear; copies."""
        return polygons_of(self.gating)

    def gate(self, population: str) -> Gate:
        """One population's gate."""
        return self.draft().gate(population)

    def draft(self) -> Draft:
        """A draft that begins with it; `Gates.save` takes it and refuses to replace what came in between."""
        return Draft(self.gating, revision=self.revision, start=self.entry.start)

    def edit(self) -> Any:
        """In a notebook with the workbench's views: the editor, drawn on the particles. Elsewhere a `draft`."""
        return _edited(EDITOR, self)

    def counts(self, ds: xr.Dataset, *, filtered: bool = True) -> xr.Dataset:
        """How many particles fall into each population, ``unknown`` last.

        Parameters
        ----------
        ds : xarray.Dataset
            Particles: OPP or VCT, or raw; of raw ones those count that are in focus by the cruise's filters.
        filtered : bool
            False counts all raw events.

        Returns
        -------
        xarray.Dataset
            ``n_count`` and ``percent`` along population (and quantile).
        """
        from workbench.products.seaflow.counts import counts

        return counts(ds, self.gating, self.gates.filter_plan() if filtered else None)

    def __str__(self) -> str:
        return str(self.entry)


@dataclass(frozen=True)
class FilterAt:
    """The filter parameters that hold at a time, with the entry that says so.

    Attributes
    ----------
    entry : Entry
    revision : int
        Of the record when it was looked up.
    filters : Filters
        Where it came from.
    """

    entry: Entry[FilterParameters]
    revision: int
    filters: Filters = field(repr=False, compare=False)

    @property
    def room(self) -> Filters:
        """Where it came from, as `GatingAt.room`."""
        return self.filters

    @property
    def parameters(self) -> FilterParameters:
        """The filter parameters."""
        return self.entry.value

    @property
    def id(self) -> str:
        """Id of the entry."""
        return self.entry.id

    def draft(self) -> FilterDraft:
        """A draft that begins with it; `Filters.save` takes it and refuses to replace what came in between."""
        from workbench.products.seaflow.filter_draft import FilterDraft

        return FilterDraft(self.parameters, revision=self.revision, start=self.entry.start)

    def edit(self) -> Any:
        """In a notebook with the workbench's views: the editor, drawn on the events. Elsewhere a `draft`."""
        return _edited(FILTER_EDITOR, self)

    def __str__(self) -> str:
        return str(self.entry)


def _edited(view: str, plan: GatingAt | FilterAt) -> Any:
    """The editor in a notebook, else a draft."""
    in_kernel = "ipykernel" in sys.modules and "IPython" in sys.modules and _kernel() is not None
    if in_kernel and view in plugins.names("workbench.views"):
        found: Any = plugins.find("workbench.views", view)
        return found.edit(plan)
    return plan.draft()


def _kernel() -> Any:
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)
