"""A plan in one person's hands: the draft, what it began with, what it is compared with, saving and taking back.

No browser here: what a person asks for comes as a mapping of plain values, and is checked. `gate_drawing` and
`filter_hand` are the two kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, ClassVar

import numpy as np

from workbench.core.decisions import Entry, holding_at
from workbench.core.errors import WorkbenchError
from workbench.core.window import moment

#: Seconds after which the plan's file is looked at again.
_REST = 60.0
#: The same while it cannot be read.
_AGAIN = 5.0
Asked = Mapping[str, Any]


def since_of(entry: Entry[Any]) -> str:
    """``from 2014-07-04 00:03:02``, or ``for the whole cruise``."""
    if np.isnat(entry.start):
        return "for the whole cruise"
    return f"from {np.datetime_as_string(entry.start, unit='s').replace('T', ' ')}"


class PlanHand:
    """What one editor holds.

    Parameters
    ----------
    plan : Gates, Filters or None
        None where the cruise has no plan: then nothing can be changed.

    Attributes
    ----------
    draft : Draft or FilterDraft
    held : GatingAt, FilterAt or None
        What it began with.
    base : Gating or FilterParameters
        What it is compared with; `against` says what that is, `base_id` which entry.
    saved : str
        Id of what was saved last.
    replaces : dict or None
        What saving would replace: text, and the id to compare with.
    said : tuple of str
        The last thing to tell: text, and kind (``good``, ``wrong`` or "").
    fault : str
        Why the plan cannot be read at this moment; nothing is changed then.
    """

    #: What is changed, for people.
    word: ClassVar[str]

    def __init__(self, plan: Any) -> None:
        self.plan = plan
        self._history: tuple[int, float, list[Entry[Any]]] | None = None
        self.held: Any = None
        self.draft: Any = None
        self.base: Any = None
        self.base_id, self.against, self.saved = "", "before", ""
        self.replaces: dict[str, str] | None = None
        self.said: tuple[str, str] = "", ""
        self.fault = ""
        self._deeds: dict[str, Callable[[Asked], None]] = {
            "undo": lambda _: self._note(self.draft.undo()), "redo": lambda _: self._note(self.draft.redo()),
            "take": self._take, "save": self._save, "withdraw": self._withdraw,
        }  # fmt: skip

    # what subclasses say

    def _at(self, entry: Entry[Any], revision: int) -> Any:
        """The entry with the revision it was read at."""
        raise NotImplementedError

    def _fresh(self, value: Any, revision: int | None, start: np.datetime64 | None = None) -> Any:
        """A draft that begins with a value; with nothing, where that is None."""
        raise NotImplementedError

    def _value(self) -> Any:
        """What the draft is now."""
        raise NotImplementedError

    def _complete(self) -> None:
        """Raise a WorkbenchError where the draft cannot be saved yet."""

    # what holds

    @property
    def changed(self) -> bool:
        """Whether something was changed that is not saved."""
        return self.draft is not None and bool(self.draft.changed)

    @property
    def history(self) -> list[Entry[Any]]:
        """All entries of the plan; read again when somebody changed it, or after a while; soon where it cannot be read."""
        if self.plan is None:
            return []
        revision, now, known = self.plan.revision, monotonic(), self._history
        rest = _AGAIN if self.fault else _REST
        if known is None or known[0] != revision or now - known[1] > rest:
            try:
                entries, self.fault = self.plan.history(), ""
            except WorkbenchError as error:  # of its files; what was read before is kept
                entries, self.fault = [] if known is None else known[2], str(error)
            self._history = known = revision, now, entries
        return known[2]

    def holding(self, time: np.datetime64) -> Any:
        """What holds at a time; None before the first."""
        entry = holding_at(self.history, time)
        if entry is None or self.plan is None or self._history is None:
            return None
        return self._at(entry, self._history[0])

    def begin(self, time: np.datetime64) -> None:
        """Take up what holds at a time."""
        self.held = self.holding(time)
        if self.held is None:
            self.draft = self._fresh(None, None if self._history is None else self._history[0])
        else:
            self.draft = self.held.draft()
        self.base = self._value()
        self.base_id, self.against = "" if self.held is None else self.held.id, "before"

    def follow(self, time: np.datetime64) -> bool:
        """Take up what holds at a time where nothing was changed; whether that was something else."""
        held = self.holding(time)
        same = (None if held is None else held.id) == (None if self.held is None else self.held.id)
        if self.changed or same:
            return False
        self.begin(time)
        return True

    def compare(self, id: str) -> None:
        """Compare with a saved entry."""
        if self.plan is not None:
            entry = self.plan.entry(id)
            self.base, self.base_id, self.against = entry.value, entry.id, f"with the {self.word} {since_of(entry)}"

    # what a person does

    def do(self, what: str, asked: Asked) -> None:
        """Do what a person asked for.

        Raises
        ------
        WorkbenchError
            When it cannot be done, or is nothing that can be.
        """
        if what not in self._deeds:
            raise WorkbenchError(f"nobody can {what} here; {', '.join(self._deeds)}")
        self._deeds[what](asked)

    def _note(self, done: bool) -> None:
        """Undo and redo say whether there was anything."""

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
        self._complete()
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
        self.draft = self._fresh(self._value(), entry.change, entry.start)  # somebody else may have saved since
        self.held = self._at(entry, entry.change)
        self.base, self.base_id, self.against = entry.value, entry.id, "before"
        self.said = f"Saved, {since_of(entry)}", "good"

    def _withdraw(self, asked: Asked) -> None:
        entry = self._plan.withdraw(str(asked.get("id")), who=str(asked.get("who") or "somebody"))
        self.said = f"Withdrawn: the {self.word} {since_of(entry)}. What held before holds again", "good"

    @property
    def _plan(self) -> Any:
        if self.plan is None:
            raise WorkbenchError("this cruise has no plan to change")
        return self.plan
