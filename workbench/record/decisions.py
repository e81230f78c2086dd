"""What people decided about gates, filters and files, kept in the record: append-only, each with who, when and why.

Nothing is ever changed or removed: an entry is withdrawn, a file brought back, by one more change, and each of these is
an event of the cruise too (kinds ``gates``, ``filters``, ``excluded``), written in the same transaction.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np

from workbench.core.decisions import Decided, Entry, Withdrawn
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gate, Gating
from workbench.core.parameters import Excluded, format_time, parse_time
from workbench.record.people import Change, Changes

GATES, FILTERS, EXCLUDED = KINDS = ("gates", "filters", "excluded")
#: Asked before a change is kept, with what was decided so far; what it raises keeps it from being kept.
Check = Callable[[Decided], object]


class Decisions:
    """The decisions about one plan.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    source : str
        Name of the Source whose parameters they change.
    """

    def __init__(self, folder: str | os.PathLike[str], source: str) -> None:
        self.source = source
        self._changes = Changes(folder)

    def read(self, upto: int | None = None) -> Decided:
        """All of them; as they stood after change number `upto`, where it is given."""
        changes = self._changes.since()
        return decided([c for c in changes if upto is None or c.id <= upto], self.source)

    def newest(self) -> int:
        """The number of the newest change of any kind: as long as it stays, `read` gives the same."""
        return self._changes.newest()

    def save(
        self, value: Gating | FilterParameters, *, start: np.datetime64, who: str, note: str = "",
        check: Check | None = None,
    ) -> str:  # fmt: skip
        """Keep a gating or filter that holds from `start`; its new id.

        Parameters
        ----------
        value : Gating or FilterParameters
            Its own id and date are not kept: it gets new ones.
        start : numpy.datetime64
            Kept to the second, as SeaFlow's tools do.
        who, note : str
        check : callable, optional
            Given what was decided so far; may raise.
        """
        name = str(uuid4())
        kind, content = (GATES, _gating(value)) if isinstance(value, Gating) else (FILTERS, _filter(value))
        since = format_time(start)
        payload = {"op": "save", "source": self.source, "id": name, "start": since, "note": note.strip(), **content}
        what = f"populations {', '.join(value.populations)}" if isinstance(value, Gating) else "a filter"
        self._add(kind, payload, who, f"saved {name}, from {since[:19]}Z: {what}", note, check)
        return name

    def withdraw(self, kind: str, name: str, *, who: str, note: str = "", check: Check | None = None) -> None:
        """Take a saved entry back."""
        payload = {"op": "withdraw", "source": self.source, "id": name, "note": note.strip()}
        self._add(kind, payload, who, f"withdrew {name}", note, check)

    def exclude(self, file: str, *, who: str, reason: str, check: Check | None = None) -> None:
        """Leave a file out of abundance."""
        payload = {"op": "exclude", "source": self.source, "file": file, "reason": reason.strip()}
        self._add(EXCLUDED, payload, who, f"excluded {file}", reason, check)

    def restore(self, file: str, *, who: str, reason: str = "", check: Check | None = None) -> None:
        """Bring a file back."""
        payload = {"op": "restore", "source": self.source, "file": file, "reason": reason.strip()}
        self._add(EXCLUDED, payload, who, f"brought {file} back", reason, check)

    def _add(
        self, kind: str, payload: dict[str, Any], who: str, told: str, note: str, check: Check | None
    ) -> None:  # fmt: skip
        asked = None if check is None else lambda changes: check(decided(changes, self.source))
        text = f"{told}: {note.strip()}" if note.strip() else told
        self._changes.add(kind, payload, who=who, told=text, source=self.source, check=asked)


def decided(changes: Iterable[Change], source: str) -> Decided:
    """What changes, in their order, come to for one plan."""
    saved: dict[str, dict[str, Entry[Any]]] = {GATES: {}, FILTERS: {}}
    excluded: dict[str, Excluded] = {}
    revision = 0
    for change in changes:
        said = change.payload
        if change.what not in KINDS or said.get("source") != source:
            continue
        revision = change.id
        if change.what == EXCLUDED:
            if said["op"] == "exclude":
                excluded[said["file"]] = Excluded(said["file"], said["reason"], change.who, change.time)
            else:
                excluded.pop(said["file"], None)
            continue
        entries = saved[change.what]
        if said["op"] == "save":
            entries[said["id"]] = _entry(change)
        elif (entry := entries.get(said["id"])) is not None and entry.withdrawn is None:
            gone = Withdrawn(change.who, change.time, said["note"], change.id)
            entries[entry.id] = replace(entry, withdrawn=gone)
    return Decided(
        tuple(saved[GATES].values()),
        tuple(saved[FILTERS].values()),
        tuple(excluded[name] for name in sorted(excluded)),
        revision,
    )


def _entry(change: Change) -> Entry[Any]:
    said = change.payload
    date = format_time(change.time)
    if change.what == GATES:
        value: Any = Gating(said["id"], tuple(_gate(gate) for gate in said["gates"]), date)
    else:
        value = FilterParameters(said["id"], tuple(tuple(row) for row in said["table"]), date)
    return Entry(
        said["id"], parse_time(said["start"]), value, change.who, change.time, said["note"], change=change.id
    )  # fmt: skip


def _gating(gating: Gating) -> dict[str, Any]:
    names = ("population", "x", "y", "method")
    return {
        "gates": [
            {**{name: getattr(gate, name) for name in names}, "vertices": gate.vertices, "extra": dict(gate.extra)}
            for gate in gating.gates
        ]
    }


def _gate(said: dict[str, Any]) -> Gate:
    corners = tuple((float(x), float(y)) for x, y in said["vertices"])
    return Gate(said["population"], said["x"], said["y"], corners, said["method"], said["extra"])


def _filter(parameters: FilterParameters) -> dict[str, Any]:
    return {"table": parameters.table}
