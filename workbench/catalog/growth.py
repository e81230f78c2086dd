"""What is new in a Source's files since a cursor.

A cursor is what was seen of each file; it is plain JSON and means nothing to anybody else. One look costs a `stat` of
each folder and of the files that may have changed; every file is looked at again within `ROUND` looks.

* A file of whole rows that only grows (``reader.appends``) gives the rows in its new bytes.
* Any other file is taken when ``reader.complete`` says it is whole. One that stays half is told as refused, once.
* A file that was taken and then rewritten comes again, and is named in attrs ``replaces``.
* A file that cannot be read is told in attrs ``refused`` once; it is tried again when it changed.
* A file that disappears takes nothing with it. When it comes back compressed under its name, it replaces itself.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog.tree import Folder
from workbench.core import clock
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.variables import MISSING
from workbench.readers.reader import Reader

#: Where one stands in a Source's files: opaque, JSON-able.
Cursor = dict[str, Any]
#: A file taken: [size, mtime, bytes taken, inode, crc32 of the bytes taken, crc32 of their ends]; of a whole file only
#: the first three. A file not taken: [size, mtime, state, since when it waits, whether earlier rows of it were given].
Mark = list[int]

SIZE, MTIME, TAKEN, INODE, CRC, ENDS = range(6)
SINCE, GIVEN = 3, 4
WAITING, REFUSED, SHADOW = -1, -2, -3

VERSION = 1
#: Looks until every one of many files has been looked at.
ROUND = 64
#: Up to so many files are all looked at each time; of more, the newest ones and every `ROUND`-th.
FEW, NEWEST = 512, 256
#: A half-written file that did not change for so many seconds is told as refused.
PATIENCE = 60.0
#: Text that one look takes in, in bytes; the next look goes on from there.
MOST = 64 << 20

_PACKED = (".zst", ".gz", ".parquet")
_END = 64


@dataclass
class Growth:
    """One look at the files.

    Parameters
    ----------
    reader : Reader
    options : mapping
        The reader's own options.
    turn : int
        Which `ROUND`-th of many files is looked at.
    """

    reader: Reader
    options: Mapping[str, Any]
    turn: int = 0
    whole: list[str] = field(default_factory=list)
    pieces: list[xr.Dataset] = field(default_factory=list)
    replaces: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    spent: int = 0
    more: int = 0
    _marks: dict[str, dict[str, Mark]] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)  # folders whose marks were copied

    def since(self, folders: Mapping[str, Folder], cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        """What is new, and the cursor after it. The cursor given is not changed."""
        old = _folders(cursor)
        self._marks = dict(old)
        look = _Look(old, self.turn)
        for folder, held in folders.items():
            known = old.get(folder, {})
            kin = _Kin(held.names, known)
            for name in sorted(look.due(held.names, known), key=_rank):
                self._consider(folder, name, known.get(name), kin, first=cursor is None)
        ds = self._dataset()
        after = {"version": VERSION, "folders": self._marks}
        return ds, cursor if cursor is not None and not self._own else after

    def _set(self, folder: str, name: str, mark: Mark | None) -> None:
        if mark == self._marks.get(folder, {}).get(name):
            return
        if folder not in self._own:
            self._own.add(folder)
            self._marks[folder] = dict(self._marks.get(folder, {}))
        if mark is None:
            self._marks[folder].pop(name, None)
        else:
            self._marks[folder][name] = mark

    def _consider(self, folder: str, name: str, mark: Mark | None, kin: _Kin, *, first: bool) -> None:
        path = os.path.join(folder, name)
        try:
            stat = os.stat(path)
        except OSError:  # gone since it was listed
            return
        stamp = [stat.st_size, stat.st_mtime_ns]
        if mark is not None and mark[:2] == stamp and mark[TAKEN] not in (WAITING, SHADOW):
            return
        if (mark is None or mark[TAKEN] == SHADOW) and self._shadowed(folder, name, kin):
            self._set(folder, name, [*stamp, SHADOW])
            return
        try:
            if mark is not None and mark[:2] == stamp and mark[TAKEN] == WAITING:
                after = self._wait(path, stamp, mark)
            elif self._by_lines:
                after = self._grown(path, stat, mark)
            else:
                after = self._complete(path, stat, mark, first=first)
        except (ReaderError, OSError) as error:
            self.refused.append(_said(path, error))
            if _given(mark):
                self.replaces.append(path)
            after = [*stamp, REFUSED]
        if after is not None:
            self._set(folder, name, after)

    def _shadowed(self, folder: str, name: str, kin: _Kin) -> bool:
        """True when the same file was taken under another name that still stands; one that is gone is replaced."""
        marks = self._marks.get(folder, {})
        others = kin.given(name, marks)
        if any(other in kin.names and marks[other][TAKEN] > 0 for other in others):
            return True
        for other in others:
            self.replaces.append(os.path.join(folder, other))
            self._set(folder, other, [*marks[other][:2], SHADOW] if other in kin.names else None)
        return False

    @property
    def _by_lines(self) -> bool:
        return self.reader.appends and type(self.reader).rows_from is not Reader.rows_from

    # whole files

    def _complete(self, path: str, stat: os.stat_result, mark: Mark | None, *, first: bool) -> Mark:
        """Take a whole file, or wait for it."""
        stamp = [stat.st_size, stat.st_mtime_ns]
        old = first and clock.wall() - stat.st_mtime > PATIENCE  # nobody writes it any more: opening says what it is
        if not old and self.reader.complete(path) <= 0:
            return _waiting(stamp, mark)
        if _given(mark):
            self.replaces.append(path)
        self.whole.append(path)
        return [*stamp, max(stat.st_size, 1)]

    def _wait(self, path: str, stamp: Mark, mark: Mark) -> Mark | None:
        if clock.wall() - mark[SINCE] < PATIENCE:
            return None
        self.reader.open_dataset(path, **self.options)  # says why not
        return [*stamp, REFUSED]

    # files that grow

    def _grown(self, path: str, stat: os.stat_result, mark: Mark | None) -> Mark | None:
        """Take the rows in the new bytes of a file that grows."""
        if self.spent > MOST:
            self.more += 1
            return None
        if _given(mark) and not _continues(path, stat, mark):
            self.replaces.append(path)
            mark = None
        begin, crc = (mark[TAKEN], mark[CRC]) if mark is not None and mark[TAKEN] > 0 else (0, 0)
        rows: Any = self.reader.rows_from
        ds, end = rows(path, begin, **self.options)
        if any(ds.sizes.values()):
            self.pieces.append(ds)
        self.spent += end - begin
        stamp = [stat.st_size, stat.st_mtime_ns]
        if end == 0:
            return _waiting(stamp, mark)
        return [*stamp, end, stat.st_ino, _crc(path, begin, end, crc), _ends(path, end)]

    # what comes of it

    def _dataset(self) -> xr.Dataset:
        pieces = [*self.pieces]
        if self.whole:
            pieces += self._open(self.whole)
        if not pieces:
            ds = blank(self.reader)
        elif len(pieces) == 1:
            ds = pieces[0]
        else:
            ds = _end_to_end(pieces)
        for key, lines in (("replaces", self.replaces), ("refused", self.refused)):
            ds.attrs[key] = "\n".join(lines)
        ds.attrs["more"] = self.more
        return ds

    def _open(self, paths: list[str]) -> list[xr.Dataset]:
        try:
            ds = xr.open_dataset(paths, engine=type(self.reader), cache=False, **self.options)  # type: ignore[arg-type]
        except ReaderError as error:
            if len(paths) > 1:
                raise
            self._refuse([str(error)], paths)
            return []
        self._refuse(str(ds.attrs.get("refused", "")).splitlines(), paths)
        return [ds]

    def _refuse(self, lines: list[str], paths: list[str]) -> None:
        self.refused += lines
        for path in paths if lines else ():
            if any(line.startswith(f"{path}: ") for line in lines):
                folder, name = os.path.split(path)
                self._set(folder, name, [*self._marks[folder][name][:2], REFUSED])


class _Look:
    """Which files are worth a `stat` this time."""

    def __init__(self, known: Mapping[str, Mapping[str, Mark]], turn: int) -> None:
        times = [mark[MTIME] for marks in known.values() for mark in marks.values()]
        self.few = len(times) <= FEW
        self.recent = 0 if self.few else int(np.partition(np.array(times, dtype=np.int64), -NEWEST)[-NEWEST])
        self.turn = turn

    def due(self, names: tuple[str, ...], known: Mapping[str, Mark]) -> Iterator[str]:
        for i, name in enumerate(names):
            mark = known.get(name)
            its_turn = self.few or (i + self.turn) % ROUND == 0
            if its_turn or mark is None or mark[MTIME] >= self.recent or mark[TAKEN] in (WAITING, SHADOW):
                yield name


class _Kin:
    """Files that are one file under several names: plain and compressed."""

    def __init__(self, names: tuple[str, ...], known: Mapping[str, Mark]) -> None:
        self.names = names
        self._known = known
        self._families: dict[str, list[str]] | None = None

    def given(self, name: str, marks: Mapping[str, Mark]) -> list[str]:
        """Other names of the same file under which rows were given."""
        if self._families is None:
            self._families = {}
            for other in {*self.names, *self._known}:
                self._families.setdefault(_rank(other)[0], []).append(other)
        family = self._families.get(_rank(name)[0], [])
        return [other for other in family if other != name and _given(marks.get(other))]


def _rank(name: str) -> tuple[str, int]:
    """A name without what compression adds to it, and which of several is read."""
    for i, suffix in enumerate(_PACKED):
        if name.endswith(suffix):
            return name[: -len(suffix)], i + 1
    return name, 0


def _folders(cursor: Cursor | None) -> dict[str, dict[str, Mark]]:
    if cursor is None:
        return {}
    if cursor.get("version") != VERSION:
        raise WorkbenchError("this cursor is of another version; begin again without one")
    return dict(cursor["folders"])


def _given(mark: Mark | None) -> bool:
    """True when rows of the file were given before."""
    return mark is not None and (mark[TAKEN] > 0 or (mark[TAKEN] == WAITING and bool(mark[GIVEN])))


def _waiting(stamp: Mark, mark: Mark | None) -> Mark:
    return [*stamp, WAITING, int(clock.wall()), int(_given(mark))]


def _said(path: str, error: Exception) -> str:
    if isinstance(error, ReaderError):
        return str(error)
    return f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"


def _continues(path: str, stat: os.stat_result, mark: Mark | None) -> bool:
    """True when the bytes that were taken still stand at the beginning of the file.

    Their ends are compared; all of them when the file was replaced, or touched without growing.
    """
    if mark is None or mark[TAKEN] < 0 or stat.st_size < mark[TAKEN]:
        return False
    if stat.st_ino != mark[INODE] or stat.st_size == mark[SIZE]:
        return _crc(path, 0, mark[TAKEN], 0) == mark[CRC]
    return _ends(path, mark[TAKEN]) == mark[ENDS]


def _crc(path: str, begin: int, end: int, crc: int) -> int:
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        while begin < end and (piece := file.read(min(1 << 20, end - begin))):
            crc = zlib.crc32(piece, crc)
            begin += len(piece)
    return crc


def _ends(path: str, taken: int) -> int:
    return _crc(path, max(0, taken - _END), taken, _crc(path, 0, min(_END, taken), 0))


def blank(reader: Reader) -> xr.Dataset:
    """A dataset of `reader` with no rows in it."""
    particles = any(spec.dims == ("particle",) for spec in reader.provides)
    rows = ("file",) if particles else ("time",)
    data: dict[str, Any] = {}
    for spec in reader.provides:
        dims = rows if spec.dims in ((), ("time",)) else spec.dims
        dtype = np.dtype("U1") if spec.dtype == "str" else np.dtype(spec.dtype)
        data[spec.name] = (dims, np.empty((0,) * len(dims), dtype), spec.attrs() if dtype.kind != "M" else {})
    ds = xr.Dataset(data)
    return ds.set_coords("time") if "time" in ds.variables else ds


def _end_to_end(pieces: list[xr.Dataset]) -> xr.Dataset:
    """Rows of several pieces after one another; counts in the attributes are added up, lists put together."""
    dim = "time" if "time" in pieces[0].dims else str(next(iter(pieces[0].dims)))
    kinds = {name: variable for piece in pieces for name, variable in piece.data_vars.items()}
    filled = [piece.assign({n: _missing(v, dim, piece.sizes[dim]) for n, v in kinds.items() if n not in piece})
              for piece in pieces]  # fmt: skip
    ds = xr.concat(filled, dim=dim, data_vars="all", coords="minimal", join="outer", combine_attrs="drop_conflicts")
    counts = {key for piece in pieces for key, value in piece.attrs.items() if isinstance(value, int | np.integer)}
    ds.attrs |= {key: sum(int(piece.attrs.get(key, 0)) for piece in pieces) for key in counts}
    ds.attrs["bad"] = "\n".join(lines for piece in pieces if (lines := piece.attrs.get("bad")))
    return ds


def _missing(like: xr.DataArray, dim: str, rows: int) -> tuple[str, npt.NDArray[Any], dict[str, Any]]:
    """A variable that says nothing, of the kind of another."""
    kind = like.dtype.kind
    if str(like.name).endswith("_qc"):
        return dim, np.full(rows, MISSING, like.dtype), like.attrs
    if kind in "US":
        return dim, np.full(rows, "", like.dtype), like.attrs
    if kind == "M":
        return dim, np.full(rows, "NaT", like.dtype), like.attrs
    return dim, np.full(rows, np.nan), like.attrs
