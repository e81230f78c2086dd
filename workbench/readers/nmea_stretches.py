"""NMEA logs some rows at a time, in the order in which all of them stand: by time, the lines of each log as they came.

Logs are gone through once, piece by piece, for what each piece says about the next ones and between which times it lies.
Where logs overlap in time, those pieces of theirs are merged that hold the times of a stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workbench.readers import lines, nmea_file
from workbench.readers.nmea_file import NmeaFile

#: Bytes of a piece at least, however many logs overlap.
LEAST = 1 << 18
_MIN = np.iinfo(np.int64).min
#: Rows of a piece, where each of those that are wanted stands in the order, and which they are.
Part = tuple[NmeaFile, npt.NDArray[np.int64], slice]


@dataclass(frozen=True)
class Piece:
    """Some lines of a log.

    Attributes
    ----------
    path : str
    begin, stop : int
        Bytes.
    state : numpy.ndarray of int64, (6,)
        `NmeaFile.state` before the first of them.
    least : int, ns
        The latest time before them, which the order of their rows begins from.
    low, high : int, ns
        Where its first and its last row stand in the order.
    rows : int
    """

    path: str
    begin: int
    stop: int
    state: npt.NDArray[np.int64] | None
    least: int
    low: int
    high: int
    rows: int

    def read(self, step: int) -> tuple[NmeaFile, npt.NDArray[np.int64]]:
        """Its rows, and where each stands in the order."""
        found = nmea_file.read(self.path, self.begin, self.stop, step, self.state)
        return found, _keys(found, self.least)


def _keys(rows: NmeaFile, least: int) -> npt.NDArray[np.int64]:
    return np.maximum(np.maximum.accumulate(rows.times[0]), least)


@dataclass(frozen=True)
class Looked:
    """A log that was gone through.

    Attributes
    ----------
    path : str
    first : int, ns
        Time of its first row; the smallest integer when it has none.
    pieces : list of Piece
        Those with rows.
    tally : NmeaFile
        It without its rows: what became of its lines.
    """

    path: str
    first: int
    pieces: list[Piece]
    tally: NmeaFile


def look(path: str, step: int, size: int) -> Looked:
    """Go through a log.

    Parameters
    ----------
    path : str
    step : int, ns
        As `nmea_file.read` takes it.
    size : int
        Bytes of a piece.

    Raises
    ------
    ReaderError
        When it cannot be read, or is no log.
    """
    first = least = _MIN
    state: npt.NDArray[np.int64] | None = None
    pieces: list[Piece] = []
    tally: NmeaFile | None = None
    for ((_, begin, stop),) in lines.stretches([(path, 0, lines.whole(path))], size) or [[(path, 0, 0)]]:
        rows = nmea_file.read(path, begin, stop, step, state)
        if len(rows):
            keys = _keys(rows, least)
            first = first if pieces else int(rows.times[0, 0])
            pieces.append(Piece(path, begin, stop, state, least, int(keys[0]), int(keys[-1]), len(rows)))
            least = int(keys[-1])
        state = rows.state
        bare = replace(rows, times=rows.times[:, :0], values=rows.values[:, :0], kinds=rows.kinds[:0])
        tally = bare if tally is None else nmea_file.joined(tally, bare)
    assert tally is not None
    nmea_file.check(path, tally)
    return Looked(path, first, pieces, tally)


def side_by_side(paths: Sequence[str]) -> int:
    """How many logs overlap at most, by the times of their first and last rows; at least 1."""
    spans = [sorted(nmea_file.ends(path)) for path in paths]
    turns = sorted([(low, 1) for low, _ in spans] + [(high, 2) for _, high in spans])
    steps = np.array([3 - 2 * kind for _, kind in turns], np.int64)  # opened before others end
    return max(1, int(np.cumsum(steps).max(initial=1)))


def edges(pieces: Sequence[Sequence[Piece]], rows: int) -> list[int]:
    """Times between which about so many rows lie: the last one of each stretch."""
    out: list[int] = []
    held = 0
    for piece in sorted((piece for each in pieces for piece in each), key=lambda piece: piece.high):
        held += piece.rows
        if held >= rows and (not out or piece.high > out[-1]):
            out.append(piece.high)
            held = 0
    last = max((piece.high for each in pieces for piece in each), default=_MIN)
    return out if out and out[-1] == last else [*out, last]


class Merge:
    """The pieces of logs, merged stretch by stretch; those at hand are kept while the next stretch needs them, too."""

    def __init__(self, pieces: Sequence[Sequence[Piece]], step: int) -> None:
        self._pieces, self._step = pieces, step
        self._held: dict[tuple[str, int], tuple[NmeaFile, npt.NDArray[np.int64]]] = {}

    def rows(self, after: int, last: int) -> list[Part]:
        """Of each piece with rows later than `after`, up to `last`: it, the keys of its rows, and which of them."""
        out, held = [], {}
        for piece in (piece for each in self._pieces for piece in each):
            if piece.low > last or piece.high <= after:
                continue
            key = (piece.path, piece.begin)
            rows, keys = self._held[key] if key in self._held else piece.read(self._step)
            if piece.high > last:
                held[key] = rows, keys
            begin, stop = np.searchsorted(keys, [after, last], side="right").tolist()
            out.append((rows, keys[begin:stop], slice(begin, stop)))
        self._held = held
        return out
