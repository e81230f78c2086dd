"""Who else draws gates of the same plan at this moment, on other pages of this process."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from workbench.core import clock


@dataclass(frozen=True)
class Other:
    """Somebody who drew something that is not saved.

    Attributes
    ----------
    who : str
    since : numpy.datetime64
    """

    who: str
    since: np.datetime64


class Presence:
    """One editor among those of one plan.

    Parameters
    ----------
    folder : Path
        The cruise folder.
    plan : str
        The plan's Source.
    tell : callable
        A bound method, called from another editor's thread when somebody begins, saves or leaves; held weakly.
    """

    def __init__(self, folder: Path, plan: str, tell: Callable[[], Any]) -> None:
        self._room = str(folder), plan
        self._tell = weakref.WeakMethod(tell)
        self._mine: Other | None = None
        with _lock:
            _rooms.setdefault(self._room, weakref.WeakSet()).add(self)

    def say(self, who: str | None) -> None:
        """I draw, in this name; None: I do not."""
        if (None if self._mine is None else self._mine.who) != who:
            self._mine = None if who is None else Other(who, clock.now())
            self._call()

    def changed(self) -> None:
        """Tell the others that something was saved."""
        self._call()

    def others(self) -> list[Other]:
        """Who else draws, the first one first."""
        with _lock:
            there = list(_rooms.get(self._room, ()))
        return sorted((each._mine for each in there if each is not self and each._mine), key=lambda o: str(o.since))

    def leave(self) -> None:
        """The editor closes."""
        with _lock:
            room = _rooms.get(self._room)
            if room is not None:
                room.discard(self)
        self._mine = None
        self._call()

    def _call(self) -> None:
        with _lock:
            there = [each for each in _rooms.get(self._room, ()) if each is not self]
        for each in there:
            tell = each._tell()
            if tell is not None:
                tell()


_rooms: dict[tuple[str, str], weakref.WeakSet[Presence]] = {}
_lock = Lock()
