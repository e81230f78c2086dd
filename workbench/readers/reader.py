"""What every reader of the workbench is: an xarray engine with declared variables and a test for whole rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendEntrypoint

from workbench.core import accessor as accessor  # ds.cruise, whoever opens something
from workbench.core.errors import ReaderError, suggest
from workbench.core.variables import VariableSpec
from workbench.core.window import MAX, MIN, Window
from workbench.readers import paths as locate
from workbench.readers.paths import Paths

__all__ = ["Paths", "Reader", "columns_of", "window_of", "without"]


class Reader(BackendEntrypoint):
    """Turns bytes into a dataset.

    A subclass names explicit keyword options (never ``**kwargs``); a misspelt one is then a TypeError by itself.
    Many files open as one dataset, lazily; broken siblings are listed in ``attrs["refused"]`` (``path: reason``
    lines), and raise ReaderError when opened alone.
    """

    #: The variables this reader can produce, with dims, dtype and unit.
    provides: ClassVar[tuple[VariableSpec, ...]] = ()
    #: Globs of file names this reader claims, tried on each name without its folder.
    patterns: ClassVar[tuple[str, ...]] = ()
    #: True when files only ever grow at the end (a prefix of a file is a prefix of its rows).
    appends: ClassVar[bool] = False
    #: How files grow, and what `rows_from` counts: ``"bytes"`` (as with `appends`), or ``"rows"`` of a container that is
    #: written while it is read; then `signs` tells whether the rows that were taken still stand.
    grows: ClassVar[Literal["bytes", "rows"] | None] = None
    #: True of what people decided (filters, gates): no feed follows it, and its times are no data.
    parameters: ClassVar[bool] = False
    #: True when each line of a file begins with the time at which it was received.
    stamped: ClassVar[bool] = False
    #: Lines at the beginning of a file that are no rows but say what rows are.
    head: ClassVar[int] = 0
    #: False when files name variables of their own, beyond `provides`.
    fixed: ClassVar[bool] = True
    open_dataset_parameters = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.appends and cls.grows is None:
            cls.grows = "bytes"

    @abstractmethod
    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> xr.Dataset:
        """Open lazily; only rows with ``start <= time < stop``."""

    @abstractmethod
    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes of `path` that form whole rows; 0 means half a container (or none of this format)."""

    @abstractmethod
    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """First and last time in one file, as cheaply as the format allows (its name, first and last line).

        NaT twice when the file holds no rows. Used to choose files before opening them.
        """

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Row variables of one file as plain arrays, read at once: the fast path of live pictures.

        Parameters
        ----------
        path : path-like
            One file.
        names : sequence of str

        Returns
        -------
        dict of str to numpy.ndarray
            Arrays of equal length, in the order of `names`.

        Raises
        ------
        ReaderError
            When the file cannot be read, or has no such variable.
        """
        return columns_of(path, self.open_dataset(fspath(path)), names)

    def rows_from(self, path: str | PathLike[str], offset: int) -> tuple[xr.Dataset, int]:
        """Rows of the whole lines of one file from byte `offset` on, loaded, and the byte after the last of them.

        For readers with ``appends``, or with ``grows = "rows"``, where `offset` and what is returned count rows. One
        that has options takes them here too, as keywords. What the start of the file says (a header) is read again. A reader without it is read whole, and its new rows are cut off the end.

        Raises
        ------
        NotImplementedError
            When the reader cannot start in the middle.
        ReaderError
            When the file's header is broken.
        """
        raise NotImplementedError(f"{type(self).__name__} reads whole files only")

    def heads(self, lines: Sequence[bytes], *, due: bool) -> bool | None:
        """Whether lines of a stream are a header; None when more of them may become one.

        A stream may say its header again, or another one, at any time. A reader that cannot know one takes the first
        `head` lines for it.

        Parameters
        ----------
        lines : sequence of bytes
            At most `head`, without their ends.
        due : bool
            None was said so far.
        """
        return (len(lines) >= self.head or None) if due else False

    def stretches(
        self, filename_or_obj: Any, size: int, rows: int, *, start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> list[Callable[[], xr.Dataset]] | None:  # fmt: skip
        """What opens the same rows as `open_dataset` does, in its order, some at a time: for who writes them elsewhere.

        Attributes that count something are counts of a stretch; ``refused`` is told by the first. A reader that has
        options takes them here too, as keywords; with one that it does not take, files are opened whole.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        size, rows : int
            A stretch has about so many bytes of a file of lines, or so many rows of a container.
        start, stop : numpy.datetime64, optional

        Returns
        -------
        list of callable, or None
            Called in their order, each as often as one likes. None when they are better opened as a whole.

        Raises
        ------
        ReaderError
            When `open_dataset` would raise it.
        """
        return None

    def signs(self, path: str | PathLike[str], rows: int) -> tuple[int, int]:
        """Checksums of the first row and of row `rows - 1`: for readers whose files grow by rows.

        Raises
        ------
        NotImplementedError
            When its files do not grow by rows.
        ReaderError
            When the file has not so many rows.
        """
        raise NotImplementedError(f"files of {type(self).__name__} do not grow by rows")

    def files(self, named: Paths) -> list[Path]:
        """The files behind a path, folder, glob or list, in time order; nothing but names and spans is read."""
        found = locate.find(named, locate.matcher(self.patterns)).paths
        return [Path(path) for _, path in sorted((self._first(path), path) for path in found)]

    def _first(self, path: str) -> int:
        try:
            first = self.span(path)[0].astype("datetime64[ns]")
        except ReaderError:
            return int(MIN.astype(np.int64))
        return int(first.astype(np.int64))

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """True for one path whose name matches `patterns`."""
        return isinstance(filename_or_obj, str | PathLike) and locate.matcher(self.patterns)(fspath(filename_or_obj))


def columns_of(path: str | PathLike[str], ds: xr.Dataset, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Variables of an opened file as plain arrays, in the order of `names`; ReaderError when it has no such variable."""
    for name in names:
        if name not in ds.variables:
            raise ReaderError(path, f"there is no variable '{name}'", hint=suggest(name, map(str, ds.variables)))
    return {name: ds[name].to_numpy() for name in names}


def without(ds: xr.Dataset, drop_variables: str | Iterable[str] | None) -> xr.Dataset:
    """The dataset less what `open_dataset` was told to leave out; what it does not have anyway is no error."""
    dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables or ()
    return ds.drop_vars(dropped, errors="ignore")


def window_of(start: Any, stop: Any) -> Window:
    """``start``/``stop`` options (None, datetime64 or ISO text) as a Window; WindowError when they are not times."""
    return Window(_moment(start, MIN), _moment(stop, MAX))


def _moment(value: Any, default: np.datetime64) -> np.datetime64:
    if value is None:
        return default
    if isinstance(value, str):
        from workbench.core.window import moment

        return moment(value)
    return np.datetime64(value, "ns")
