"""What lies in a folder: groups of files that one reader reads, as one would name them to somebody else.

Folders named after a day (``2014_185``, ``2014-07-04``) belong together; so do files whose names differ in a time
stamp. A group counts when its reader gets rows out of a file of it. The search is bounded in files and in time.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

from workbench.catalog.registered import reader_class
from workbench.core.errors import PluginError, WorkbenchError
from workbench.core.plugins import names
from workbench.readers.paths import matcher
from workbench.readers.reader import Reader

MAX_FILES = 50_000
MAX_SECONDS = 30.0
#: Files of a group that are tried, and how large one may be.
_TRIES, _LARGE = 5, 64 << 20

_DAY = re.compile(r"\d{1,4}_\d{1,3}|\d{4}-?\d\d-?\d\d|\d{4}|\d\d")
_STAMP = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-_]?[01]\d[-_]?[0-3]\d(?:[T_-]?[0-2]\d[-:_]?[0-5]\d(?:[-:_]?[0-6]\d)?(?:\.\d+)?(?:Z|[+-]\d\d[-:]?\d\d)?|T[0-2]\d)?"
    r"|(?:19|20)\d\d_[0-3]\d\d|\d{9,})(?!\d)"
)
_PACKED = (".gz", ".zst")
#: Names of folders that say nothing of what is in them.
_DULL = {"raw", "data", "log", "logs", "files", "evt", "nmea", "underway", "feeds", "datafiles", ""}


@dataclass
class Group:
    """Files that one reader reads.

    Attributes
    ----------
    reader : str
    top : str
        The folder they lie below; days are folders in it.
    stem : str
        What their names have in common; empty when names are stamps only.
    paths : list of str
    url : str
        Relative to the folder that was looked at; "" is that folder.
    """

    reader: str
    top: str
    stem: str
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def label(self, alone: bool) -> str:
        """A word for it: its stem, or where it stands alone, the nearest folder whose name says something."""
        if not alone and self.stem:
            return self.stem
        parts = [part for part in self.url.split("/") if part.lower() not in _DULL and "*" not in part]
        return Path(parts[-1]).stem if parts else self.stem


@dataclass
class Survey:
    """What was found in a folder.

    Attributes
    ----------
    folder : str
    groups : list of Group
    files : int
        Looked at.
    whole : bool
        False when there was more than could be looked at.
    unread : list of str
        Relative paths of some files that no reader reads.
    """

    folder: str
    groups: list[Group]
    files: int
    whole: bool
    unread: list[str]


def survey(folder: str | os.PathLike[str]) -> Survey:
    """Look through a folder for files that an installed reader reads.

    Raises
    ------
    WorkbenchError
        When it is no folder.
    """
    top = os.path.abspath(folder)
    if not os.path.isdir(top):
        why = "is a file; name the folder it is in" if os.path.exists(top) else "there is no such folder"
        raise WorkbenchError(f"{os.fspath(folder)}: {why}")
    known = readers()
    claims = {name: matcher(reader.patterns) for name, reader in known.items()}
    candidates: dict[tuple[str, str, str], Group] = {}
    unread: list[str] = []
    count, until, whole = 0, time.monotonic() + MAX_SECONDS, True
    for path in _files(top):
        count += 1
        if count > MAX_FILES or time.monotonic() > until:
            whole = False
            break
        mine = [name for name, claim in claims.items() if claim(path)]
        for name in mine:
            key = (name, _top_of(path, top), "" if name == "seaflow_evt" else stem(path))
            candidates.setdefault(key, Group(*key)).paths.append(path)
        if not mine:
            unread.append(path)
    groups = _recognised(list(candidates.values()), known, unread)
    _locate(groups, list(candidates.values()), top)
    told = sorted({os.path.relpath(path, top) for path in unread})
    return Survey(top, sorted(groups, key=lambda group: (group.url, group.reader)), count, whole, told)


def readers() -> dict[str, type[Reader]]:
    """Every reader that is installed and claims names of files."""
    found = {}
    for name in names("xarray.backends"):
        try:
            reader = reader_class(name)
        except (PluginError, ImportError):
            continue
        if reader.patterns:
            found[name] = reader
    return found


def stem(path: str) -> str:
    """The name of a file without time stamp and endings: what it shares with its siblings."""
    name = os.path.basename(path)
    for suffix in _PACKED:
        name = name.removesuffix(suffix)
    plain = _STAMP.sub("", name)
    return os.path.splitext(f"x{plain}")[0][1:].strip("-_. ")  # a name that begins with its dot has an ending, too


def rows(reader: Reader, path: str | os.PathLike[str]) -> xr.Dataset | None:
    """The rows of a file, or None when there are none."""
    try:
        if os.path.getsize(path) > _LARGE and reader.appends:
            return None
        ds = reader.open_dataset(path)
    except (WorkbenchError, OSError, ValueError):
        return None
    if reader.grows == "rows" and "time" not in ds.sizes:  # a container of other things
        return None
    return ds if max(ds.sizes.values(), default=0) > 0 else None


def _files(top: str) -> Iterator[str]:
    for here, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(".cruise"))
        for name in sorted(files):
            path = os.path.join(here, name)
            plain = os.path.relpath(path, top)
            if not name.startswith(".") and plain.isprintable() and "{" not in plain and os.path.isfile(path):
                yield path


def _top_of(path: str, limit: str) -> str:
    """The folder of a file, above the folders named after days."""
    folder = os.path.dirname(path)
    while folder != limit and _DAY.fullmatch(os.path.basename(folder)):
        folder = os.path.dirname(folder)
    return folder


def _recognised(candidates: list[Group], known: dict[str, type[Reader]], unread: list[str]) -> list[Group]:
    """Groups whose reader gets rows out of one of a few of their files; each file belongs to one group."""
    taken: set[str] = set()
    found = []
    for group in sorted(candidates, key=lambda group: -max(map(len, known[group.reader].patterns))):
        left = [path for path in group.paths if path not in taken]
        step = max(1, len(left) // _TRIES)
        tried = [*left[-1:], *left[::step][:_TRIES]]
        if any(rows(known[group.reader](), path) is not None for path in dict.fromkeys(tried)):
            group.paths = left
            taken.update(left)
            found.append(group)
    unread += [path for group in candidates for path in group.paths if path not in taken]
    return found


def _locate(groups: list[Group], candidates: list[Group], top: str) -> None:
    """Give each group the shortest url that names its files and nobody else's of that reader."""
    neighbours: dict[tuple[str, str], int] = defaultdict(int)
    for group in candidates:
        neighbours[group.reader, group.top] += 1
    for group in groups:
        below = [
            other for other in candidates if other.reader == group.reader and other.top.startswith(group.top + os.sep)
        ]
        if neighbours[group.reader, group.top] == 1 and not below:
            place = group.top
        else:
            place = _pattern(group)
        group.url = "" if place == top else os.path.relpath(place, top)


def _pattern(group: Group) -> str:
    """One path with ``*`` for what differs between the files of a group."""
    found = {
        "/".join("*" if _DAY.fullmatch(part) else _STAMP.sub("*", part) for part in os.path.relpath(path, group.top).split(os.sep))
        for path in group.paths
    }  # fmt: skip
    if len(found) == 1:
        return os.path.join(group.top, found.pop())
    depth = max(pattern.count("/") for pattern in found)
    ends = [pattern.rsplit("/", 1)[-1] for pattern in found]
    same = next((i for i, letters in enumerate(zip(*ends, strict=False)) if len(set(letters)) > 1), min(map(len, ends)))
    return os.path.join(group.top, *["*"] * depth, f"{ends[0][:same]}*".replace("**", "*"))
