"""Files that somebody took out: who, why, and taking one out or bringing it back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from workbench.catalog.cruise import Cruise
from workbench.catalog.decided import Exclusions
from workbench.core.errors import WorkbenchError
from workbench.live.session import Session
from workbench.record.state_file import FILE
from workbench.views.notes import stamp_of

_known: dict[tuple[Path, str], tuple[tuple[int, ...], Mapping[str, Out]]] = {}
_lock = threading.Lock()
_NONE: Mapping[str, Out] = MappingProxyType({})


@dataclass(frozen=True)
class Out:
    """A file that was taken out.

    Attributes
    ----------
    reason, who : str
    time : numpy.datetime64[ns]
        When somebody decided it.
    """

    reason: str
    who: str
    time: np.datetime64

    def __str__(self) -> str:
        return f"{self.reason or 'no reason given'} ({self.who})"


def plan_of(cruise: Cruise) -> str:
    """The source of parameters that files are taken out of; empty without one."""
    try:
        return cruise.excluded.source
    except (AttributeError, WorkbenchError):  # no plan, or more than one: nobody can say which
        return ""


def excluded(cruise: Cruise) -> Mapping[str, Out]:
    """``file_id`` of each file that is out; read again only when the file of decisions changed."""
    plan = plan_of(cruise)
    if not plan:
        return _NONE
    stamp = stamp_of(cruise.folder / FILE)
    key = cruise.folder, plan
    with _lock:
        held = _known.get(key)
    if held and held[0] == stamp:
        return held[1]
    try:
        found: Mapping[str, Out] = {
            name: Out(one.reason, one.who, one.when) for name, one in cruise.excluded.files().items()
        }
    except WorkbenchError:
        found = held[1] if held else _NONE
    with _lock:
        if held and dict(held[1]) == found:
            found = held[1]  # the same object as long as it says the same
        _known[key] = stamp, found
    return found


def take_out(session: Session, file: str, reason: str) -> str:
    """Take a file out; what was wrong, or nothing."""
    if not reason.strip():
        return "Say why: the next one who looks will ask."
    return _decide(session, lambda out: out.add(file, who=session.who, reason=reason.strip()))


def bring_back(session: Session, file: str, reason: str = "") -> str:
    """Bring a file back; what was wrong, or nothing."""
    return _decide(session, lambda out: out.remove(file, who=session.who, reason=reason.strip()))


def _decide(session: Session, call: Callable[[Exclusions], object]) -> str:
    if not session.may_write:
        return session.reason or "Only a scientist may change that."
    cruise = session.feeds.cruise
    plan = plan_of(cruise)
    if not plan:
        return "This catalog has no source of parameters to take files out of."
    try:
        call(cruise.excluded)
    except WorkbenchError as error:
        return str(error)
    return ""
