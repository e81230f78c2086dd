"""Entries of one Source's journal, from any place on, while another process writes it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import numpy as np

from workbench.core.window import ALWAYS, Window
from workbench.live.journal import segment as segments
from workbench.live.journal.entry import Entry, Position
from workbench.live.journal.frame import Frame, decode, next_mark
from workbench.live.journal.segment import Segment, Unpacked

log = logging.getLogger(__name__)

_BLOCK = 1 << 20


@dataclass
class Damage:
    """What reading left out.

    Attributes
    ----------
    torn : int
        Segments that end in half an entry: the one being written when the process was killed. It was not acknowledged.
    bad : int
        Places where bytes went bad, between whole entries.
    segments : set of int
        Numbers of the segments in which bytes went bad.
    """

    torn: int = 0
    bad: int = 0
    places: list[Position] = field(default_factory=list)
    segments: set[int] = field(default_factory=set)

    def note(self, place: Position, *, torn: bool) -> None:
        """Count one, and remember the first fifty places."""
        self.torn += torn
        self.bad += not torn
        self.segments |= set() if torn else {place.segment}
        if len(self.places) < 50:
            self.places.append(place)


def read(
    folder: Path, since: Position, window: Window = ALWAYS, damage: Damage | None = None, written: Segment | None = None
) -> Iterator[Entry]:
    """Entries from `since` on, in the order of writing.

    `written` is the segment that is written now, where that is known: who reads in it needs no look into the folder.
    Half an entry at the end of the newest segment is not there yet: reading ends before it, and goes on there the next
    time. One at the end of an older segment was torn by a kill or a power cut, and is left out.
    """
    told = Damage() if damage is None else damage
    found = (
        [written] if written is not None and written.number == since.segment else segments.find(folder, since.segment)
    )
    if not found and since.segment:
        found, since = segments.find(folder), Position()  # the journal was begun anew
    for index, each in enumerate(found):
        if each.number < since.segment or not each.may_hold(window.start, window.stop):
            continue
        begin = since.offset if each.number == since.segment else 0
        try:
            yield from _entries(each, begin, window, told, closed=index < len(found) - 1)
        except FileNotFoundError:
            continue  # somebody put it away


def _entries(segment: Segment, begin: int, window: Window, damage: Damage, *, closed: bool) -> Iterator[Entry]:
    with segment.opened() as file:
        _skip(file, begin)
        yield from _entries_in(file, segment, begin, window, damage, closed=closed)
        if isinstance(file, Unpacked) and file.bad:
            damage.note(Position(segment.number, begin), torn=False)
            log.warning(
                "%s went bad on the disk; what can be read of it is read, the rest is passed over", segment.packed
            )


def _entries_in(
    file: FileIO | Unpacked, segment: Segment, begin: int, window: Window, damage: Damage, *, closed: bool
) -> Iterator[Entry]:
    data, at, base = b"", 0, begin  # `data` begins at byte `base` of the segment
    while True:
        frame = decode(data, at)
        if isinstance(frame, Frame):
            time = np.datetime64(frame.time, "ns")
            if window.start <= time < window.stop:
                here, after = Position(segment.number, base + at), Position(segment.number, base + frame.end)
                yield Entry(frame.body, frame.peer, time, here, after)
            at = frame.end
            continue
        if frame:
            more = file.read(_BLOCK)
            data, base, at = data[at:] + more, base + at, 0
            if more:
                continue
            if not data or not closed:
                return
        beyond = _beyond(file, data, at)
        if beyond is not None or closed:
            damage.note(Position(segment.number, base + at), torn=beyond is None)
        if beyond is None:
            return
        data, base, at = beyond[0], base + at + beyond[1], 0


def _beyond(file: FileIO | Unpacked, data: bytes, at: int) -> tuple[bytes, int] | None:
    """Bytes from the next whole entry on, and how many before it went; None when there is none."""
    data, dropped = data[at:], 0
    search = 1
    while True:
        found = next_mark(data, search)
        if found < 0:
            more = file.read(_BLOCK)
            if not more:
                return None
            kept = max(len(data) - 8, 0)
            data, dropped, search = data[kept:] + more, dropped + kept, 0
            continue
        frame = decode(data, found)
        if isinstance(frame, Frame):
            return data[found:], dropped + found
        if frame and (more := file.read(_BLOCK)):
            data, dropped, search = data[found:] + more, dropped + found, 0
            continue
        search = found + 1


def _skip(file: FileIO | Unpacked, begin: int) -> None:
    """Go to byte `begin`; a packed segment can only be read forward."""
    if isinstance(file, FileIO):
        file.seek(begin)
        return
    while begin > 0 and (gone := len(file.read(min(begin, _BLOCK)))):
        begin -= gone
