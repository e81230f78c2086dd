"""The gates that one person draws: the draft, what a hand makes of it, what it is compared with.

No browser here: what a person asks for comes as a mapping of plain values, and is checked.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.catalog.decided import Gates
from workbench.catalog.held import GatingAt
from workbench.core.decisions import Entry
from workbench.core.draft import Draft, points_of
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gating
from workbench.views.plan_hand import Asked, PlanHand

NOBODY = Gating("", ())


class Drawing(PlanHand):
    """Gates in one editor, as `PlanHand`.

    Attributes
    ----------
    shown : Gating
        What stands on the screen: the draft, or what a hand makes of it at this moment.
    """

    word: ClassVar[str] = "gates"

    def __init__(self, gates: Gates | None) -> None:
        super().__init__(gates)
        self.draft = Draft(NOBODY)
        self.shown = self.base = NOBODY
        self._deeds |= {
            "add": self._add, "remove": self._remove, "rename": self._rename, "copy": self._copy, "order": self._order,
        }  # fmt: skip

    @property
    def gates(self) -> Any:
        """The plan: Gates, or None."""
        return self.plan

    def begin(self, time: np.datetime64) -> None:
        """Take up the gates that hold at a time."""
        super().begin(time)
        self.shown = self.draft.gating

    def drag(self, name: str, vertices: Any, *, final: bool) -> None:
        """Give a population another polygon; one step to undo once it is final.

        Raises
        ------
        WorkbenchError
            When that is no polygon; nothing changes then.
        """
        points = points_of(vertices)
        if final:
            self.draft.draw(name, points)
            self.shown = self.draft.gating
        else:
            trial = Draft(self.draft.gating)
            trial.draw(name, points)
            self.shown = trial.gating

    def do(self, what: str, asked: Asked) -> None:
        """As `PlanHand.do`; `shown` is the draft afterwards."""
        try:
            super().do(what, asked)
        finally:
            self.shown = self.draft.gating

    def _at(self, entry: Entry[Gating], revision: int) -> GatingAt:
        return GatingAt(entry, revision, self.plan)

    def _fresh(self, value: Gating | None, revision: int | None, start: np.datetime64 | None = None) -> Draft:
        return Draft(NOBODY if value is None else value, revision=revision, start=start)

    def _value(self) -> Gating:
        gating: Gating = self.draft.gating
        return gating

    def _complete(self) -> None:
        if not self.draft.gating.gates:
            raise WorkbenchError("there is no gate to save yet")

    def _add(self, asked: Asked) -> None:
        points = points_of(asked.get("vertices") or ())
        self.draft.add(str(asked.get("name")), str(asked.get("x")), str(asked.get("y")), points)

    def _remove(self, asked: Asked) -> None:
        self.draft.remove(str(asked.get("population")))

    def _rename(self, asked: Asked) -> None:
        self.draft.rename(str(asked.get("population")), str(asked.get("name")))

    def _copy(self, asked: Asked) -> None:
        self.draft.copy(str(asked.get("population")), str(asked.get("name")))

    def _order(self, asked: Asked) -> None:
        name = str(asked.get("population"))
        at = list(self.draft.populations).index(name) if name in self.draft.populations else 0
        self.draft.reorder(name, at + int(asked.get("by") or 0))
