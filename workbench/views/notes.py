"""Notes: a place to write what happened, and the last ones written."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, ClassVar

import param

from workbench.core.errors import WorkbenchError
from workbench.live.session import Session
from workbench.record.state import State
from workbench.views import say
from workbench.views.component import Component, script, style
from workbench.views.series import Mark

#: Notes shown, newest first; marks drawn.
_SHOWN, _MARKS = 8, 400
_known: dict[Path, tuple[tuple[int, ...], tuple[Mark, ...]]] = {}
_lock = threading.Lock()


def marks_of(state: State) -> tuple[Mark, ...]:
    """The events of the cruise as marks; read again only when the file changed."""
    stamp = stamp_of(state.path)
    with _lock:
        held = _known.get(state.path)
    if held and held[0] == stamp:
        return held[1]
    try:
        marks = tuple(Mark(event.time, event.text, event.who) for event in state.events(newest=_MARKS))
    except WorkbenchError:
        marks = held[1] if held else ()
    with _lock:
        _known[state.path] = (stamp, marks)
    return marks


def stamp_of(path: Path) -> tuple[int, ...]:
    """Another one whenever something was written to the SQLite file at `path`."""
    stamp: list[int] = []
    for each in (path, path.with_name(path.name + "-wal")):
        try:
            about = each.stat()
            stamp += [about.st_mtime_ns, about.st_size]
        except OSError:
            stamp.append(0)
    return tuple(stamp)


class Notes(Component):
    """A button that opens the last notes and a line to write one. Writing goes through ``api/v1/notes`` alone."""

    notes = param.List(default=[], doc="[time, text, who] of the last notes, newest first.")
    read_only = param.Boolean(default=False)
    path = param.String(default="api/v1/notes")

    _esm: ClassVar[str] = script("notes.js")
    _stylesheets: ClassVar[list[str]] = [style("control.css"), style("notes.css")]

    def __init__(self, state: State, session: Session, **params: Any) -> None:
        self._state, self._session = state, session
        super().__init__(margin=0, css_classes=["notes"], **{"notes": self._told(), **params})
        session.param.watch(self._led, ["revision", "tick"])

    def _told(self) -> list[list[str]]:
        last = marks_of(self._state)[-_SHOWN:][::-1]
        return [[say.moment(mark.time, seconds=False), mark.text, mark.who] for mark in last]

    def _led(self, *_: Any) -> None:
        if not self._session.closed and (told := self._told()) != self.notes:
            self.notes = told
