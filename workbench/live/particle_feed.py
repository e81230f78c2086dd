"""What follows a particle source: its table of files grows. The particles themselves stay on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import SIZE
from workbench.core.errors import ReaderError
from workbench.core.texts import Texts
from workbench.core.window import ALWAYS, Window
from workbench.live.columns import Columns
from workbench.live.feed import Feed
from workbench.live.file_table import FileTable
from workbench.live.hours import Run, hourly, runs
from workbench.live.indexed import Indexed
from workbench.live.labels import Labels
from workbench.live.numbered import Numbered

if TYPE_CHECKING:
    from workbench.catalog.source import Source

Codes = npt.NDArray[np.uint16]

#: Bytes of decoded columns kept, over all files: the newest ones, which several pictures count at about the same time.
KEPT = 8 << 20
#: Files in hours that were written anew whose places are still known: who took a table before reads on.
STALE = 1024
_NAT = np.iinfo(np.int64).min
_PACKED = (".gz", ".zst", ".bz2", ".parquet")


class ParticleFeed(Feed):
    """The files of one particle source.

    Attributes
    ----------
    table : FileTable
        The newest one; take it once and use it as long as you like.
    labels : Labels
        Numbers of the populations, where its particles have one.
    index : Indexed or None
        Its particles counted beforehand, in the cruise folder.
    """

    def __init__(self, source: Source, kept: int = KEPT) -> None:
        super().__init__(source)
        self.table = FileTable()
        self.labels = Labels()
        self.index: Indexed | None = None
        self._channels: tuple[str, ...] = ()
        self._groups: tuple[str, ...] = ()
        self._runs = Numbered(4)  # key, first row, row after the last, total: of files in an hourly file
        self._columns = Columns(source, kept, self.labels)
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
        specs = self.specs.items()
        return tuple(name for name, spec in specs if spec.dims == ("particle",) and spec.dtype not in ("str", "bool"))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the columns that say which population a particle is of; as for `channels`."""
        if self._channels:
            return self._groups
        specs = self.specs.items()
        return tuple(name for name, spec in specs if spec.dims == ("particle",) and spec.dtype == "str")

    @property
    def linear(self) -> frozenset[str]:
        """Channels that hold linear values (and become codes when they are read by `codes`)."""
        return self._columns.linear

    def place(self, serial: int) -> Run | None:
        """Where a file's particles stand in its hourly file; None where they are a file of their own."""
        there, found = self._runs.find([serial])
        if not there[0]:
            return None
        key, start, stop, total = found[0].tolist()
        return Run(key, slice(start, stop), total)

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
        a, b = self._read(path, serial, (x, y), keep)
        good = _good(a, b)
        return (a, b) if good is None else (a[good].astype(np.uint16), b[good].astype(np.uint16))

    def labelled(
        self, path: str, serial: int, x: str, y: str, by: str, *, keep: bool = True
    ) -> tuple[Codes, Codes, npt.NDArray[np.uint8]]:
        """The same with the number of each particle's population (in `labels`) in the column `by`."""
        a, b, names = self._read(path, serial, (x, y, by), keep)
        good = _good(a, b)
        return (a, b, names) if good is None else (a[good].astype(np.uint16), b[good].astype(np.uint16), names[good])

    def columns(self, path: str, serial: int, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Channels of one file as codes (log values, where some have no code), columns of populations as numbers."""
        return dict(zip(names, self._read(path, serial, names, False), strict=True))

    def _read(self, path: str, serial: int, names: Sequence[str], keep: bool) -> list[npt.NDArray[Any]]:
        run = self.place(serial)
        if run is None:
            return self._columns.read(path, serial, names, keep)
        columns = self._columns.read(path, run.key, names, True)  # of an hour, the next file is asked for next
        if any(len(values) != run.total for values in columns):
            raise ReaderError(path, "has changed", expected=f"{run.total} particles", found=len(columns[0]))
        return [values[run.rows] for values in columns]

    def _dataset(self) -> xr.Dataset:
        table = self.table
        data = {"file_id": ("file", np.array(table.names[:], dtype=object)), "row_size": ("file", table.sizes)}
        return xr.Dataset(data, coords={"time": ("file", table.times.view("M8[ns]"))})

    def _restart(self, new: xr.Dataset) -> None:
        self._columns.clear()
        self._rewritten.clear()
        before, files = self.table, self._files(new)
        self._runs.forget_others(np.concatenate([before.serials, files.serials]))  # somebody may read the old table
        self.table = FileTable().with_files(files)

    def _take(self, new: xr.Dataset) -> bool:
        gone = set(str(new.attrs.get("replaces") or "").splitlines())
        for path in gone:
            self._rewritten[path] = self._rewritten.get(path, 0) + 1
        files = self._files(new)
        self.table = self.table.without(gone).with_files(files)
        if (
            len(self._runs) > len(self.table) + 2 * STALE
        ):  # of an hour that was written anew: somebody may still read it
            self._runs.forget_others(self.table.serials, STALE)
        well = set(files.paths)
        self.refused = tuple(line for line in self.refused if line.split(": ", 1)[0] not in well)
        return True

    def _files(self, new: xr.Dataset) -> FileTable:
        """The files of a dataset as a table."""
        if not new.sizes.get("file"):
            return FileTable()
        self._channels, self._groups, self._columns.linear = _channels(new)
        times = new["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        names = [str(name) for name in new["file_id"].to_numpy()]
        sizes = new["row_size"].to_numpy().astype(np.int64)
        serials = np.arange(self._serial, self._serial + len(names))
        self._serial += len(names)
        files = list(self.source.files(_around(times)))
        hours = hourly(files)
        placed = runs(times, sizes, serials, hours) if hours else {}
        rows = [(run.key, run.rows.start, run.rows.stop, run.total) for _, run in placed.values()]
        self._runs.add([*placed], rows)
        paths = _located(names, files)
        paths = [placed[n][0] if n in placed else path for n, path in zip(serials.tolist(), paths, strict=True)]
        versions = np.array([self._rewritten.get(path, 0) for path in paths], np.int64)
        return FileTable(times, sizes, versions, serials, Texts(names), Texts(paths))


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


def _channels(new: xr.Dataset) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """The channels of a dataset, its columns of text, and the channels that hold linear values.

    Beside linear channels, other numbers (diameters, carbon) are no channels.
    """
    along = {str(name): array for name, array in new.data_vars.items() if array.dims == ("particle",)}
    linear = frozenset(name for name, array in along.items() if array.attrs.get("scale") == "linear")
    numbers = tuple(name for name, array in along.items() if array.dtype.kind in "uif")
    texts = tuple(name for name, array in along.items() if array.dtype.kind in "OUT")
    return (tuple(name for name in numbers if name in linear) if linear else numbers), texts, linear


def _good(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """Where both are log codes; None where all are."""
    if a.dtype == b.dtype == np.uint16:
        return None
    return np.asarray(np.isfinite(a) & np.isfinite(b) & (a >= 0) & (b >= 0) & (a < SIZE) & (b < SIZE))
