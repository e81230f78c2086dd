"""What is new in a Source's files since a cursor.

A cursor is what was seen of each file; it is plain JSON and means nothing to anybody else. One look costs a `stat` of
each folder and of the files that may have changed; every file is looked at again within `ROUND` looks.

* A file of whole rows that only grows (``reader.appends``) gives the rows in its new bytes.
* A container that grows by rows (``reader.grows == "rows"``) gives its new rows, as long as it is the same file, and the
  first and the last row that were taken still stand as they were. Half a container, or one whose writer has not written
  everything yet, is waited for.
* Any other file is taken when ``reader.complete`` says it is whole. One that stays half is told as refused, once.
* A file that was taken and then rewritten comes again, and is named in attrs ``replaces``.
* A file that cannot be read is told in attrs ``refused`` once; it is tried again when it changed, and every `PATIENCE`
  seconds where a disk or a network failed.
* A file that disappears takes nothing with it. When it comes back compressed under its name, it replaces itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from workbench.catalog.folder_marks import FolderMarks, Mark
from workbench.catalog.marks import (
    CRC,
    INODE,
    PATIENCE,
    REFUSED,
    SHADOW,
    SINCE,
    TAKEN,
    VERSION,
    WAITING,
    Cursor,
    Look,
    Marks,
    checksum,
    checksum_of_ends,
    goes_on,
    kin,
    marks_of,
    stat_of,
    waiting_mark,
    was_given,
)
from workbench.catalog.pieces import blank, end_to_end
from workbench.catalog.tree import Folder
from workbench.core import clock
from workbench.core.errors import ReaderError
from workbench.readers.reader import Reader

__all__ = ["Cursor", "Growth"]

#: Text that one look takes in, in bytes; the next look goes on from there.
MOST = 64 << 20


@dataclass
class Growth:
    """One look at the files.

    Parameters
    ----------
    reader : Reader
    options : mapping
        The reader's own options.
    look : Look
        Which files are looked at; it remembers from one time to the next.
    """

    reader: Reader
    options: Mapping[str, Any]
    look: Look = field(default_factory=Look)
    whole: list[str] = field(default_factory=list)
    pieces: list[xr.Dataset] = field(default_factory=list)
    replaces: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    spent: int = 0
    more: int = 0
    _old: Marks = field(default_factory=dict)
    _changes: dict[str, dict[str, Mark | None]] = field(default_factory=dict)  # by folder and name

    def since(self, folders: Mapping[str, Folder], cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        """What is new, and the cursor after it. The cursor given is not changed."""
        self._old = marks_of(cursor)
        for folder, name in self.look.due(folders, self._old):
            self._consider(folder, name, self._mark(folder, name), folders[folder].names, first=cursor is None)
        ds = self._dataset()
        if cursor is not None and not self._changes:
            return ds, cursor
        new = {folder: self._known(folder).with_marks(some).packed for folder, some in self._changes.items()}
        return ds, {"version": VERSION, "folders": self.look.shared({**self._old, **new})}

    def _known(self, folder: str) -> FolderMarks:
        """What was seen of the files of a folder before."""
        return FolderMarks(self._old.get(folder))

    def _mark(self, folder: str, name: str) -> Mark | None:
        changes = self._changes.get(folder, {})
        return changes[name] if name in changes else self._known(folder).get(name)

    def _set(self, folder: str, name: str, mark: Mark | None) -> None:
        if mark != self._mark(folder, name):
            self._changes.setdefault(folder, {})[name] = mark

    def _consider(self, folder: str, name: str, mark: Mark | None, names: Sequence[str], *, first: bool) -> None:
        path = os.path.join(folder, name)
        try:
            stat = stat_of(path)
        except OSError:  # gone since it was listed
            return
        stamp = [stat.st_size, stat.st_mtime_ns]
        again = mark is not None and mark[:2] == stamp and _unread(mark)
        if mark is not None and mark[:2] == stamp and mark[TAKEN] not in (WAITING, SHADOW) and not again:
            return
        if (mark is None or mark[TAKEN] == SHADOW) and self._shadowed(folder, name, names):
            self._set(folder, name, [*stamp, SHADOW])
            return
        try:
            if mark is not None and mark[:2] == stamp and mark[TAKEN] == WAITING:
                after = self._wait(path, stat, mark)
            elif self._by_lines:
                after = self._grown(path, stat, mark)
            elif self.reader.grows == "rows":
                after = self._longer(path, stat, mark)
            else:
                after = self._complete(path, stat, mark, first=first)
            if again and after is not None and after[TAKEN] == WAITING:  # it was waited for, and told
                after = [*stamp, REFUSED, int(clock.wall())]
        except (ReaderError, OSError) as error:
            if not again:
                self.refused.append(_said(path, error))
            after = self._broken(path, stamp, mark, error)
        if after is not None:
            self._set(folder, name, after)

    def _broken(self, path: str, stamp: Mark, mark: Mark | None, error: Exception) -> Mark | None:
        """What becomes of a file that was refused: its earlier rows go with it, unless only reading it failed."""
        if was_given(mark):
            if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
                return None  # a disk or a network: tried again next time
            self.replaces.append(path)
        below = error if isinstance(error, OSError) else error.__cause__
        failed = getattr(below, "errno", None)  # a disk, a network, too many open files: nothing may change the file
        return [*stamp, REFUSED, int(clock.wall())] if failed else [*stamp, REFUSED]

    def _shadowed(self, folder: str, name: str, names: Sequence[str]) -> bool:
        """True when the same file was taken under another name that still stands; one that is gone is replaced."""
        marks = {other: mark for other in kin(name) if was_given(mark := self._mark(folder, other)) and mark}
        if any(other in names and mark[TAKEN] > 0 for other, mark in marks.items()):
            return True
        for other, mark in marks.items():
            self.replaces.append(os.path.join(folder, other))
            self._set(folder, other, [*mark[:2], SHADOW] if other in names else None)
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
            return waiting_mark(stamp, mark)
        if was_given(mark):
            self.replaces.append(path)
        self.whole.append(path)
        return [*stamp, max(stat.st_size, 1)]

    def _wait(self, path: str, stat: os.stat_result, mark: Mark) -> Mark | None:
        if clock.wall() - mark[SINCE] < PATIENCE:
            return None
        stamp = [stat.st_size, stat.st_mtime_ns]
        if self.reader.grows == "rows":
            return self._longer(path, stat, mark, waited=True)
        self.reader.open_dataset(path, **self.options)  # says why not
        return [*stamp, REFUSED]

    # files that grow

    def _grown(self, path: str, stat: os.stat_result, mark: Mark | None) -> Mark | None:
        """Take the rows in the new bytes of a file that grows."""
        if self.spent > MOST:
            self.more += 1
            return None
        if was_given(mark) and not goes_on(path, stat, mark):
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
            return waiting_mark(stamp, mark)
        return [*stamp, end, stat.st_ino, checksum(path, begin, end, crc), checksum_of_ends(path, end)]

    # containers that grow

    def _longer(self, path: str, stat: os.stat_result, mark: Mark | None, *, waited: bool = False) -> Mark | None:
        """Take the new rows of a container that grows."""
        if self.spent > MOST:
            self.more += 1
            return None
        stamp = [stat.st_size, stat.st_mtime_ns]
        if not waited and self.reader.complete(path) <= 0:
            return waiting_mark(stamp, mark)
        taken = mark[TAKEN] if mark is not None and mark[TAKEN] > 0 else 0
        if was_given(mark) and not (taken and self._stands(path, stat, mark)):
            self.replaces.append(path)
            taken = 0
        rows: Any = self.reader.rows_from
        ds, end = rows(path, taken, **self.options)
        if any(ds.sizes.values()) and end > taken:
            self.pieces.append(ds)
            self.spent += int(ds.nbytes)
        if end == 0:
            return [*stamp, REFUSED] if waited else waiting_mark(stamp, None)
        signs: Any = self.reader.signs
        return [*stamp, end, stat.st_ino, *signs(path, end, **self.options)]

    def _stands(self, path: str, stat: os.stat_result, mark: Mark | None) -> bool:
        """True when the rows that were taken are still the first ones of the same file."""
        if mark is None or mark[INODE] != stat.st_ino:
            return False
        signs: Any = self.reader.signs
        try:
            return list(signs(path, mark[TAKEN], **self.options)) == mark[CRC:]
        except ReaderError:
            return False

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
            ds = end_to_end(pieces)
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
                mark = self._mark(folder, name)
                self._set(folder, name, [*mark[:2], REFUSED] if mark is not None else None)


def _unread(mark: Mark) -> bool:
    """True of a file that a disk or a network kept from being read, a while ago: it may be there again, as it was."""
    return mark[TAKEN] == REFUSED and len(mark) > SINCE and abs(clock.wall() - mark[SINCE]) >= PATIENCE


def _said(path: str, error: Exception) -> str:
    if isinstance(error, ReaderError):
        return str(error)
    return f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
