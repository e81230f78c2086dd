"""The files behind a url, looked at again and again: folders that did not change are not listed twice.

The rules are those of `workbench.readers.paths`: folders are searched recursively, hidden files and names the reader
does not claim are left out, a file named itself is taken whatever it is called. Only regular files count.
"""

from __future__ import annotations

import glob
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

from workbench.core import clock
from workbench.core.errors import ReaderError
from workbench.core.texts import Texts
from workbench.readers.paths import is_box

#: A folder that changed less than this ago (ns) is listed again: its time stamp may not tell the next change apart.
_UNSURE = 2_000_000_000
#: Folders are listed again after this many seconds whatever their stamps say (some shares do not keep them).
_DISTRUST = 30.0
#: A place with more folders than this is the wrong place.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Folder:
    """What one folder held when it was last listed.

    Attributes
    ----------
    stamp : int
        Another one whenever the names in it changed.
    names : sequence of str
        Regular files that the reader claims, sorted.
    below : tuple of str
        Paths of the folders in it, sorted.
    """

    stamp: int
    names: Sequence[str]
    below: tuple[str, ...]


@dataclass(slots=True)
class _Listed:
    folder: Folder
    mtime: int
    at: float


class Tree:
    """The files behind one or more places.

    Parameters
    ----------
    places : tuple of str
        Absolute paths of files or folders, or glob patterns.
    claims : callable of str to bool
        Whether the reader claims a path met in a folder.
    own : path-like, optional
        The cruise folder: what is named in there and does not exist has not been written yet, and is no error.
    """

    def __init__(
        self, places: tuple[str, ...], claims: Callable[[str], bool], *, own: str | os.PathLike[str] | None = None
    ) -> None:
        self.places = places
        self.own = own
        self._claims = claims
        self._listed: dict[str, _Listed] = {}
        self._chosen: dict[tuple[str, frozenset[int], tuple[str, ...]], tuple[Folder, Folder]] = {}  # by a pattern
        self._joined: dict[str, Folder] = {}  # that several places name, or files of which are named themselves
        self._stamps = count(1)
        self._links: set[str] = set()
        self._met: set[object] = set()  # keys of what this look needed of the above
        self._lock = threading.Lock()

    def look(self) -> Mapping[str, Folder]:
        """Every folder that holds files, by path.

        Raises
        ------
        ReaderError
            When nothing that was named exists.
        """
        with self._lock:
            self._links.clear()
            found: dict[str, list[Folder]] = {}
            self._met.clear()
            missing = [place for place in self.places if not self._place(place, found)]
            if len(missing) == len(self.places) and not all(map(self._comes, missing)):
                raise ReaderError(missing[0], "no such file or folder", hint="It may not have been written yet")
            out = {path: self._together(path, parts) for path, parts in found.items()}
            self._let_go()
            return out

    def _let_go(self) -> None:
        """Of folders that are gone nothing is kept."""
        all_held: tuple[dict[Any, Any], ...] = (self._listed, self._chosen, self._joined)
        for held in all_held:
            for key in held.keys() - self._met:
                del held[key]

    def _comes(self, place: str) -> bool:
        """True in a folder that an engine fills: what is missing there has not been written yet."""
        return self.own is not None and os.path.abspath(place).startswith(os.path.join(os.path.abspath(self.own), ""))

    def paths(self) -> Iterator[str]:
        """Every file, folder by folder."""
        for path, folder in self.look().items():
            for name in folder.names:
                yield os.path.join(path, name)

    def _place(self, place: str, found: dict[str, list[Folder]]) -> bool:
        box = is_box(place, self._claims)
        if os.path.isdir(place) and not box:
            self._below(place, None, found)
            return True
        if os.path.lexists(place):
            if not os.path.isfile(place) and not box:
                raise ReaderError(place, "neither a file nor a folder", hint="Pipes and devices are not read")
            found.setdefault(os.path.dirname(place), []).append(Folder(0, (os.path.basename(place),), ()))
            return True
        base, parts = split(place)
        if not parts or not os.path.isdir(base):
            return False
        self._below(base, parts, found)
        return True

    def _below(self, top: str, parts: tuple[str, ...] | None, found: dict[str, list[Folder]]) -> None:
        """Walk down from `top`; `parts` are glob components that are still to be met (None: everything is taken)."""
        stack = [(top, None if parts is None else _reach(parts, {0}))]
        visited = 0
        while stack:
            path, states = stack.pop()
            visited += 1
            if visited > _MOST:
                raise ReaderError(top, f"more than {_MOST} folders", hint="Name a narrower place")
            folder = self._list(path)
            some = folder if states is None else self._some(path, folder, parts or (), states)
            if some.names:
                found.setdefault(path, []).append(some)
            for below in reversed(folder.below):
                after = None if states is None else _step(parts or (), states, os.path.basename(below))
                if after != set() and self._first_visit(below):
                    stack.append((below, None if after is None or len(parts or ()) in after else after))

    def _some(self, path: str, folder: Folder, parts: tuple[str, ...], states: set[int]) -> Folder:
        """What a pattern takes of a folder."""
        key = path, frozenset(states), parts
        self._met.add(key)
        known = self._chosen.get(key)
        if known is None or known[0] is not folder:
            names = Texts(_matching(folder.names, parts, states))
            known = self._chosen[key] = folder, Folder(next(self._stamps), names, ())
        return known[1]

    def _together(self, path: str, parts: list[Folder]) -> Folder:
        """The files of a folder that several places may name."""
        if len(parts) == 1 and parts[0].stamp:
            return parts[0]
        self._met.add(path)
        names, known = sorted({name for part in parts for name in part.names}), self._joined.get(path)
        if known is None or known.names != names:
            known = self._joined[path] = Folder(next(self._stamps), Texts(names), ())
        return known

    def _first_visit(self, path: str) -> bool:
        """False for a link to a folder that another link has led to: circles end."""
        if not os.path.islink(path):
            return True
        real = os.path.realpath(path)
        if real in self._links:
            return False
        self._links.add(real)
        return True

    def _list(self, path: str) -> Folder:
        self._met.add(path)
        old = self._listed.get(path)
        now = time.monotonic()
        try:
            mtime = os.stat(path).st_mtime_ns
            if old is not None and old.mtime == mtime and now - old.at < _DISTRUST:
                return old.folder
            found, folders = self._scan(path)
            names, below = Texts(found), tuple(folders)
        except OSError:  # gone, or not ours to read: what was known stays known
            return old.folder if old is not None else Folder(0, (), ())
        if old is not None and old.folder.names == names and old.folder.below == below:
            folder = old.folder
        else:
            folder = Folder(next(self._stamps), names, below)
        unsure = abs(clock.wall() * 1e9 - mtime) < _UNSURE
        self._listed[path] = _Listed(folder, -1 if unsure else mtime, now)
        return folder

    def _scan(self, path: str) -> tuple[list[str], list[str]]:
        names, below = [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                try:
                    if entry.is_dir() and is_box(entry.path, self._claims):
                        names.append(entry.name)
                    elif entry.is_dir():
                        below.append(entry.path)
                    elif entry.is_file() and self._claims(entry.path):
                        names.append(entry.name)
                except OSError:  # a link that points at itself
                    continue
        return sorted(names), sorted(below)


def split(pattern: str) -> tuple[str, tuple[str, ...]]:
    """An absolute glob pattern as (folder that is meant literally, components to match below it)."""
    parts = pattern.strip("/").split("/")
    base = "/"
    for i, part in enumerate(parts):
        if glob.has_magic(part) and not os.path.lexists(os.path.join(base, part)):
            return base, tuple(parts[i:])
        base = os.path.join(base, part)
    return base, ()


def for_glob(place: str) -> str:
    """A place as `glob` understands it: what is meant literally is escaped when there is a pattern after it."""
    base, parts = split(place)
    if not parts or os.path.lexists(place):
        return place
    return os.path.join(glob.escape(base), *parts)


def _reach(parts: tuple[str, ...], states: set[int]) -> set[int]:
    """Also the states that ``**`` lets one step over."""
    out = set(states)
    for state in sorted(states):
        while state < len(parts) and parts[state] == "**":
            state += 1
            out.add(state)
    return out


def _step(parts: tuple[str, ...], states: set[int], name: str) -> set[int]:
    out = set()
    for state in states:
        if state == len(parts):
            continue
        if parts[state] == "**":
            out.add(state)
        elif fnmatchcase(name, parts[state]):
            out.add(state + 1)
    return _reach(parts, out)


def _matching(names: Sequence[str], parts: tuple[str, ...], states: set[int]) -> Sequence[str]:
    """Names of files that the last component takes."""
    last = len(parts) - 1
    if last + 1 in states or (last in states and parts[last] == "**"):
        return names
    return tuple(name for name in names if last in states and fnmatchcase(name, parts[last]))
