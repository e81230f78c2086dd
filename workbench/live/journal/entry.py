"""One thing in the journal, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.live.receipt import Receipt


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two entries. It orders as the entries were written, whatever the clock did.

    Attributes
    ----------
    segment : int
        Number of the segment.
    offset : int
        Bytes into it (uncompressed).
    """

    segment: int = 0
    offset: int = 0

    def as_json(self) -> dict[str, int]:
        """As a cursor that JSON keeps."""
        return {"segment": self.segment, "offset": self.offset}

    @classmethod
    def of(cls, cursor: Position | Mapping[str, int] | None) -> Position:
        """A Position, what `as_json` gave, or None for the beginning."""
        if cursor is None or isinstance(cursor, Position):
            return cursor or cls()
        try:
            place = cls(int(cursor["segment"]), int(cursor["offset"]))
        except (KeyError, TypeError, ValueError):
            place = cls(-1)
        if place.segment < 0 or place.offset < 0:
            raise WorkbenchError(f'{cursor!r} is no place in a journal. One reads {{"segment": 42, "offset": 1234}}.')
        return place


@dataclass(frozen=True, slots=True)
class Entry:
    """What was received, and where in the journal of its Source it stands.

    Attributes
    ----------
    body : bytes
    peer : str
    time : numpy.datetime64[ns]
        When it was received (UTC).
    at, after : Position
        Where it begins, and where the next one does: the cursor that goes on after it.
    """

    body: bytes
    peer: str
    time: np.datetime64
    at: Position
    after: Position

    def receipt(self, name: str) -> Receipt:
        """As it was handed in for the Source `name`."""
        return Receipt(name, self.body, self.peer, self.time)
