"""The picture index on disk: ``particles/index/SOURCE/`` of a cruise folder.

    contents.npz          which files, where their particles and checkpoints are; replaced as a whole
    1.fsc_small           uint16 codes of all particles, in the order they came; 1.pop_q50: uint8 populations
    1.fsc_small.missing   int64 places of particles without a code in that channel
    1.counts              packed tiles

The other files only grow, and ``contents.npz`` says how far they count: what a killed writer left behind it is written
over. So a reader sees one state or the next, whoever is killed when, and goes on with the one it has. One process
writes at a time. The first number is the generation: building anew begins another, and the old files are removed.
All of it can be made again from the particles themselves.
"""

from __future__ import annotations

import fcntl
import io
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from workbench.raster.memory_store import Places, between
from workbench.raster.tiles import Layer
from workbench.raster.time_index import Checkpoint, Contents

VERSION = 1
CONTENTS, LOCK, COUNTS = "contents.npz", "lock", "counts"
_ARRAYS = ("ids", "times", "starts", "sizes")


@dataclass(frozen=True)
class Extent:
    """How far the files of one generation count.

    Attributes
    ----------
    generation : int
    particles : int
        In each column, those that no file has any more included.
    counts : int
        Bytes of packed tiles.
    columns : dict of str to str
        dtype of each column.
    missing : dict of str to int
        Particles without a code, by channel.
    """

    generation: int = 0
    particles: int = 0
    counts: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)


class FolderStore:
    """The files of one generation, as far as they counted when it was opened.

    Raises
    ------
    OSError, ValueError
        When a file is gone or shorter: the index was built anew, or is no index.
    """

    def __init__(self, folder: Path, extent: Extent) -> None:
        self.extent = extent
        at = folder / f"{extent.generation}."
        self._columns = {
            name: _mapped(at, name, extent.particles * np.dtype(kind).itemsize).view(kind)
            for name, kind in extent.columns.items()
        }
        self._missing = {
            name: _mapped(at, f"{name}.missing", 8 * count).view(np.int64) for name, count in extent.missing.items()
        }
        self._counts = _mapped(at, COUNTS, extent.counts)

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns."""
        return frozenset(self._columns)

    def column(self, name: str, start: int, stop: int) -> Any:
        """Codes (or labels) of the particles `start` to `stop`."""
        return self._columns[name][start:stop]

    def missing(self, name: str, start: int, stop: int) -> Places:
        """Which of these particles have no code in this channel."""
        found = self._missing.get(name)
        return np.empty(0, np.int64) if found is None else between(found, start, stop)

    def tile(self, offset: int, length: int) -> Any:
        """Bytes put there before."""
        return self._counts[offset : offset + length]


def _mapped(at: Path, name: str, size: int) -> npt.NDArray[np.uint8]:
    """The first `size` bytes of a file; its end may be written to meanwhile."""
    if not size:
        return np.empty(0, np.uint8)
    with open(f"{at}{quoted(name)}", "rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found < size:
            raise ValueError(f"{file.name} has {found} bytes, {size} were written")
        return np.frombuffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), np.uint8)


def quoted(name: str) -> str:
    return quote(name, safe="")


@dataclass(frozen=True, eq=False)
class Opened:
    """An index as it was at one moment."""

    contents: Contents
    store: FolderStore


class IndexFolder:
    """The picture index of one source.

    Parameters
    ----------
    folder : path-like
        It need not exist.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._seen: tuple[int, int, int] | None = None
        self._opened: Opened | None = None

    def read(self) -> Opened | None:
        """The index as it is now; None when there is none, or of another version. Reads only what changed."""
        for _ in range(3):  # it may be built anew between two looks
            try:
                stat = os.stat(self.folder / CONTENTS)
            except OSError:
                self._seen = self._opened = None
                return None
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if seen == self._seen:
                return self._opened
            try:
                contents, extent = parse((self.folder / CONTENTS).read_bytes())
                self._opened, self._seen = Opened(contents, FolderStore(self.folder, extent)), seen
                return self._opened
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError):
                break
        self._seen, self._opened = None, None
        return None

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Held by the one who writes; False, at once, while somebody else does or when nothing can be written."""
        handle = -1
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if handle >= 0:
                os.close(handle)
            yield False
            return
        try:
            yield True
        finally:
            os.close(handle)

    @property
    def nbytes(self) -> int:
        """Bytes it takes on disk."""
        found = 0
        with suppress(OSError):
            for entry in os.scandir(self.folder):
                with suppress(OSError):  # a file under way has got its name, or gone
                    found += entry.stat().st_size
        return found


def parse(data: bytes) -> tuple[Contents, Extent]:
    """What ``contents.npz`` says.

    Raises
    ------
    ValueError, KeyError, TypeError
        When it is no such file, or of another version.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            about = json.loads(found["about"].tobytes())
            arrays = {name: found[name] for name in _ARRAYS}
    except Exception as error:  # a file that is no zip, is cut, or holds something else
        raise ValueError(f"this is no index: {error}") from error
    if about["version"] != VERSION:
        raise ValueError(f"an index of version {about['version']}; this workbench knows {VERSION}")
    layers = [Layer(**layer) for layer in about["layers"]]
    points = {
        layer: tuple(Checkpoint(*point) for point in listed)
        for layer, listed in zip(layers, about["checkpoints"], strict=True)
    }
    contents = Contents(tuple(layers), **arrays, names=tuple(about["names"]), checkpoints=points)
    return contents, Extent(**about["extent"])


def written(contents: Contents, extent: Extent) -> bytes:
    """The bytes of ``contents.npz``."""
    about = {
        "version": VERSION,
        "layers": [vars(layer) for layer in contents.layers],
        "checkpoints": [[_plain(p) for p in contents.checkpoints.get(layer, ())] for layer in contents.layers],
        "names": contents.names,
        "extent": {**vars(extent), "columns": dict(extent.columns), "missing": dict(extent.missing)},
    }  # fmt: skip
    out = io.BytesIO()
    arrays = {name: getattr(contents, name) for name in _ARRAYS}
    np.savez(out, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
    return out.getvalue()


def _plain(point: Checkpoint) -> tuple[int, int, int]:
    return point.files, point.offset, point.planes
