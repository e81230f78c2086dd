"""What can stand behind a Source: files, something that answers for itself, a product of other Sources."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.variables import VariableSpec
from workbench.core.window import MAX, MIN, Window

#: What was seen so far: JSON, and nobody else's business.
Cursor = dict[str, Any]


class Origin(Protocol):
    """Where the rows of a Source come from; the methods are those of `Source`, for windows already parsed."""

    @property
    def particles(self) -> bool:
        """True when rows are particles (dim ``particle``)."""

    def open(self, window: Window, max_points: int | None = None) -> xr.Dataset: ...

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]: ...

    def span(self) -> Window | None: ...

    def count(self) -> int: ...

    def variables(self) -> dict[str, VariableSpec]: ...

    def files(self, window: Window) -> list[Path]: ...

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]: ...


def bounds(window: Window) -> dict[str, np.datetime64]:
    """``start`` and ``stop`` for a reader, each only where the window has it."""
    out = {} if window.start == MIN else {"start": window.start}
    return out if window.stop == MAX else {**out, "stop": window.stop}


def row_dimension(ds: xr.Dataset) -> str:
    """The dimension that counts rows: particles, else files or moments."""
    return next((dim for dim in ("particle", "time", "file") if dim in ds.dims), str(next(iter(ds.dims), "time")))
