"""What is sent when: lines of logs, whole files, entries of a raw journal, each with the time it is due."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.live.journal import Position, reading
from workbench.readers.reader import Reader

#: A time in a line: of a logger, of a column, or of the file that an SFL line is about.
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\d)T(\d\d)[:-](\d\d)[:-](\d\d)(?:\.(\d{1,9}))?")
#: What a logger writes before each line it receives; it is not sent, the one who receives has a clock of its own.
_LOGGED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z? (?=\S)")
_LINE = 1 << 22
#: Lines without a time that a file may begin with.
_HEADER = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that is sent: some bytes of a feed, or a whole file.

    Attributes
    ----------
    time : int
        When it is due, ns since 1970 (UTC).
    source : str
    path : str
        The file it is of, as it is called below the source's folder.
    body : bytes
        The bytes as they stand in the file; of a whole file none.
    file : Path or None
        The whole file.
    """

    time: int
    source: str
    path: str
    body: bytes = b""
    file: Path | None = None

    @property
    def payload(self) -> bytes:
        """What an instrument sent: the line without what a logger wrote before it."""
        found = _LOGGED.match(self.body)
        return self.body[found.end() :] if found else self.body


@dataclass(frozen=True)
class Stream:
    """One source to be replayed.

    Attributes
    ----------
    name : str
    whole : bool
        True when it consists of whole files, which only a folder takes.
    pieces : callable
        Gives the pieces of a window, in the order of time.
    span : Window or None
        First to last time, where that is known.
    """

    name: str
    whole: bool
    pieces: Callable[[Window], Iterator[Piece]]
    span: Window | None = None


def lines(name: str, files: Sequence[Path], base: Path, lag: int = 0) -> Callable[[Window], Iterator[Piece]]:
    """The lines of logs. A line without a time of its own is due with the one before it, a header with the first.

    Parameters
    ----------
    name : str
        The source.
    files : sequence of Path
        In the order of time.
    base : Path
        The folder they are told from.
    lag : int
        ns after its time that a line is written.
    """

    def pieces(window: Window = ALWAYS) -> Iterator[Piece]:
        newest = None
        for path in files:
            head: list[bytes] = []
            below = os.path.relpath(path, base)
            with path.open("rb") as file:
                while line := file.readline(_LINE):
                    time = stamp(line)
                    if time is None and newest is None:
                        head.append(line)
                        if len(head) > _HEADER:
                            break
                        continue
                    newest = max(newest or 0, time + lag) if time is not None else newest
                    assert newest is not None
                    if window.start <= np.datetime64(newest, "ns") < window.stop:
                        yield from (Piece(newest, name, below, each) for each in head)
                        yield Piece(newest, name, below, line)
                        head = []
            if newest is None:
                raise WorkbenchError(
                    f"{path}: no line has a time (2014-08-01T00:00:00Z ...), so nobody knows when to send it"
                )

    return pieces


def whole_files(
    name: str, files: Sequence[Path], base: Path, reader: Reader, lag: int = 0
) -> Callable[[Window], Iterator[Piece]]:
    """Whole files, each due `lag` ns after the first time in it; those without a time are left out."""

    def pieces(window: Window = ALWAYS) -> Iterator[Piece]:
        for path in files:
            try:
                first = reader.span(path)[0].astype("datetime64[ns]")
            except WorkbenchError:
                continue
            due = int(first.astype(np.int64)) + lag
            if not np.isnat(first) and window.start <= np.datetime64(due, "ns") < window.stop:
                yield Piece(due, name, os.path.relpath(path, base), file=path)

    return pieces


def journal(name: str, folder: Path) -> Callable[[Window], Iterator[Piece]]:
    """The entries of a raw journal: the same bytes in the same portions, when they were received."""

    def pieces(window: Window = ALWAYS) -> Iterator[Piece]:
        newest = 0
        for entry in reading.read(folder, Position(), window):
            newest = max(newest, int(entry.time.astype(np.int64)))
            yield Piece(newest, name, f"{name}.raw", entry.body)

    return pieces


def stamp(line: bytes) -> int | None:
    """The first time in a line, ns since 1970; None when there is none."""
    found = _STAMP.search(line)
    if found is None:
        return None
    day, hour, minute, second, rest = (part.decode() if part else "" for part in found.groups())
    try:
        return int(np.datetime64(f"{day}T{hour}:{minute}:{second}.{rest or 0}", "ns").astype(np.int64))
    except ValueError:
        return None
