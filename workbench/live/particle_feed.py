"""The files of a particle source: when, how many particles, where. The particles themselves stay on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import SIZE
from workbench.core.window import ALWAYS, Window
from workbench.live.feed import Feed
from workbench.live.texts import Texts

if TYPE_CHECKING:
    from workbench.catalog.source import Source

Codes = npt.NDArray[np.uint16]

#: Bytes of decoded columns kept, over all files: the newest ones, which several pictures count at about the same time.
KEPT = 8 << 20
_NAT = np.iinfo(np.int64).min
_PACKED = (".gz", ".zst", ".bz2", ".parquet")


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
        """With the files of `more`; those at the same paths give way."""
        old = self.without(more.paths)
        both = FileTable(
            np.concatenate([old.times, more.times]),
            np.concatenate([old.sizes, more.sizes]),
            np.concatenate([old.versions, more.versions]),
            np.concatenate([old.serials, more.serials]),
            old.names.with_texts(more.names),
            old.paths.with_texts(more.paths),
        )
        return both._chosen(np.argsort(both.times, kind="stable"))

    def _chosen(self, index: npt.NDArray[Any]) -> FileTable:
        return FileTable(
            self.times[index], self.sizes[index], self.versions[index], self.serials[index],
            self.names.take(index), self.paths.take(index),
        )  # fmt: skip


class ParticleFeed(Feed):
    """The files of one particle source.

    Attributes
    ----------
    table : FileTable
        The newest one; take it once and use it as long as you like.
    """

    def __init__(self, source: Source, kept: int = KEPT) -> None:
        super().__init__(source)
        self.table = FileTable()
        self._channels: tuple[str, ...] = ()
        self._columns = Columns(source, kept)
        self._rewritten: dict[str, int] = {}
        self._serial = 0

    @property
    def rows(self) -> int:
        return int(self.table.sizes.sum())

    @property
    def span(self) -> Window | None:
        times = self.table.times
        times = times[np.searchsorted(times, _NAT, side="right") :]
        if not len(times):
            return None
        return Window(np.datetime64(int(times[0]), "ns"), np.datetime64(int(times[-1]) + 1, "ns"))

    @property
    def step(self) -> np.timedelta64 | None:
        last = np.unique(self.table.times[-100:])
        last = last[last != _NAT]
        return np.timedelta64(int(np.median(np.diff(last))), "ns") if len(last) > 2 else None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the particles' channels: those of the newest files, else what the reader provides."""
        if self._channels:
            return self._channels
        return tuple(name for name, spec in self.source.variables().items() if spec.dims == ("particle",))

    def codes(self, path: str, serial: int, x: str, y: str, *, keep: bool = True) -> tuple[Codes, Codes]:
        """Two channels of one file as log codes.

        Parameters
        ----------
        path : str
        serial : int
            The file's, in `table`.
        x, y : str
            Channels. Log values that are no whole codes are rounded down; those that are no number, or no code, are
            left out together with the particle's other channel.
        keep : bool
            Keep the columns for the next picture (the newest `KEPT` bytes stay).

        Returns
        -------
        tuple of numpy.ndarray of uint16, shape (n,)

        Raises
        ------
        ReaderError
            When the file cannot be read, or has no such channel.
        """
        a, b = self._columns.read(path, serial, (x, y), keep)
        if a.dtype == np.uint16 and b.dtype == np.uint16:
            return a, b
        good = np.isfinite(a) & np.isfinite(b) & (a >= 0) & (b >= 0) & (a < SIZE) & (b < SIZE)
        return a[good].astype(np.uint16), b[good].astype(np.uint16)

    def _dataset(self) -> xr.Dataset:
        table = self.table
        data = {"file_id": ("file", np.array(table.names[:], dtype=object)), "row_size": ("file", table.sizes)}
        return xr.Dataset(data, coords={"time": ("file", table.times.view("M8[ns]"))})

    def _restart(self, new: xr.Dataset) -> None:
        self._columns.clear()
        self._rewritten.clear()
        self.table = FileTable().with_files(self._files(new))

    def _take(self, new: xr.Dataset) -> bool:
        gone = set(str(new.attrs.get("replaces") or "").splitlines())
        for path in gone:
            self._rewritten[path] = self._rewritten.get(path, 0) + 1
        files = self._files(new)
        self.table = self.table.without(gone).with_files(files)
        well = set(files.paths)
        self.refused = tuple(line for line in self.refused if line.split(": ", 1)[0] not in well)
        return True

    def _files(self, new: xr.Dataset) -> FileTable:
        """The files of a dataset as a table."""
        if not new.sizes.get("file"):
            return FileTable()
        self._channels = tuple(str(name) for name, array in new.data_vars.items() if array.dims == ("particle",))
        times = new["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        names = [str(name) for name in new["file_id"].to_numpy()]
        paths = _located(names, self.source.files(_around(times)))
        versions = np.array([self._rewritten.get(path, 0) for path in paths], np.int64)
        serials = np.arange(self._serial, self._serial + len(paths))
        self._serial += len(paths)
        sizes = new["row_size"].to_numpy().astype(np.int64)
        return FileTable(times, sizes, versions, serials, Texts(names), Texts(paths))


class Columns:
    """Decoded columns of the files read last, up to `limit` bytes.

    Parameters
    ----------
    source : Source
    limit : int
    """

    def __init__(self, source: Source, limit: int) -> None:
        self._source, self._limit = source, limit
        self._held: OrderedDict[tuple[int, str], npt.NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def read(self, path: str, serial: int, names: Sequence[str], keep: bool) -> list[npt.NDArray[Any]]:
        """The named columns of one file; another serial means another content."""
        with self._lock:
            found = {name: self._held.get((serial, name)) for name in names}
            for name, values in found.items():
                if values is not None:
                    self._held.move_to_end((serial, name))
        lacking = [name for name, values in found.items() if values is None]
        new = self._source.columns(path, lacking) if lacking else {}
        if keep:
            for name in lacking:
                self._hold((serial, name), new[name])
        return [values if (values := found[name]) is not None else new[name] for name in names]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _hold(self, key: tuple[int, str], values: npt.NDArray[Any]) -> None:
        with self._lock:
            if key in self._held or values.nbytes > self._limit:
                return
            values = values if values.base is None else values.copy()  # a view would keep the whole file
            self._held[key] = values
            self._bytes += values.nbytes
            while self._bytes > self._limit:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


def _around(times: npt.NDArray[np.int64]) -> Window:
    if times.min() == _NAT:
        return ALWAYS
    return Window(np.datetime64(int(times.min()), "ns"), np.datetime64(int(times.max()) + 1, "ns"))


def _located(names: Sequence[str], files: Iterable[Path]) -> list[str]:
    """Where each file is. A ``file_id`` ends with the file's name, as far as it is not about how it is packed."""
    long: dict[str, str] = {}
    short: dict[str, str] = {}
    for path in files:
        plain = path.name
        while plain.endswith(_PACKED):
            plain = plain.rsplit(".", 1)[0]
        long.setdefault(f"{path.parent.name}/{plain}", str(path))
        short.setdefault(plain, str(path))
    found = [long.get(name) or short.get(name.rsplit("/", 1)[-1]) for name in names]
    return [path if path is not None else f"(gone) {name}" for path, name in zip(found, names, strict=True)]
