"""What every reader of the workbench is: an xarray engine with declared variables and a test for whole rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from workbench.core.variables import VariableSpec

#: What a reader opens: a file, a directory, a glob pattern, or a list of any of these.
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


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
    open_dataset_parameters = None

    @abstractmethod
    def open_dataset(  # type: ignore[override]
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
