"""The gates that one person draws: the draft, what it began with, what it is compared with, and saving it.

No browser here: what a person asks for comes as a mapping of plain values, and is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import numpy as np

from workbench.catalog.decided import Gates
from workbench.catalog.held import GatingAt
from workbench.core.decisions import Entry, holding_at
from workbench.core.draft import Draft, points_of
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gating
from workbench.core.window import moment

NOBODY = Gating("", ())
#: Seconds after which the plan's file is looked at again.
_REST = 60.0
Asked = Mapping[str, Any]


def since_of(entry: Entry[Gating]) -> str:
    """``from 2014-07-04 00:03:02``, or ``for the whole cruise``."""
    if np.isnat(entry.start):
        return "for the whole cruise"
    return f"from {np.datetime_as_string(entry.start, unit='s').replace('T', ' ')}"


class Drawing:
    """What one editor holds.

    Parameters
    ----------
    gates : Gates or None
        The plan; None where the cruise has none: then nothing can be drawn.

    Attributes
    ----------
    draft : Draft
    shown : Gating
        What stands on the screen: the draft, or what a hand makes of it at this moment.
    held : GatingAt or None
        What it began with.
    base : Gating
        What it is compared with; `against` says what that is, `base_id` which entry.
    saved : str
        Id of what was saved last.
    replaces : dict or None
        What saving would replace: text, and the id to compare with.
    said : tuple of str
        The last thing to tell: text, and kind (``good``, ``wrong`` or "").
    """

    def __init__(self, gates: Gates | None) -> None:
        self.gates = gates
        self._history: tuple[int, float, list[Entry[Gating]]] | None = None
        self.held: GatingAt | None = None
        self.draft = Draft(NOBODY)
        self.shown = self.base = NOBODY
        self.base_id, self.against, self.saved = "", "before", ""
        self.replaces: dict[str, str] | None = None
        self.said: tuple[str, str] = "", ""
        self._deeds: dict[str, Callable[[Asked], None]] = {
            "undo": lambda _: self._note(self.draft.undo()), "redo": lambda _: self._note(self.draft.redo()),
            "add": self._add, "remove": self._remove, "rename": self._rename, "copy": self._copy, "order": self._order,
            "take": self._take, "save": self._save, "withdraw": self._withdraw,
        }  # fmt: skip

    @property
    def changed(self) -> bool:
        """Whether something is drawn that is not saved."""
        return self.draft.changed

    @property
    def history(self) -> list[Entry[Gating]]:
        """All entries of the plan, as `Gates.history`; read again when somebody changed it, or after a while."""
        if self.gates is None:
            return []
        revision, now = self.gates.revision, monotonic()
        if self._history is None or self._history[0] != revision or now - self._history[1] > _REST:
            self._history = revision, now, self.gates.history()
        return self._history[2]

    def holding(self, time: np.datetime64) -> GatingAt | None:
        """What holds at a time; None before the first."""
        entry = holding_at(self.history, time)
        if entry is None or self.gates is None or self._history is None:
            return None
        return GatingAt(entry, self._history[0], self.gates)

    def begin(self, time: np.datetime64) -> None:
        """Take up the gates that hold at a time."""
        self.held = self.holding(time)
        if self.held is None:
            self.draft = Draft(NOBODY, revision=None if self.gates is None else self.gates.revision)
        else:
            self.draft = self.held.draft()
        self.shown = self.base = self.draft.gating
        self.base_id, self.against = "" if self.held is None else self.held.id, "before"

    def follow(self, time: np.datetime64) -> bool:
        """Take up what holds at a time where nothing is drawn; whether that was something else."""
        held = self.holding(time)
        same = (None if held is None else held.id) == (None if self.held is None else self.held.id)
        if self.changed or same:
            return False
        self.begin(time)
        return True

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

    def compare(self, id: str) -> None:
        """Compare with a saved entry."""
        if self.gates is not None:
            entry = self.gates.entry(id)
            self.base, self.base_id, self.against = entry.value, entry.id, f"with the gates {since_of(entry)}"

    def do(self, what: str, asked: Asked) -> None:
        """Do what a person asked for; `shown` is the draft afterwards.

        Raises
        ------
        WorkbenchError
            When it cannot be done, or is nothing that can be.
        """
        if what not in self._deeds:
            raise WorkbenchError(f"nobody can {what} here; {', '.join(self._deeds)}")
        try:
            self._deeds[what](asked)
        finally:
            self.shown = self.draft.gating

    def _note(self, done: bool) -> None:
        """Undo and redo say whether there was anything."""

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

    def _take(self, asked: Asked) -> None:
        self.draft.take(self._plan.entry(str(asked.get("id"))).value)

    def _save(self, asked: Asked) -> None:
        who, note, sure = (
            str(asked.get("who") or "").strip()[:80],
            str(asked.get("note") or "")[:2000],
            asked.get("sure"),
        )
        if not who:
            raise WorkbenchError("say who saves it: the author is missing")
        if not self.draft.gating.gates:
            raise WorkbenchError("there is no gate to save yet")
        start = moment(str(asked.get("start") or "").strip().replace(" ", "T"), self._plan.cruise.now())
        try:
            entry = self._plan.save(self.draft, start=start, who=who, note=note, replace=bool(sure))
        except WorkbenchError as error:
            newer = self._plan.since(self.draft.revision or 0)
            if sure or not newer:
                raise
            told = str(error).split(" Look at it (history)")[0]
            self.replaces = {
                "text": told[:1].upper() + told[1:],
                "id": next((e.id for e in reversed(newer) if e.withdrawn is None), ""),
            }
            return
        self.replaces, self.saved = None, entry.id
        self.draft = Draft(self.draft.gating, revision=self._plan.revision, start=entry.start)
        self.held = GatingAt(entry, self._plan.revision, self._plan)
        self.base, self.base_id, self.against = entry.value, entry.id, "before"
        self.said = f"Saved, {since_of(entry)}", "good"

    def _withdraw(self, asked: Asked) -> None:
        entry = self._plan.withdraw(str(asked.get("id")), who=str(asked.get("who") or "somebody"))
        self.said = f"Withdrawn: the gates {since_of(entry)}. What held before holds again", "good"

    @property
    def _plan(self) -> Gates:
        if self.gates is None:
            raise WorkbenchError("this cruise has no plan to change")
        return self.gates
