"""A reader pointed at files: what it opens, which files there are, and what is new in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog import location
from workbench.catalog.growth import Growth
from workbench.catalog.marks import Look
from workbench.catalog.origin import Cursor, bounds, row_dimension
from workbench.catalog.pieces import blank
from workbench.catalog.registered import named_in, reader_class
from workbench.catalog.spans import Spans
from workbench.catalog.tree import Tree, for_glob
from workbench.core.errors import WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, Window
from workbench.readers.paths import find, matcher
from workbench.readers.reader import Reader

#: A file of more bytes is not opened whole, where its reader opens some rows at a time.
LONG = 32 << 20
#: All time, for files that have one.
_DATED = Window(ALWAYS.start + np.timedelta64(1, "ns"), ALWAYS.stop)


class Files:
    """Files, folders or patterns, and the reader that opens them.

    Parameters
    ----------
    reader : str
    places : callable
        Gives absolute paths of files and folders, or patterns; called at each use.
    options : mapping
        The reader's own.
    """

    def __init__(
        self,
        reader: str,
        places: Callable[[], tuple[str, ...]],
        options: Mapping[str, Any],
        own: str | os.PathLike[str] | None = None,
    ) -> None:
        self.kind = reader_class(reader)
        self._places = places
        self._own = own
        self.options = options
        self._looked: tuple[tuple[str, ...], Tree, Spans] | None = None
        self._next = Look()
        self._counts: dict[str, tuple[int, int, int]] = {}  # size, mtime, rows

    @property
    def particles(self) -> bool:
        return any(spec.dims == ("particle",) for spec in self.kind.provides)

    def open(self, window: Window, max_points: int | None = None, *, chunked: bool = True) -> xr.Dataset:
        places, tree, _ = self._look()
        if next(tree.paths(), None) is None:
            return blank(self._reader())
        named = [for_glob(place) for place in places]
        return self._opened(named[0] if len(named) == 1 else named, window, max_points, chunked)

    def unchunked(self) -> xr.Dataset:
        """Everything, lazily, without dask: for those who load slices themselves."""
        return self.open(ALWAYS, chunked=False)

    def names(self) -> dict[str, Sequence[str]]:
        """Names of the files that are there now, by folder."""
        return {path: folder.names for path, folder in self._look()[1].look().items()}

    def open_these(self, paths: Sequence[str], window: Window) -> xr.Dataset:
        """Rows of some of the files; broken ones are listed when there are two or more."""
        return self._opened(list(paths), window, None)

    def stretches(self, window: Window, size: int, rows: int) -> list[Callable[[], xr.Dataset]]:
        """What opens what `open` opens some rows at a time, as the reader does it; none where it does not."""
        named = [for_glob(place) for place in self._look()[0]]
        options = {**bounds(window), **self._expanded()}
        if (
            not options.keys() <= signature(self.kind.stretches).parameters.keys()
            or next(self._look()[1].paths(), None) is None
        ):
            return []
        found = self._reader().stretches(named[0] if len(named) == 1 else named, size, rows, **options)
        return [] if found is None else found

    def in_order(self) -> list[str]:
        """All files, in an order that is that of time and of names; none where there is no such order, or where the
        reader finds other ones, or a folder that it cannot list.
        """
        try:
            found = find([for_glob(place) for place in self._look()[0]], matcher(self.kind.patterns))
        except WorkbenchError:
            return []
        paths = [os.fspath(path) for path in self.files(ALWAYS)]
        dated = [os.fspath(path) for path in self.files(_DATED)]
        return paths if not found.refused and set(found.paths) == set(paths) and dated == sorted(dated) else []

    def _opened(self, named: Any, window: Window, max_points: int | None, chunked: bool = True) -> xr.Dataset:
        given = dict[str, Any](bounds(window))
        if max_points is not None and "max_points" in signature(self.kind.open_dataset).parameters:
            given["max_points"] = max_points
        ds = xr.open_dataset(
            named, engine=self.kind, chunks={} if chunked else None, cache=False, **given, **self._expanded()
        )
        return ds.assign({name: array.load() for name, array in ds.variables.items() if array.dims == ("file",)})

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        _, tree, _ = self._look()
        return Growth(self._reader(), self._expanded(), self._next).since(tree.look(), cursor)

    def span(self) -> Window | None:
        return self._look()[2].whole()

    def count(self) -> int:
        """Rows of all files, each counted once and again when it changed; broken files have none."""
        known: dict[str, tuple[int, int, int]] = {}
        for path in map(os.fspath, self.files(ALWAYS)):
            try:
                stat = os.stat(path)
                old = self._counts.get(path)
                same = old is not None and old[:2] == (stat.st_size, stat.st_mtime_ns)
                known[path] = old if old and same else (stat.st_size, stat.st_mtime_ns, self._rows(path))
            except (WorkbenchError, OSError):
                continue
        self._counts = known
        return sum(rows for _, _, rows in known.values())

    def _rows(self, path: str) -> int:
        ds = self._reader().open_dataset(path, **self._expanded())
        return int(ds.sizes.get(row_dimension(ds), 0))

    def variables(self) -> dict[str, VariableSpec]:
        reader = self._reader()
        known = {spec.name: spec for spec in reader.provides}
        if reader.fixed:
            return known
        try:
            own = named_in(self._beginning(os.fspath(self.files(ALWAYS)[-1])), {})
            return {**known, **{name: spec for name, spec in own.items() if _is_new(spec, known.get(name))}}
        except (WorkbenchError, OSError, IndexError):  # no file that can be read, yet
            return known

    def _beginning(self, path: str) -> xr.Dataset:
        """The first rows of a long file, or of a container; all rows of another."""
        reader, options = self._reader(), self._expanded()
        long = reader.grows == "rows" or os.stat(path).st_size > LONG
        if long and options.keys() <= signature(reader.stretches).parameters.keys():
            for opener in (reader.stretches(path, 1 << 20, 1 << 12, **options) or [])[:1]:
                return opener()
        return reader.open_dataset(path, **options)

    def files(self, window: Window) -> list[Path]:
        return self._look()[2].paths(window)

    def columns(self, path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        reader = self._reader()
        taken = signature(reader.columns).parameters
        return reader.columns(path, names, **{key: value for key, value in self._expanded().items() if key in taken})

    def _reader(self) -> Reader:
        return self.kind()

    def _expanded(self) -> dict[str, Any]:
        return location.expanded(self.options)

    def _look(self) -> tuple[tuple[str, ...], Tree, Spans]:
        """Where the files are now, and what was seen there so far."""
        places = self._places()
        looked = self._looked
        if looked is None or looked[0] != places:
            tree = Tree(places, matcher(self.kind.patterns), own=self._own)
            self._looked = looked = places, tree, Spans(tree, self._reader(), self._expanded())
        return looked


def _is_new(spec: VariableSpec, known: VariableSpec | None) -> bool:
    """True of a variable of the file's own: nobody announced it, or its unit is another one."""
    return known is None or (spec.unit not in ("", known.unit))
