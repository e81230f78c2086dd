"""From what a person names (a file, a folder, a glob, a list of these) to the files a reader opens."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from os import PathLike, fspath
from re import compile as regex
from typing import Any, TypeVar

from workbench.core.errors import ReaderError, nearest

Content = TypeVar("Content")

#: Files that are counted, at most, to say that none of them is meant.
_LOOKED = 1000
#: What a reader opens: a file, a directory, a glob pattern, or a list of any of these.
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


@dataclass(frozen=True)
class Found:
    """The files behind what was named.

    Attributes
    ----------
    paths : tuple of str
        In the order they were named or met; each once.
    alone : bool
        True when one file was named: then its faults are raised, not listed.
    refused : tuple of str
        ``path: reason`` of folders that cannot be listed and of names that do not exist.
    """

    paths: tuple[str, ...]
    alone: bool
    refused: tuple[str, ...] = ()

    def each(self, read: Callable[[str], Content]) -> tuple[list[Content], list[str]]:
        """What `read` gives of each file, and ``path: reason`` of those refused.

        Raises
        ------
        ReaderError
            When `read` refuses the one file that was named.
        """
        contents, refused = [], list(self.refused)
        for path in self.paths:
            try:
                contents.append(read(path))
            except ReaderError as error:
                if self.alone:
                    raise
                refused.append(str(error))
        return contents, refused


def find(named: Paths, claims: Claims) -> Found:
    """Every file behind `named`.

    Folders are searched recursively; there, and behind globs, hidden files and names that `claims` declines are
    left out. A file named itself is taken whatever it is called.

    Parameters
    ----------
    named : path, glob, or iterable of these
    claims : Claims
        Asked of each path found in a folder.

    Raises
    ------
    ReaderError
        When the only thing named does not exist; of several, it is listed in `Found.refused`.
    TypeError
        When `named` is not made of paths.
    """
    items = _listed(named)
    refused: list[str] = []
    paths: dict[str, None] = {}
    files = 0
    for path in items:
        if os.path.isdir(path) and not is_box(path, claims):
            paths.update(dict.fromkeys(walk(path, claims, refused)))
        elif os.path.lexists(path):
            files += 1
            paths[path] = None
        elif glob.has_magic(path):
            paths.update(dict.fromkeys(_matches(path, claims, refused)))
        elif len(items) == 1:
            raise ReaderError(path, "no such file or folder", hint=_nearby(path))
        else:
            refused.append(f"{path}: no such file or folder")
    if not paths and not refused:
        met = (walk(path, anything) if os.path.isdir(path) else _matches(path, anything, []) for path in items)
        refused += [said for path, some in zip(items, met, strict=True) if (said := unclaimed(path, some, claims))]
    return Found(tuple(paths), alone=len(items) == 1 and files == 1, refused=tuple(refused))


def unclaimed(named: str, met: Iterable[str], claims: Claims) -> str:
    """What is to be said of a folder or pattern where files were met and none is claimed; empty where none was met."""
    some = [path for path, _ in zip(met, range(_LOOKED), strict=False)]
    if not some:
        return ""
    count = f"{len(some)} file{'s' * (len(some) != 1)}" if len(some) < _LOOKED else f"{_LOOKED} files or more"
    return (
        f"{named}: {count}, such as {os.path.basename(some[0])}, none named {claims} (# is a digit). "
        "List them one by one to read them whatever they are called"
    )


def anything(path: str) -> bool:
    """True of every path: to see what is there whoever reads it."""
    return True


def _listed(named: Any) -> list[str]:
    items = [named] if isinstance(named, str | PathLike) or not isinstance(named, Iterable) else list(named)
    for item in items:
        if not isinstance(item, str | PathLike):
            raise TypeError(f"a path, a glob or a list of these is needed, not {type(item).__name__}")
    return [fspath(item) for item in items]


def walk(folder: str, claims: Callable[[str], bool], refused: list[str] | None = None) -> Iterator[str]:
    """Claimed files below `folder`, sorted by name within each folder; hidden ones are left out."""
    seen: set[str] = set()
    stack = [folder]
    while stack:
        here = stack.pop()
        try:
            with os.scandir(here) as entries:
                inside = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            if refused is not None:
                refused.append(f"{here}: {error.strerror or error}")
            continue
        below = []
        for entry in inside:
            if _is_folder(entry) and not is_box(entry.path, claims):
                if not entry.is_symlink() or _new(os.path.realpath(entry.path), seen):
                    below.append(entry.path)
            elif claims(entry.path):
                yield entry.path
        stack += reversed(below)


def is_box(path: str, claims: Callable[[str], bool]) -> bool:
    """True for the name of a folder that is one dataset (Zarr), where the reader claims it."""
    return path.rstrip("/").endswith(".zarr") and claims(path.rstrip("/"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def _new(path: str, seen: set[str]) -> bool:
    if path in seen:
        return False
    seen.add(path)
    return True


def _matches(pattern: str, claims: Callable[[str], bool], refused: list[str]) -> Iterator[str]:
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if os.path.isdir(path) and not is_box(path, claims):
            yield from walk(path, claims, refused)
        elif claims(path):
            yield path


def _nearby(path: str) -> str | None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"There is no folder {folder}"
    close = nearest(os.path.basename(path), os.listdir(folder))
    return f"Did you mean {os.path.join(folder, close)}?" if close else None


class Claims:
    """A test of a path's last part against globs (case matters)."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self._one = regex("|".join(translate(pattern) for pattern in patterns) or r"(?!)")

    def __call__(self, path: str) -> bool:
        return self._one.match(os.path.basename(path)) is not None

    def __str__(self) -> str:
        """The names as a person would write them, # for a digit."""
        plain = (regex(r"\[-_\]").sub("_", pattern) for pattern in self.patterns)
        return ", ".join([*dict.fromkeys(regex(r"\[[^]]*\]").sub("#", pattern) for pattern in plain)][:8])


@lru_cache
def matcher(patterns: tuple[str, ...]) -> Claims:
    """A test of a path's last part against globs (case matters)."""
    return Claims(patterns)
