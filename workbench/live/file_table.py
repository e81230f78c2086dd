"""The files of a particle source: when, how many particles, where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.room import Room
from workbench.core.texts import Texts
from workbench.core.window import ALWAYS, Window

_NUMBERS = ("times", "sizes", "versions", "serials")


def _none() -> npt.NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class FileTable:
    """The files of a particle source in order of time; never changes, a newer one takes its place.

    Attributes
    ----------
    times : numpy.ndarray of int64
        ns since 1970 (UTC); the smallest int64 (NaT) stands first where a name tells no time.
    sizes : numpy.ndarray of int64
        Particles in each file.
    versions : numpy.ndarray of int64
        How often the file was rewritten since the feed saw it first.
    serials : numpy.ndarray of int64
        Another number for every file and version, in this process.
    names, paths : Texts
        ``file_id`` and where the file is.
    """

    times: npt.NDArray[np.int64] = field(default_factory=_none)
    sizes: npt.NDArray[np.int64] = field(default_factory=_none)
    versions: npt.NDArray[np.int64] = field(default_factory=_none)
    serials: npt.NDArray[np.int64] = field(default_factory=_none)
    names: Texts = field(default_factory=Texts)
    paths: Texts = field(default_factory=Texts)
    _rooms: tuple[Room, ...] = field(default_factory=lambda: tuple(Room() for _ in _NUMBERS), repr=False)

    def __len__(self) -> int:
        return len(self.times)

    def within(self, window: Window) -> slice:
        """The files whose time lies in `window`."""
        if window == ALWAYS:
            return slice(0, len(self))
        bounds = np.array([*window]).astype("datetime64[ns]").astype(np.int64)
        first, last = (int(i) for i in np.searchsorted(self.times, bounds))
        return slice(first, max(first, last))

    def digest(self, part: slice) -> str:
        """A short text that is equal only for equal files."""
        state = blake2b(digest_size=9)
        for values in (self.times, self.sizes, self.versions):
            state.update(np.ascontiguousarray(values[part]).tobytes())
        return state.hexdigest()

    def without(self, paths: Collection[str]) -> FileTable:
        """The same without the files at these paths."""
        gone = self.paths.among(paths)
        return self._chosen(~gone) if gone.any() else self

    def with_files(self, more: FileTable) -> FileTable:
        """With the files of `more`; those at the same paths give way. Later files are added without a copy of the others."""
        old = self.without(more.paths)
        times, sizes, versions, serials = (
            room.after(getattr(old, name), getattr(more, name))
            for room, name in zip(self._rooms, _NUMBERS, strict=True)
        )
        names, paths = old.names.with_texts(more.names), old.paths.with_texts(more.paths)
        both = FileTable(times, sizes, versions, serials, names, paths, self._rooms)
        end = times[max(len(old) - 1, 0) :]
        return both._chosen(np.argsort(times, kind="stable")) if (end[1:] < end[:-1]).any() else both

    def _chosen(self, index: npt.NDArray[Any]) -> FileTable:
        return FileTable(
            self.times[index], self.sizes[index], self.versions[index], self.serials[index],
            self.names.take(index), self.paths.take(index),
        )  # fmt: skip
