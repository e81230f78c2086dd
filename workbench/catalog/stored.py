"""A reader pointed at something that answers for itself: a server, or the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog import location
from workbench.catalog.origin import Cursor, bounds
from workbench.catalog.registered import reader_class
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.core.window import Window
from workbench.readers.store import Store


class Stored:
    """A store, asked through its reader.

    Parameters
    ----------
    reader : str
        Name of a reader that is a `Store`.
    place : callable
        Gives the url; called at each use.
    options : mapping
        The reader's own; each call passes those that its method takes.
    """

    particles = False

    def __init__(self, reader: str, place: Callable[[], str], options: Mapping[str, Any]) -> None:
        kind = reader_class(reader)
        if not issubclass(kind, Store):
            raise WorkbenchError(f"{reader} reads files; it answers nothing by itself")
        self.store: Any = kind()
        self._place, self.options = place, options

    def open(self, window: Window, max_points: int | None = None) -> xr.Dataset:
        given = {**bounds(window), **({} if max_points is None else {"max_points": max_points})}
        taken = self._taken(self.store.open_dataset)
        known = signature(self.store.open_dataset).parameters
        limits = {key: value for key, value in given.items() if key in known}
        ds: xr.Dataset = self.store.open_dataset(self._place(), **limits, **taken)
        return ds

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        ds, after = self.store.changed(self._place(), cursor, **self._taken(self.store.changed))
        return ds, after

    def span(self) -> Window | None:
        first, last = self.store.span(self._place(), **self._taken(self.store.span))
        return None if np.isnat(first) else Window(first, last + np.timedelta64(1, "ns"))

    def count(self) -> int:
        return int(self.store.count(self._place(), **self._taken(self.store.count)))

    def variables(self) -> dict[str, VariableSpec]:
        try:
            return dict(self.store.variables(self._place(), **self._taken(self.store.variables)))
        except (WorkbenchError, OSError):  # not there, yet
            return {spec.name: spec for spec in self.store.provides}

    def files(self, window: Window) -> list[Path]:
        return []

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        raise ReaderError(path, "a store has no files")

    def _taken(self, method: Callable[..., Any]) -> dict[str, Any]:
        known = signature(method).parameters
        return {key: value for key, value in location.expanded(self.options).items() if key in known}
