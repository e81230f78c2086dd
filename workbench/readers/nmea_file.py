"""One NMEA log as arrays: its rows, and what became of its other lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError
from workbench.readers import lines
from workbench.readers.kept import Kept

#: Shorter than the shortest line that makes a row (``2014-08-01T00:00:00 $HEHDT,,``).
_SHORTEST = 28
#: Instrument minus receipt, then for each kind of sentence the interval of its last row (when thinned).
_STATE = np.array([0, *[np.iinfo(np.int64).min] * 5], dtype=np.int64)
_KEPT: Kept[NmeaFile] = Kept(512 << 20)
#: Where reading on ended, and the state there.
_TAILS: dict[tuple[str, int], tuple[int, npt.NDArray[np.int64]]] = {}
_MOST_TAILS = 256
_TURN = Lock()
Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint8]]
_DOUBT = 64
_AGAIN = "It was rewritten: read it again from its beginning"


@dataclass(frozen=True)
class NmeaFile:
    """Rows of (a part of) one file.

    Attributes
    ----------
    times : numpy.ndarray of int64, (2, rows), ns
        Receipt, and what the instrument said.
    values : numpy.ndarray of float64, (6, rows)
        `nmea_sentences.PLACES`.
    kinds : numpy.ndarray of uint8, (rows,)
        Which of `nmea_sentences.SENTENCES`.
    counts, firsts : numpy.ndarray of int64, (11,)
        Lines of each of `nmea_sentences.VERDICTS`, and the byte at which the first of them begins (-1: none).
    state : numpy.ndarray of int64, (6,)
        What reading on from `end` needs to know.
    end : int
        Bytes read.
    """

    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    end: int

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def nbytes(self) -> int:
        return self.times.nbytes + self.values.nbytes + self.kinds.nbytes

    def column(self, name: str) -> npt.NDArray[Any]:
        """A variable of the dataset, whole."""
        from workbench.readers.nmea_sentences import PLACES, SENTENCES

        if name == "sentence":
            return np.asarray(np.array(SENTENCES)[self.kinds])
        if name in PLACES:
            return np.asarray(self.values[PLACES.index(name)])
        return np.asarray(self.times[("time", "time_instrument").index(name)].view("datetime64[ns]"))


def parsed(path: str | PathLike[str], every: int = 0) -> NmeaFile:
    """All whole lines of a file, kept in memory; see `read`.

    Raises
    ------
    ReaderError
        When the file cannot be read.
    """

    def go_on(known: NmeaFile | None) -> NmeaFile:
        begin = known.end if known is not None else 0
        more = read(path, begin, lines.whole(path), every, known.state if known is not None else None)
        return more if known is None else joined(known, more)

    return _KEPT.get(path, every, go_on)


def read(
    path: str | PathLike[str], begin: int, stop: int, every: int = 0, state: npt.NDArray[np.int64] | None = None,
    *, block: int = lines.BLOCK,
) -> NmeaFile:  # fmt: skip
    """Parse the lines in ``path[begin:stop]``.

    Parameters
    ----------
    path : path-like
    begin, stop : int
        Bytes; a line begins at `begin`, and one ends at `stop`.
    every : int, ns
        Keep the first row of each kind of sentence in each interval of this length; 0 keeps all.
    state : numpy.ndarray of int64, (6,), optional
        `NmeaFile.state` of the lines before; without it `begin` is taken for the beginning of the log.
    block : int
        Bytes read at once.

    Raises
    ------
    ReaderError
        When the file cannot be read.
    """
    from workbench.readers.nmea_sentences import GARBAGE, PLACES, VERDICTS, parse

    state = (_STATE if state is None else state).copy()
    counts, firsts = np.zeros(len(VERDICTS), np.int64), np.full(len(VERDICTS), -1, np.int64)
    room = min(stop - begin, block) // _SHORTEST + 1
    times, kinds = np.empty((2, room), np.int64), np.empty(room, np.uint8)
    values = np.empty((len(PLACES), room), np.float64)
    parts: list[Rows] = [(times[:, :0], values[:, :0], kinds[:0])]
    for buffer, length, base in lines.blocks(path, begin, stop, block):
        if length == 0:  # no line of a log is that long
            counts[GARBAGE] += 1
            firsts[GARBAGE] = base if firsts[GARBAGE] < 0 else firsts[GARBAGE]
            continue
        rows = parse(buffer, length, times, values, kinds, counts, firsts, base, state)
        keep = _thin(times[0, :rows], kinds[:rows], every, state) if every else slice(rows)
        parts.append((times[:, :rows][:, keep].copy(), values[:, :rows][:, keep].copy(), kinds[:rows][keep].copy()))
    return NmeaFile(*_end_to_end(parts), counts, firsts, state, stop)


def read_on(path: str | PathLike[str], offset: int, every: int = 0) -> NmeaFile:
    """The whole lines of a file from byte `offset` on.

    What the lines before say about the instrument's date is remembered from the last call that ended at `offset`;
    without one they are read for it.

    Raises
    ------
    ReaderError
        When the file cannot be read, or is shorter than `offset`.
    """
    stop = lines.whole(path)
    if stop < offset:
        raise ReaderError(path, "is shorter than what was read of it", expected=offset, found=stop, hint=_AGAIN)
    key = (os.path.abspath(path), every)
    known = _TAILS.get(key)
    before = known[1] if known is not None and known[0] == offset else None
    if before is None and offset:
        before = read(path, 0, offset, every).state
    log = read(path, offset, stop, every, before)
    _remember(key, (stop, log.state))
    return log


def _remember(key: tuple[str, int], tail: tuple[int, npt.NDArray[np.int64]]) -> None:
    """Keep the tail of a file; an engine reads another one each hour for weeks, so the oldest are forgotten."""
    with _TURN:
        _TAILS.pop(key, None)
        _TAILS[key] = tail
        while len(_TAILS) > _MOST_TAILS:
            del _TAILS[next(iter(_TAILS))]


def check(path: str | PathLike[str], log: NmeaFile) -> None:
    """Refuse what is no log: of 64 lines at its beginning (or of what is there of the first) none begins with a time.

    A log may begin with damaged lines; a longer file is never refused less than a shorter one, nor the other way round.

    Raises
    ------
    ReaderError
    """
    from workbench.readers.nmea_sentences import BAD_TIME, GARBAGE

    timed = [first for i, first in enumerate(log.firsts.tolist()) if first >= 0 and i not in (GARBAGE, BAD_TIME)]
    try:
        with open(path, "rb") as file:
            head = file.read(min([*timed, 1 << 20]))
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if head.count(b"\n") >= _DOUBT or (log.end == 0 and head[:1] and not head[:1].isdigit()):
        found = repr(head[:24])[1:]
        packed = head[:2] == b"\x1f\x8b" or head[:4] == b"\x28\xb5\x2f\xfd"
        raise ReaderError(
            path,
            "no line begins with a time",
            offset=0,
            expected="2014-08-01T00:00:00Z $INGGA,...",
            found=found,
            hint="It is compressed: unpack it first" if packed else None,
        )


def ends(path: str | PathLike[str]) -> tuple[int, int]:
    """Times of the first and the last row, in ns; the smallest integer when there are no rows.

    Only as much of the two ends of the file is read as it takes to find a row.
    """
    stop = lines.whole(path)
    return _end(path, stop, last=False), _end(path, stop, last=True)


def _end(path: str | PathLike[str], stop: int, *, last: bool) -> int:
    size = 1 << 14
    while True:
        begin = max(0, stop - size) if last else 0
        upto = stop if last else lines.next_line(path, size, stop)
        found = read(path, lines.next_line(path, begin, stop) if begin else 0, upto)
        if len(found):
            return int(found.times[0, -1 if last else 0])
        if size >= stop:
            return int(_STATE[1])
        size *= 16


def _thin(
    times: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8], every: int, state: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which rows are the first of their kind in their interval; `state` knows the last intervals."""
    keep = np.zeros(len(times), dtype=np.bool_)
    intervals = times // every
    for kind in range(5):
        own = np.flatnonzero(kinds == kind)
        if len(own):
            here = intervals[own]
            keep[own] = np.diff(here, prepend=state[1 + kind]) != 0
            state[1 + kind] = here[-1]
    return keep


def _end_to_end(parts: Sequence[Rows]) -> Rows:
    """Rows after rows, not to be written to."""
    times, values, kinds = zip(*parts, strict=True)
    joined = np.concatenate(times, axis=1), np.concatenate(values, axis=1), np.concatenate(kinds)
    for array in joined:
        array.setflags(write=False)
    return joined


def joined(known: NmeaFile, more: NmeaFile) -> NmeaFile:
    """A file of which more was read."""
    rows = _end_to_end([(part.times, part.values, part.kinds) for part in (known, more)])
    firsts = np.where(known.firsts < 0, more.firsts, known.firsts)
    return NmeaFile(*rows, known.counts + more.counts, firsts, more.state, more.end)
