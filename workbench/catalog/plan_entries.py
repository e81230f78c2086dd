"""Entries of one kind in a plan, gatings or filters: their history, what holds, saved and withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from workbench.catalog.plan_room import PlanRoom
from workbench.core.decisions import Decided, Entry, file_entries, holding, holding_at
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating
from workbench.core.parameters import Parameters, format_time
from workbench.core.window import moment

Value = TypeVar("Value", bound=Gating | FilterParameters)
Time = np.datetime64 | str


class PlanEntries(PlanRoom, Generic[Value]):
    """Entries of one kind: gatings or filters."""

    _kind: str
    _word: str

    def _written(self, parameters: Parameters) -> Any:
        raise NotImplementedError

    def _saved(self, decided: Decided) -> Sequence[Entry[Value]]:
        raise NotImplementedError

    def _entries(self, decided: Decided | None = None) -> list[Entry[Value]]:
        """All of files and people, in the order in which they count."""
        saved = list(self._saved(self._amended.decided() if decided is None else decided))
        known = {entry.id for entry in saved}  # written back to the file: it is one entry
        return [*(e for e in file_entries(self._written(self._amended.written())) if e.id not in known), *saved]

    def history(self) -> list[Entry[Value]]:
        """All entries, by start and then by when they were saved: those of the file and of people, withdrawn ones too."""
        return sorted(self._entries(), key=lambda e: (_number(e.start), e.change))

    def holding(self) -> list[Entry[Value]]:
        """The entries that count, by start: neither withdrawn nor hidden by a later one with the same start."""
        return holding(self._entries())

    def until(self, entry: Entry[Value]) -> Entry[Value] | None:
        """The entry that takes over from one that counts; None when it holds to the end."""
        later = [each for each in self.holding() if _number(each.start) > _number(entry.start)]
        return later[0] if later else None

    def since(self, revision: int) -> list[Entry[Value]]:
        """Entries that were saved or withdrawn after a revision: what somebody else did while one was editing."""
        return [
            entry for entry in self._saved(self._amended.decided())
            if entry.change > revision or (entry.withdrawn is not None and entry.withdrawn.change > revision)
        ]  # fmt: skip

    def entry(self, id: str) -> Entry[Value]:
        """One entry by its id.

        Raises
        ------
        WorkbenchError
            When there is none; the nearest id is told.
        """
        found = {entry.id: entry for entry in self._entries()}
        if id not in found:
            raise WorkbenchError(f"no {self._word} has the id '{id}'. {suggest(id, found)}")
        return found[id]

    def value(self, what: Any) -> Value:
        """What an entry, an id or a time stands for.

        Raises
        ------
        WorkbenchError
            When it is none of them, or nothing is there.
        """
        if isinstance(what, Entry):
            return what.value  # type: ignore[no-any-return]
        if isinstance(what, np.datetime64):
            return self._at(what).value
        if isinstance(what, str):
            try:
                return self.entry(what).value
            except WorkbenchError as unknown:
                try:
                    return self._at(what).value
                except WorkbenchError:
                    raise unknown from None
        raise WorkbenchError(f"{what!r} is no {self._word}, entry, id or time")

    def withdraw(self, id: str, *, who: str, note: str = "") -> Entry[Value]:
        """Take an entry back: what held before holds again.

        Parameters
        ----------
        id : str
        who, note : str

        Returns
        -------
        Entry
            With who withdrew it, and when.

        Raises
        ------
        WorkbenchError
            When it stands in a file, was withdrawn before, or is not there.
        """

        def check(decided: Decided) -> None:
            entry = next((e for e in self._saved(decided) if e.id == id), None)
            if entry is None:
                self.entry(id)
                raise WorkbenchError(
                    f"the {self._word} {id} stands in the file of '{self.source}'; save another from its start instead"
                )
            if entry.withdrawn is not None:
                gone = entry.withdrawn
                raise WorkbenchError(f"{gone.who} withdrew {id} at {format_time(gone.when)[:19]}Z already")

        self._amended.decisions.withdraw(self._kind, id, who=who, note=note, check=check)
        return self.entry(id)

    def _at(self, time: Time | None) -> Entry[Value]:
        when = self.cruise.now() if time is None else moment(time) if isinstance(time, str) else time
        found = holding_at(self._entries(), when)
        if found is None:
            raise WorkbenchError(
                f"no {self._word} holds at {format_time(when)[:19]}Z yet; the first is later, or there is none"
            )
        return found

    def _save(
        self, value: Value, start: Time, who: str, note: str, base: int | None, over: bool, own: Collection[str] = ()
    ) -> Entry[Value]:  # fmt: skip
        since = (moment(start) if isinstance(start, str) else start).astype("datetime64[s]").astype("datetime64[ns]")
        if np.isnat(since):
            raise WorkbenchError(f"a {self._word} needs a start; NaT is none")

        def check(decided: Decided) -> None:
            now = holding_at(self._entries(decided), since)
            if over or (now is not None and now.id in own):
                return
            if base is not None:
                seen = holding_at(self._entries(self._amended.decisions.read(base)), since)
                if (now and now.id) != (seen and seen.id):
                    raise WorkbenchError(self._replaced(now, seen, decided, since))
            elif now is not None and not now.from_file and now.start == since and now.who != who:
                raise WorkbenchError(self._replaced(now, None, decided, since))

        id = self._amended.decisions.save(value, start=since, who=who, note=note, check=check)
        return self.entry(id)

    def _replaced(
        self, now: Entry[Value] | None, seen: Entry[Value] | None, decided: Decided, start: np.datetime64
    ) -> str:  # fmt: skip
        """What a save would hide."""
        again = "Look at it (history), then save with replace=True, or from another time."
        since = f"{format_time(start)[:19]}Z"
        gone = next((e for e in self._saved(decided) if seen is not None and e.id == seen.id), None)
        if gone is not None and gone.withdrawn is not None:
            by = gone.withdrawn
            return (
                f"the {self._word} you began with ({gone.id}) was withdrawn by {by.who} "
                f"at {format_time(by.when)[:19]}Z. {again}"
            )
        return f"this would replace, from {since} on, the {self._word} {now}. {again}"


def _number(time: np.datetime64) -> int:
    return np.iinfo(np.int64).min if np.isnat(time) else int(time.astype("datetime64[ns]").astype(np.int64))
