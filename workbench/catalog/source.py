"""A reader pointed somewhere: the Source, which plain intake opens too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from intake.source.base import DataSource, Schema

from workbench.core.plugins import find
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, MAX, MIN, Window, duration

#: Where a reader stands in a Source's files: opaque, JSON-able.
Cursor = dict[str, Any]


class Source(DataSource):  # type: ignore[misc]
    """A reader pointed at files; thin first version."""

    name, version, container, partition_access = "workbench", "1", "xarray", False

    def __init__(self, reader: str, url: str | list[str], every: str | None = None, stale_after: str | None = None,
                 metadata: dict[str, Any] | None = None, **options: Any) -> None:  # fmt: skip
        super().__init__(metadata=metadata)
        self.reader, self.url, self.options = reader, url, options
        self.every = duration(every) if every else None
        self.stale_after = duration(stale_after) if stale_after else None
        self.description = ""

    def named(self, name: str, description: str) -> Source:
        self.name, self.description = name, description
        return self

    def open(self, window: Window | str | None = ALWAYS) -> xr.Dataset:
        """Rows with ``start <= time < stop``, lazily."""
        window = Window.parse(window)
        bounds = {}
        if window.start != MIN:
            bounds["start"] = window.start
        if window.stop != MAX:
            bounds["stop"] = window.stop
        return xr.open_dataset(os.path.expandvars(self.url), engine=self.reader, chunks={}, **bounds, **self.options)

    def to_dask(self) -> xr.Dataset:
        return self.open()

    def read(self) -> xr.Dataset:
        return self.open().load()

    def files(self, window: Window | str | None = ALWAYS) -> list[Path]:
        """Paths of the files whose rows may lie in `window`, in time order."""
        window = Window.parse(window)
        reader: Any = find("xarray.backends", self.reader)
        root = Path(os.path.expandvars(self.url))
        found = [root] if root.is_file() else [p for g in reader.patterns for p in root.rglob(g) if not p.name.startswith(".")]
        spans = [(reader().span(p), p) for p in found]
        return [p for (a, b), p in sorted(spans) if window == ALWAYS or (b >= window.start and a < window.stop)]

    def columns(self, path: str | os.PathLike[str], names: list[str]) -> dict[str, npt.NDArray[Any]]:
        """One file's row variables as plain arrays."""
        reader: Any = find("xarray.backends", self.reader)
        return dict(reader().columns(path, names))

    def changed(self, cursor: Cursor | None = None) -> tuple[xr.Dataset, Cursor]:
        """Rows new since `cursor`; files still being written wait, rewritten ones come again."""
        known = dict((cursor or {}).get("files", {}))
        new = []
        reader: Any = find("xarray.backends", self.reader)
        for path in self.files():
            stat = path.stat()
            mark = [stat.st_size, stat.st_mtime_ns]
            if known.get(str(path)) != mark and reader().complete(path):
                new.append(path)
                known[str(path)] = mark
        ds = xr.open_dataset([str(p) for p in new], engine=self.reader, **self.options) if new else xr.Dataset()
        return ds, {"files": known}

    def span(self) -> Window | None:
        """First to last time, or None without rows."""
        reader: Any = find("xarray.backends", self.reader)
        spans = [reader().span(p) for p in self.files()]
        spans = [s for s in spans if not np.isnat(s[0])]
        return Window(min(a for a, _ in spans), max(b for _, b in spans) + np.timedelta64(1, "ns")) if spans else None

    def variables(self) -> dict[str, VariableSpec]:
        """What the reader can provide, by name."""
        reader: Any = find("xarray.backends", self.reader)
        return {spec.name: spec for spec in reader.provides}

    @property
    def is_particles(self) -> bool:
        """True when rows are particles (dim ``particle``), not moments."""
        return any(spec.dims == ("particle",) for spec in self.variables().values())

    def _get_schema(self) -> Schema:
        return Schema(dtype=None, shape=None, npartitions=1, extra_metadata={})

    def _close(self) -> None:
        pass
