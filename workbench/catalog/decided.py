"""What people decide about a cruise, read and changed: its gates and its filters.

    plan = cruise.gates.at("2014-07-04T00:03")      # what holds then
    draft = plan.draft()
    draft.move_point("synecho", 0, (12.0, 340.0))
    entry = cruise.gates.save(draft, start="2014-07-04T00:03", who="Francois", note="synecho drifted")
    cruise.gates.withdraw(entry.id, who="Francois")

Each change is one more row in the record, with who and when, and an event of the cruise; nothing is ever overwritten.
Sources made of the plan follow at once, in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from workbench.catalog.difference import Difference, difference
from workbench.catalog.exclusions import Exclusions
from workbench.catalog.filter_difference import FILES, FilterDifference, filter_difference, proposed
from workbench.catalog.held import FilterAt, GatingAt
from workbench.catalog.plan_entries import PlanEntries, Time
from workbench.core.decisions import Decided, Entry
from workbench.core.draft import Draft
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating, Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import plan_dataset
from workbench.core.window import ALWAYS
from workbench.products.seaflow.parameters import WIDTH
from workbench.record.decisions import FILTERS, GATES

if TYPE_CHECKING:
    from workbench.products.seaflow.beads import Beads
    from workbench.products.seaflow.filter_draft import FilterDraft

__all__ = ["Exclusions", "Filters", "Gates"]


class Gates(PlanEntries[Gating]):
    """The gates of a cruise: which gating holds from when, as files say it and people changed it.

    Parameters
    ----------
    cruise : Cruise
    source : str, optional
        The plan's Source; by default the cruise's only one, or the one that its populations are made with.
    """

    _kind, _word = GATES, "gating"

    def at(self, time: Time | None = None) -> GatingAt:
        """What holds at a time (now, or at the cruise's end), accepted changes included.

        Raises
        ------
        WorkbenchError
            When nothing holds yet.
        """
        revision = self.revision  # first: what is saved meanwhile is not passed over by a draft of this
        return GatingAt(self._at(time), revision, self)

    def save(
        self, gating: Gating | GatingAt | Draft, *, start: Time, who: str, note: str = "", base: int | None = None,
        replace: bool = False,
    ) -> Entry[Gating]:  # fmt: skip
        """Save gates that hold from a time on, until the next entry. What was there stays in the history.

        Parameters
        ----------
        gating : Gating, GatingAt or Draft
            Kept to the last bit; it gets an id and a date of its own.
        start : numpy.datetime64 or str
            Kept to the second.
        who, note : str
        base : int, optional
            The `revision` that the editor had seen; of a Draft its own. When what holds at `start` is not what it was
            then, because somebody saved or withdrew something since (not from this Draft), nothing is saved. Without a base, only an entry
            of somebody else with the same start is guarded.
        replace : bool
            Save all the same.

        Returns
        -------
        Entry

        Raises
        ------
        WorkbenchError
            When it would replace somebody's entry: which, whose and of when is told.
        """
        if not isinstance(gating, Draft):
            value = gating if isinstance(gating, Gating) else gating.gating
            return self._save(value, start, who, note, base, replace)
        base = gating.revision if base is None else base
        entry = self._save(gating.gating, start, who, note, base, replace, gating.saved)
        gating.saved.add(entry.id)
        return entry

    def diff(
        self, a: Any, b: Any, ds: xr.Dataset | None = None, *, window: Any = None,
    ) -> Difference:  # fmt: skip
        """Two gatings side by side: polygons, and with particles also counts.

        Parameters
        ----------
        a, b : Gating, GatingAt, Draft, Entry, an entry's id, or a time
        ds : xarray.Dataset, optional
            Particles to count by both: raw (filtered as the cruise's filters say), OPP or VCT.
        window : Window or str, optional
            Compute the populations of this span by both, abundance included.

        Returns
        -------
        Difference
        """
        return difference(self, a, b, ds, window)

    def populations(self, gating: Gating, window: Any = None) -> xr.Dataset:
        """What the cruise's populations would be with one gating throughout; nothing is kept.

        Parameters
        ----------
        gating : Gating
        window : Window or str, optional
            Only files of this span: their median is the virtual core then.

        Returns
        -------
        xarray.Dataset
            As the product ``seaflow`` gives it.

        Raises
        ------
        WorkbenchError
            When no Source of the cruise makes populations with this plan.
        """
        from workbench.products.seaflow.cruise import seaflow

        source = self.made()
        span = self.cruise[source.inputs["evt"]].open(window or ALWAYS)
        held = replace(self.parameters(), gatings=Plan((), {gating.id: gating}))
        sfl = source.inputs.get("sfl")
        water = None if sfl is None else self.cruise[sfl].open().load()
        return seaflow(span, plan_dataset(held, self.size_table()), water, **source.options)

    def filter_plan(self) -> Plan[FilterParameters]:
        """Which filter holds from when, accepted changes included."""
        return self.parameters().filters

    def _written(self, parameters: Parameters) -> Any:
        return parameters.gatings

    def _saved(self, decided: Decided) -> Sequence[Entry[Gating]]:
        return decided.gates


class Filters(PlanEntries[FilterParameters]):
    """The filter parameters of a cruise: which set holds from when, as files say it and people changed it.

    Parameters
    ----------
    cruise : Cruise
    source : str, optional
        The plan's Source; by default the cruise's only one, or the one that its populations are made with.
    """

    _kind, _word = FILTERS, "filter"

    def at(self, time: Time | None = None) -> FilterAt:
        """What holds at a time (now, or at the cruise's end), accepted changes included."""
        revision = self.revision  # first, as `Gates.at`
        return FilterAt(self._at(time), revision, self)

    def save(
        self, parameters: FilterParameters | FilterAt | FilterDraft, *, start: Time, who: str, note: str = "",
        base: int | None = None, replace: bool = False,
    ) -> Entry[FilterParameters]:  # fmt: skip
        """Save filter parameters that hold from a time on; as `Gates.save`."""
        from workbench.products.seaflow.filter_draft import FilterDraft

        if not isinstance(parameters, FilterDraft):
            value = parameters if isinstance(parameters, FilterParameters) else parameters.parameters
            return self._save(value, start, who, note, base, replace)
        base = parameters.revision if base is None else base
        entry = self._save(parameters.parameters, start, who, note, base, replace, parameters.saved)
        parameters.saved.add(entry.id)
        return entry

    def propose(
        self, window: Any = None, *, files: int = FILES, width: float = WIDTH, min_d1: float = 0.0, min_d2: float = 0.0
    ) -> tuple[FilterParameters, Beads]:
        """Filter parameters through the beads of a span, and where the beads are; nothing is saved.

        Parameters
        ----------
        window : Window or str, optional
            Everything, unless told.
        files : int
            Files to look at, spread evenly.
        width, min_d1, min_d2 : float, log codes
            How far D1 and D2 may differ; D1 and D2 of the smallest particles.

        Raises
        ------
        WorkbenchError
            When no beads are found, or the instrument is not known.
        """
        options = {"width": width, "min_d1": min_d1, "min_d2": min_d2}
        return proposed(self, ALWAYS if window is None else window, files, options)

    def diff(self, a: Any, b: Any, ds: xr.Dataset | None = None) -> FilterDifference:
        """Two filters side by side: fields, and with raw particles how many are in focus by each, file by file.

        Parameters
        ----------
        a, b : FilterParameters, FilterAt, FilterDraft, Entry, an entry's id, or a time
        ds : xarray.Dataset, optional
            Raw particles.
        """
        return filter_difference(self, a, b, ds)

    def _written(self, parameters: Parameters) -> Any:
        return parameters.filters

    def _saved(self, decided: Decided) -> Sequence[Entry[FilterParameters]]:
        return decided.filters
