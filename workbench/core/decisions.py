"""What people decided since the files were written: gatings and filters from a time, files excluded; as values.

`applied` lays them over the parameters of a file. It depends on nothing but its arguments, so that the board, the
engine, a notebook and a re-run come to the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating, Plan
from workbench.core.parameters import Excluded, Parameters, format_time

Value = TypeVar("Value")
_NAT = np.datetime64("NaT", "ns")
#: From when a set holds that the file gives for the whole cruise, once there is another one.
BEGINNING = np.datetime64("1970-01-01T00:00:00", "ns")


@dataclass(frozen=True)
class Withdrawn:
    """Who took an entry back, when (UTC) and why; and the number of that change."""

    who: str
    when: np.datetime64
    note: str = ""
    change: int = 0


@dataclass(frozen=True)
class Entry(Generic[Value]):
    """One entry of a plan.

    Attributes
    ----------
    id : str
        Unique among those of people; of a file, the id of its gating or filter.
    start : numpy.datetime64[ns]
        From when it holds; NaT of a file's only set, which holds for the whole cruise.
    value : Gating or FilterParameters
    who : str
        Who saved it; empty where it stands in a file.
    when : numpy.datetime64[ns]
        When it was saved (UTC); NaT where it stands in a file.
    note : str
    withdrawn : Withdrawn or None
    change : int
        Its number in the record; 0 where it stands in a file.
    """

    id: str
    start: np.datetime64
    value: Value
    who: str = ""
    when: np.datetime64 = _NAT
    note: str = ""
    withdrawn: Withdrawn | None = None
    change: int = 0

    @property
    def from_file(self) -> bool:
        """True of what stands in the file, not in the record."""
        return self.change == 0

    def __str__(self) -> str:
        since = "for the whole cruise" if np.isnat(self.start) else f"from {format_time(self.start)[:19]}Z"
        by = "of the file" if self.from_file else f"by {self.who}, {format_time(self.when)[:19]}Z"
        note = f": {self.note}" if self.note else ""
        gone = f" (withdrawn by {self.withdrawn.who})" if self.withdrawn else ""
        return f"{self.id} {since} {by}{note}{gone}"


@dataclass(frozen=True)
class Decided:
    """All that people decided about one plan.

    Attributes
    ----------
    gates, filters : tuple of Entry
        In the order in which they were saved, withdrawn ones included.
    excluded : tuple of Excluded
        By file.
    revision : int
        Number of the newest change; 0 without any.
    """

    gates: tuple[Entry[Gating], ...] = ()
    filters: tuple[Entry[FilterParameters], ...] = ()
    excluded: tuple[Excluded, ...] = field(default=())
    revision: int = 0


def file_entries(plan: Plan[Value] | None) -> list[Entry[Value]]:
    """What a file says, as entries."""
    if plan is None:
        return []
    if not plan.entries:
        return [Entry(name, _NAT, value) for name, value in plan.sets.items()]
    return [Entry(name, start, plan.sets[name]) for start, name in plan]


def holding(entries: Iterable[Entry[Value]]) -> list[Entry[Value]]:
    """The entries that hold at some time, by start: of several with one start the last saved."""
    found: dict[int, Entry[Value]] = {}
    gone = {entry.id for entry in entries if entry.withdrawn}
    for entry in sorted(entries, key=lambda e: e.change):
        if entry.id not in gone:
            found[int(_start(entry).astype(np.int64))] = entry
    return [entry for _, entry in sorted(found.items())]


def holding_at(entries: Iterable[Entry[Value]], time: np.datetime64) -> Entry[Value] | None:
    """The entry that holds at a time; None before the first."""
    before = [entry for entry in holding(list(entries)) if _start(entry) <= time.astype("datetime64[ns]")]
    return before[-1] if before else None


def planned(plan: Plan[Value] | None, entries: Iterable[Entry[Value]]) -> Plan[Value] | None:
    """A file's plan with the entries of people laid over it; the same object when none counts."""
    people = list(entries)
    if not people:
        return plan
    gone = {entry.id for entry in people if entry.withdrawn}
    both = [*file_entries(plan), *people]
    found = holding(both)
    if all(entry.from_file for entry in found) and not gone & {e.id for e in file_entries(plan)}:
        return plan
    sets: dict[str, Any] = {name: value for name, value in (plan.sets if plan else {}).items() if name not in gone}
    sets |= {entry.id: entry.value for entry in found}
    return Plan(tuple((_start(entry), entry.id) for entry in found), sets)


def applied(parameters: Parameters, decided: Decided) -> Parameters:
    """The parameters that hold: those of a file, with what people decided since laid over them.

    An entry holds from its start until the next one's, whoever made either; with the same start the later one holds. A
    withdrawn one is nowhere. What is excluded and who saved what is told in `Parameters.notes`.
    """
    filters = planned(parameters.filters, decided.filters) or parameters.filters
    gatings = planned(parameters.gatings, decided.gates)
    if filters is parameters.filters and gatings is parameters.gatings and not decided.excluded:
        return parameters
    live: list[Entry[Any]] = [e for e in holding(decided.gates) if gatings is not None and e.id in gatings.sets]
    live += [e for e in holding(decided.filters) if e.id in filters.sets]
    notes = tuple(str(entry) for entry in live)
    return replace(
        parameters, filters=filters, gatings=gatings, notes=(*parameters.notes, *notes), excluded=decided.excluded
    )


def _start(entry: Entry[Any]) -> np.datetime64:
    return BEGINNING if np.isnat(entry.start) else entry.start.astype("datetime64[ns]")
