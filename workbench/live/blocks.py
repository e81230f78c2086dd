"""Particles in blocks of whole files, their columns kept in memory as far as they fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.live.file_table import FileTable
from workbench.live.particle_feed import Codes
from workbench.live.particle_files import Column, ParticleFiles

#: Particles of a block, at least (but the last one's): whole files.
LEAST = 1 << 20
#: Seconds between two looks at whether anybody still waits for a block that another thread reads.
PATIENCE = 0.01


class Stopped(Exception):
    """Nobody wants this any more."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some files' particles.

    Attributes
    ----------
    channels : tuple of str
        Rows of `values` and `codes`.
    values : numpy.ndarray of uint16 (log codes) or float64 (linear units), shape (channels, n)
        What gates are tested with.
    codes : numpy.ndarray of uint16, shape (channels, n)
        Where particles are drawn; the same array where `values` are codes.
    offsets : numpy.ndarray of int64, shape (files + 1,)
        First row of each file, and the last one's end.
    bad : mapping of str to numpy.ndarray of bool, shape (n,)
        Particles that have no place on the axis of that channel, where there are any.
    faults : mapping of int to str
        Files (0 is the block's first) that could not be read, and why; they have no rows.
    """

    channels: tuple[str, ...]
    values: npt.NDArray[Any]
    codes: Codes
    offsets: npt.NDArray[np.int64]
    bad: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        own = 0 if self.codes is self.values else self.codes.nbytes
        return self.values.nbytes + own + sum(mask.nbytes for mask in self.bad.values())

    def row(self, channel: str) -> Codes:
        """Log codes of one channel."""
        return np.asarray(self.codes[self.channels.index(channel)])


@dataclass(frozen=True)
class Place:
    """Which files make a block: rows of a FileTable. Equal places hold the same files."""

    first: int
    stop: int
    key: tuple[bytes, str]


class Blocks:
    """Blocks of the files of one source. Threads, and all who look at that source, may share it.

    Parameters
    ----------
    files : ParticleFiles
    kept : int
        Bytes of columns kept; `join` may ask for more.
    """

    def __init__(self, files: ParticleFiles, kept: int) -> None:
        self.files, self._kept = files, kept
        self._views: dict[int, frozenset[tuple[bytes, str]]] = {}  # of each who joined
        self._held: OrderedDict[tuple[bytes, str], Block] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._reading: dict[tuple[bytes, str], Lock] = {}

    def places(self, table: FileTable, among: str) -> list[Place]:
        """All files of a table in blocks, in their order; what is held of other files is let go."""
        total = np.concatenate([[0], np.cumsum(table.sizes)])
        found, first = list[Place](), 0
        while first < len(table):
            stop = int(np.searchsorted(total, total[first] + LEAST))
            stop = min(max(stop, first + 1), len(table))
            found.append(Place(first, stop, (table.serials[first:stop].tobytes(), among)))
            first = stop
        now = {place.key for place in found}
        with self._lock:
            for key in [key for key in self._held if key not in now and key[1] == among]:
                self._bytes -= self._held.pop(key).nbytes
            for key in [key for key in self._reading if key not in now and key[1] == among]:
                if not self._reading[key].locked():
                    del self._reading[key]
        return found

    def join(self, who: int, kept: int) -> None:
        """One more looks at this source."""
        with self._lock:
            self._views[who] = frozenset()
            self._kept = max(self._kept, kept)

    def leave(self, who: int) -> bool:
        """One looks no more; with the last one everything goes. True when it was the last."""
        with self._lock:
            self._views.pop(who, None)
            if self._views:
                return False
            self._held.clear()
            self._bytes = 0
            return True

    def prefer(self, who: int, places: Sequence[Place]) -> None:
        """Keep these, which somebody has in view, rather than others."""
        with self._lock:
            if who in self._views:
                self._views[who] = frozenset(place.key for place in places)

    def holds(self, place: Place, channels: Sequence[str]) -> bool:
        """True when `load` need not read."""
        held = self._held.get(place.key)
        return held is not None and set(channels) <= set(held.channels)

    @property
    def full(self) -> bool:
        """True when another block would not be kept."""
        with self._lock:
            largest = max((block.nbytes for block in self._held.values()), default=0)
            return self._bytes + largest > self._kept

    def load(self, table: FileTable, place: Place, channels: Sequence[str], unwanted: Callable[[], bool]) -> Block:
        """The block with these channels (or more).

        Raises
        ------
        Stopped
            When `unwanted`, asked between files, says so.
        """
        with self._lock:
            reading = self._reading.setdefault(place.key, Lock())
        while not reading.acquire(timeout=PATIENCE):
            if unwanted():
                raise Stopped
        try:
            with self._lock:
                held = self._held.get(place.key)
                if held is not None:
                    self._held.move_to_end(place.key)
            lacking = [name for name in channels if held is None or name not in held.channels]
            if held is not None and not lacking:
                return held
            block = self._read(table, place, lacking, unwanted)
            if held is not None and held.offsets.tolist() == block.offsets.tolist():
                block = _beside(held, block)
            elif held is not None:  # one of its files was read then and not now, or the other way round
                block = self._read(table, place, list(dict.fromkeys([*held.channels, *lacking])), unwanted)
            self._keep(place, block)
            return block
        finally:
            reading.release()

    def _keep(self, place: Place, block: Block) -> None:
        if block.faults:
            return  # tried again the next time
        with self._lock:
            if not self._views:
                return
            viewed = frozenset[tuple[bytes, str]]().union(*self._views.values())
            old = self._held.pop(place.key, None)
            self._bytes -= old.nbytes if old else 0
            if place.key in viewed:
                for key in [key for key in self._held if key not in viewed]:
                    if self._bytes + block.nbytes <= self._kept:
                        break
                    self._bytes -= self._held.pop(key).nbytes
            if self._bytes + block.nbytes <= self._kept:
                self._held[place.key] = block
                self._bytes += block.nbytes

    def _read(self, table: FileTable, place: Place, channels: Sequence[str], unwanted: Callable[[], bool]) -> Block:
        parts: list[list[Column]] = [[] for _ in channels]
        sizes, faults = list[int](), dict[int, str]()
        if unwanted():
            raise Stopped
        for found in self.files.read(table, range(place.first, place.stop), channels, place.key[1]):
            if unwanted():
                raise Stopped
            if isinstance(found, str):
                faults[len(sizes)] = found
                sizes.append(0)
                continue
            columns, count = found
            columns = columns if count is None else [column.part(count) for column in columns]
            sizes.append(len(columns[0].values) if columns else int(table.sizes[place.first + len(sizes)]))
            for part, column in zip(parts, columns, strict=True):
                part.append(column)
        offsets = np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))])
        return _joined(tuple(channels), parts, offsets, faults)


def _joined(
    channels: tuple[str, ...], parts: list[list[Column]], offsets: npt.NDArray[np.int64], faults: dict[int, str]
) -> Block:
    coded = all(column.values.dtype == np.uint16 for part in parts for column in part)
    shape = (len(channels), int(offsets[-1]))
    codes = np.empty(shape, np.uint16)
    values = codes if coded else np.empty(shape, np.float64)
    bad = dict[str, npt.NDArray[np.bool_]]()
    for at, (name, part) in enumerate(zip(channels, parts, strict=True)):
        if part:
            np.concatenate([column.codes for column in part], out=codes[at])
        if part and not coded:
            whole = [to_linear(c.values) if c.values.dtype == np.uint16 else c.values for c in part]
            np.concatenate(whole, out=values[at])
        if any(column.bad is not None for column in part):
            bad[name] = np.concatenate([np.zeros(len(c.codes), np.bool_) if c.bad is None else c.bad for c in part])
    return Block(channels, values, codes, offsets, bad, faults)


def _beside(a: Block, b: Block) -> Block:
    """The same particles with the channels of both."""
    codes = np.concatenate([a.codes, b.codes])
    if a.values is a.codes and b.values is b.codes:
        values: npt.NDArray[Any] = codes
    else:
        values = np.concatenate([to_linear(x.values) if x.values.dtype == np.uint16 else x.values for x in (a, b)])
    return Block((*a.channels, *b.channels), values, codes, a.offsets, {**a.bad, **b.bad}, {**a.faults, **b.faults})
