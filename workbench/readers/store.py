"""Readers of what answers for itself: a server, or the record on disk, instead of files that anybody may look into."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from workbench.core.variables import VariableSpec
from workbench.readers.reader import Reader

__all__ = ["Store"]


class Store(Reader):
    """A reader whose url names something that answers questions (``influxdb://host:8086/db/measurement``).

    `open_dataset` is as in every reader, lazy, and takes ``max_points`` where it can answer with fewer rows than there
    are. The methods below take the reader's own options as keywords, each only those it needs; a Source passes what
    the catalog says. What cannot be reached is a ReaderError that says so, never an empty answer.
    """

    #: Beginnings of the urls that it takes, without ``://``; a path where there are none.
    schemes: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[bool] = False

    @abstractmethod
    def changed(self, url: str, cursor: Any = None) -> tuple[xr.Dataset, Any]:
        """What is new since `cursor` (None: everything), loaded, and the cursor after it, as JSON keeps it.

        Attrs of the dataset: ``replaces`` (text, not empty) when rows given before no longer count, which asks the
        caller to begin again with None; ``more``, above 0 when the next call has more to give at once.
        """

    @abstractmethod
    def variables(self, url: str) -> Mapping[str, VariableSpec]:
        """What can be read there, by name; no rows are read."""

    @abstractmethod
    def count(self, url: str) -> int:
        """Number of rows, without reading them."""

    @abstractmethod
    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """First and last time there; NaT twice without rows."""

    def complete(self, path: str | PathLike[str]) -> int:
        """1: an answer is always whole."""
        return 1
