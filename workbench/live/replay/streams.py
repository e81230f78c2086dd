"""What there is to replay: the sources of a catalog, or files, folders and raw journals."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.catalog.cruise import Cruise
from workbench.catalog.registered import reader_class
from workbench.catalog.source import Source
from workbench.core.errors import WorkbenchError
from workbench.core.plugins import names
from workbench.live.replay import pieces
from workbench.live.replay.pieces import Stream
from workbench.readers.reader import Reader

#: Readers whose rows and files are about a time that begins at their stamp: they are written when it is over.
_AFTERWARDS = ("seaflow_evt", "seaflow_sfl")
#: Readers of what people decided, not of what an instrument said: it stays where it is.
_PARAMETERS = ("seaflow_plan", "seaflow_db")
_THREE_MINUTES = 180 * 10**9
_SEGMENT = re.compile(r"\d{8,}_.*\.journal(\.zst)?")


def of_cruise(cruise: Cruise) -> list[Stream]:
    """The sources of a catalog that read files, or whose raw bytes are in its journal; derived ones and parameters are not sent."""
    found = []
    for name, source in cruise.items():
        raw = cruise.folder / "raw" / name
        if source.reader in _PARAMETERS:
            continue
        if not _has_files(source):
            if raw.is_dir():
                found.append(Stream(name, False, pieces.journal(name, raw)))
            continue
        try:
            if _made_here(source, cruise):
                continue
            reader, files = reader_class(source.reader)(), source.files()
        except WorkbenchError:
            continue  # not there, or no files
        every = source.every
        lag = 0 if every is None else int(every / np.timedelta64(1, "ns"))
        found.append(_stream(name, source.reader, reader, files, _base(source, files), lag, source))
    return found


def of_files(paths: Sequence[str | os.PathLike[str]]) -> list[Stream]:
    """Files, folders of files, and raw journals: a stream for each kind, called as its reader or its journal.

    Raises
    ------
    WorkbenchError
        When a path does not exist, or no reader claims it.
    """
    kinds: dict[str, list[Path]] = {}
    roots: dict[str, set[Path]] = {}
    found = []
    for path in map(Path, paths):
        if not path.exists():
            raise WorkbenchError(f"{path}: no such file or folder")
        if path.is_dir() and any(_SEGMENT.fullmatch(name) for name in os.listdir(path)):
            found.append(Stream(path.name, False, pieces.journal(path.name, path)))
            continue
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for each in inside:
            kind = _kind(each)
            if kind is not None:
                kinds.setdefault(kind, []).append(each)
                roots.setdefault(kind, set()).add(path if path.is_dir() else path.parent)
            elif not path.is_dir():
                raise WorkbenchError(f"{path}: no reader claims a file of this name; name it in a catalog")
    for kind, files in kinds.items():
        reader = reader_class(kind)()
        ordered = reader.files([os.fspath(each) for each in files])
        base = Path(os.path.commonpath(roots[kind]))
        found.append(_stream(kind, kind, reader, ordered, base, 0, None))
    return found


def _stream(
    name: str, kind: str, reader: Reader, files: Sequence[Path], base: Path, every: int, source: Source | None
) -> Stream:
    lag = (every or _THREE_MINUTES) if kind in _AFTERWARDS else 0
    span = source.span() if source is not None else None
    if reader.appends:
        return Stream(name, False, pieces.lines(name, files, base, lag), span)
    return Stream(name, True, pieces.whole_files(name, files, base, reader, lag), span)


def _has_files(source: Source) -> bool:
    heard = str(source.listen or "").startswith("folder:")  # read where its files are
    return (bool(source.url) or heard) and source.reader in names("xarray.backends")


def _made_here(source: Source, cruise: Cruise) -> bool:
    """True for what the workbench wrote into the cruise folder: no instrument said it."""
    return source.listen is None and all(Path(place).is_relative_to(cruise.folder) for place in source.places())


def _base(source: Source, files: Sequence[Path]) -> Path:
    """The folder that names are told from: the source's own where it has one."""
    places = source.places()
    if len(places) == 1 and Path(places[0]).is_dir():
        return Path(places[0])
    return Path(os.path.commonpath([each.parent for each in files])) if files else Path()


def _kind(path: Path) -> str | None:
    """The first of our readers that claims a name."""
    if path.name.startswith("."):
        return None
    for name in names("xarray.backends"):
        try:
            if reader_class(name)().guess_can_open(os.fspath(path)):
                return name
        except (WorkbenchError, ImportError):
            continue
    return None
