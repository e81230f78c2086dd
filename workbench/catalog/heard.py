"""What a Source that listens has received so far: the record's table of its name, which begins with nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from workbench.catalog.origin import Cursor
from workbench.catalog.pieces import blank
from workbench.catalog.registered import reader_class
from workbench.catalog.stored import Stored
from workbench.core.window import Window
from workbench.record.record import Record


class Heard(Stored):
    """The record's table of a Source; no rows until the engine has recorded some.

    Parameters
    ----------
    name : str
        The Source and its table.
    reader : str
        Says which variables there will be.
    place : callable
        Gives the cruise folder.
    """

    def __init__(self, name: str, reader: str, place: Callable[[], str]) -> None:
        super().__init__("record", place, {"table": name})
        self.name, self.reader = name, reader

    def open(self, window: Window, max_points: int | None = None) -> xr.Dataset:
        return super().open(window, max_points) if self._begun() else self._nothing()

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        if self._begun():
            return super().changed(cursor)
        return self._nothing().assign_attrs(replaces="", refused="", more=0), {}

    def span(self) -> Window | None:
        return super().span() if self._begun() else None

    def count(self) -> int:
        return super().count() if self._begun() else 0

    def _begun(self) -> bool:
        folder = self._place()
        return Path(folder).is_dir() and self.name in Record(folder).tables()

    def _nothing(self) -> xr.Dataset:
        return blank(reader_class(self.reader)())
