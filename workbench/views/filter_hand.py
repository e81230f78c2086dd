"""The filter parameters that one person changes. No browser here."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.catalog.held import FilterAt
from workbench.core.decisions import Entry
from workbench.core.errors import WorkbenchError
from workbench.core.filters import FilterParameters
from workbench.products.seaflow.beads import Beads
from workbench.products.seaflow.filter_draft import FilterDraft
from workbench.products.seaflow.parameters import WIDTH
from workbench.views.plan_hand import Asked, PlanHand


class Filtering(PlanHand):
    """A filter in one editor, as `PlanHand`; without a filter that holds, `draft` is None until beads are found.

    Attributes
    ----------
    shown : FilterParameters or None
        What stands on the screen: the draft, or what a hand makes of it at this moment.
    """

    word: ClassVar[str] = "filter"

    def __init__(self, filters: Any) -> None:
        super().__init__(filters)
        self.shown: FilterParameters | None = None
        self._instrument: str | None = None
        self._deeds |= {"set": self._set}

    @property
    def instrument(self) -> str:
        """Serial number; empty when nobody says it."""
        if self._instrument is None:
            self._instrument = "" if self.plan is None else self.plan.instrument()
        return self._instrument

    def begin(self, time: np.datetime64) -> None:
        """Take up the filter that holds at a time."""
        super().begin(time)
        self.shown = self._value()

    def drag(self, asked: Asked, *, final: bool) -> None:
        """Move the beads of a quantile; one step to undo once it is final.

        Raises
        ------
        WorkbenchError
            When they cannot lie there; nothing changes then.
        """
        draft = self._drafted()
        q, together = float(asked.get("quantile") or 0), bool(asked.get("together"))
        fsc, d1, d2 = (_number(asked.get(name)) for name in ("fsc", "d1", "d2"))
        if final:
            draft.move(q, fsc=fsc, d1=d1, d2=d2, together=together)
            self.shown = draft.parameters
        else:
            self.shown = draft.trial(q, fsc, d1, d2, together=together)

    def propose(self, beads: Beads) -> None:
        """Run the lines through beads that were found; width and smallest particles stay."""
        if self.draft is None:
            parameters = beads.parameters(self.instrument, width=WIDTH)
            self.draft = self._fresh(parameters, self._plan.revision)
        else:
            self.draft.through(beads, self.instrument)
        self.shown = self.draft.parameters
        self.said = f"Proposed from {beads.count} events in the bead cloud; nothing is saved yet", "good"

    def do(self, what: str, asked: Asked) -> None:
        """As `PlanHand.do`; `shown` is the draft afterwards."""
        if what in ("undo", "redo", "set"):
            self._drafted()
        if what == "take" and self.draft is None:
            revision = self._plan.revision
            self.draft = self._fresh(self._plan.entry(str(asked.get("id"))).value, revision)
        try:
            super().do(what, asked)
        finally:
            self.shown = self._value()

    def _at(self, entry: Entry[FilterParameters], revision: int) -> FilterAt:
        return FilterAt(entry, revision, self.plan)

    def _fresh(
        self, value: FilterParameters | None, revision: int | None, start: np.datetime64 | None = None
    ) -> FilterDraft | None:
        return None if value is None else FilterDraft(value, revision=revision, start=start)

    def _value(self) -> FilterParameters | None:
        return None if self.draft is None else self.draft.parameters

    def _complete(self) -> None:
        self._drafted()

    def _drafted(self) -> FilterDraft:
        if self.draft is None:
            raise WorkbenchError("no filter holds here yet; propose one from the beads")
        draft: FilterDraft = self.draft
        return draft

    def _set(self, asked: Asked) -> None:
        quantile, value = asked.get("quantile"), _number(asked.get("value"))
        self._drafted().set(
            str(asked.get("field")), np.nan if value is None else value, None if quantile is None else float(quantile)
        )


def _number(value: Any) -> float | None:
    """A number that a browser told; None where it told none."""
    return None if value is None or value == "" else float(value)
