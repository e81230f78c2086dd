"""Writing the files of a picture index (see `picture_index`): they grow, and count when that is said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.raster.memory_store import Column, Places, between
from workbench.raster.time_index import Contents
from workbench.record.picture_index import CONTENTS, COUNTS, Extent, quoted, written


class FolderWriter:
    """Adds to the files of one generation; a store to build in. Used by who holds `IndexFolder.writing`.

    Parameters
    ----------
    folder : Path
    extent : Extent
        As far as they count now; what lies behind is written over.
    """

    def __init__(self, folder: Path, extent: Extent) -> None:
        self._folder, self.extent = folder, extent
        self._files: dict[str, int] = {}

    def column(self, name: str, start: int, stop: int) -> Any:
        """Codes (or labels) of the particles `start` to `stop`."""
        kind = np.dtype(self.extent.columns[name])
        return self._read(name, start * kind.itemsize, stop * kind.itemsize).view(kind)

    def missing(self, name: str, start: int, stop: int) -> Places:
        """Which of these particles have no code in this channel."""
        size = 8 * self.extent.missing.get(name, 0)
        return between(self._read(f"{name}.missing", 0, size).view(np.int64), start, stop)

    def tile(self, offset: int, length: int) -> Any:
        """Bytes put there before."""
        return self._read(COUNTS, offset, offset + length)

    def extend(self, columns: Mapping[str, Column], missing: Mapping[str, Places]) -> int:
        """Add particles at the end of all columns; the place of the first."""
        old = self.extent
        kinds = {name: values.dtype.str for name, values in columns.items()}
        if old.particles and kinds != dict(old.columns):
            raise WorkbenchError(f"{self._folder}: columns {sorted(kinds)} do not fit {sorted(old.columns)}")
        gaps = dict(old.missing)
        for name, values in columns.items():
            self._write(name, old.particles * values.itemsize, np.ascontiguousarray(values))
        for name, places in missing.items():
            if len(places):
                self._write(f"{name}.missing", 8 * gaps.get(name, 0), places + old.particles)
                gaps[name] = gaps.get(name, 0) + len(places)
        size = len(next(iter(columns.values())))
        self.extent = Extent(old.generation, old.particles + size, old.counts, kinds, gaps)
        return old.particles

    def put(self, data: bytes) -> int:
        """Keep bytes; their offset."""
        old = self.extent
        self._write(COUNTS, old.counts, data)
        self.extent = Extent(old.generation, old.particles, old.counts + len(data), old.columns, old.missing)
        return old.counts

    def commit(self, contents: Contents) -> None:
        """Let all of it count, for everybody, at once."""
        with ThreadPoolExecutor(4) as pool:  # waits for the disk, together
            list(pool.map(os.fdatasync, self._files.values()))
        temp = self._folder / f".{CONTENTS}"
        with open(temp, "wb") as file:
            file.write(written(contents, self.extent))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, self._folder / CONTENTS)
        self._sweep()

    def _sweep(self) -> None:
        """Remove the files of other generations, once nothing points to them whatever happens."""
        numbers = {path: path.name.split(".", 1)[0] for path in self._folder.iterdir()}
        old = [path for path, n in numbers.items() if n.isdigit() and int(n) != self.extent.generation]
        if not old:
            return
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        for path in old:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files; what was not committed does not count."""
        for handle in self._files.values():
            os.close(handle)
        self._files.clear()

    def _handle(self, name: str) -> int:
        if name not in self._files:
            path = self._folder / f"{self.extent.generation}.{quoted(name)}"
            self._files[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._files[name]

    def _read(self, name: str, start: int, stop: int) -> Any:
        out = np.empty(stop - start, np.uint8)
        view, at = out.data, 0
        while at < len(out):
            got = os.preadv(self._handle(name), [view[at:]], start + at)
            if not got:
                raise WorkbenchError(
                    f"{self._folder}: {name} ends early; build the index anew: workbench index --again"
                )
            at += got
        return out

    def _write(self, name: str, offset: int, data: Any) -> None:
        if not len(data):
            return
        view, at = memoryview(data).cast("B"), 0
        while at < len(view):
            at += os.pwrite(self._handle(name), view[at:], offset + at)
