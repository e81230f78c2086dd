"""A product of other Sources, which is a Source too.

The product is a function found by name (`workbench.products`): its positional parameters are inputs, its keyword-only
parameters are options. What it says about itself:

* ``reach``: how far beyond a window its inputs are needed, a ``timedelta64``; ``"cruise"`` (also when it says nothing)
  when any row may depend on any other. With a reach of 0 and one input, new rows are made from new rows alone.
* ``provides``: the variables that come out, as `VariableSpec`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog import location
from workbench.catalog.derived_input import Grown
from workbench.catalog.derived_state import State
from workbench.catalog.origin import Cursor, row_dimension
from workbench.catalog.registered import KEPT, named_in, product_named, provided_by
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, MAX, Window

if TYPE_CHECKING:
    from workbench.catalog.source import Source

_NONE = np.timedelta64(0, "ns")
#: Bytes of an input, without its particles, that are loaded before a product is made.
SMALL = 64 << 20
_asking = threading.local()


class Derived:
    """A product and the Sources of its inputs.

    Parameters
    ----------
    name : str
        Of the Source it stands behind.
    product : str
    inputs : mapping of str to str
        Input -> name of a Source.
    options : mapping
        The product's own.
    lookup : callable
        Gives a Source by name.
    """

    particles = False

    def __init__(
        self, name: str, product: str, inputs: Mapping[str, str], options: Mapping[str, Any],
        lookup: Callable[[str], Source],
    ) -> None:  # fmt: skip
        self.name = name
        self.product = product_named(product)
        self.inputs, self.options = dict(inputs), options
        self._lookup = lookup
        self._lock = threading.RLock()
        self._made: tuple[str, xr.Dataset] | None = None  # what came of everything, and of which state
        self._opened = False  # somebody opens it: what is made is kept; for a feed, which has its own rows, it is not
        self._empty: xr.Dataset | None = None  # what was made last, without its rows
        self._cursors: dict[str, Any] = {}
        self._state = State()  # the same of all cursors, as text
        self._parameters: dict[str, tuple[Any, xr.Dataset]] = {}  # inputs that people decide, and of which cursor
        self._kept: dict[Any, Any] = {}  # what the product worked out of files
        self._grown: dict[str, Grown] = {}  # inputs of particles, of a product that works through files
        reach = getattr(self.product, "reach", "cruise")
        self.reach: np.timedelta64 | None = None if isinstance(reach, str) else np.timedelta64(reach, "ns")

    @property
    def sources(self) -> dict[str, Source]:
        """The Source of each input."""
        return {given: self._lookup(source) for given, source in self.inputs.items()}

    def open(self, window: Window, max_points: int | None = None) -> xr.Dataset:
        if self.reach is None:
            self._opened = True
            return _cut(self._whole(), window)
        wide = window.widened(self.reach)
        with self._entered():
            inputs = {given: source.open(wide) for given, source in self.sources.items()}
        return _cut(self._make(inputs), window)

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        if self.reach == _NONE and len(self.inputs) == 1:
            return self._passed(cursor)
        with self._lock:
            state = self._look()
            if cursor is not None and cursor.get("state") == state:
                return _cut(self._nothing(), Window(MAX, MAX)), cursor
            ds = self._whole(state).copy()
            if cursor is not None and not self._opened:
                self._made = None
            ds.attrs |= {"replaces": self.name if cursor is not None else "", "all": 1, "more": 0, "refused": ""}
            return ds, {"state": state}

    def span(self) -> Window | None:
        times = self.open(ALWAYS)["time"].to_numpy()
        times = times[~np.isnat(times)]
        return Window(times.min(), times.max() + np.timedelta64(1, "ns")) if times.size else None

    def count(self) -> int:
        ds = self.open(ALWAYS)
        return int(ds.sizes.get(row_dimension(ds), 0))

    def variables(self) -> dict[str, VariableSpec]:
        known = provided_by(self.product)
        made = self._empty
        return known if made is None else {**known, **named_in(made, known)}

    def files(self, window: Window) -> list[Path]:
        return []

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        raise ReaderError(path, f"'{self.name}' is a product and has no files")

    # how it is made

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """While the inputs are asked; WorkbenchError when they lead back to this Source."""
        asking: list[str] = _asking.__dict__.setdefault("names", [])
        if self.name in asking:
            circle = " -> ".join([*asking[asking.index(self.name) :], self.name])
            raise WorkbenchError(f"source '{self.name}' is made of itself: {circle}")
        asking.append(self.name)
        try:
            yield
        finally:
            asking.remove(self.name)

    def _make(self, inputs: Mapping[str, xr.Dataset]) -> xr.Dataset:
        memory = {KEPT: self._kept} if KEPT in signature(self.product).parameters else {}
        made = self.product(**inputs, **location.expanded(self.options), **memory)
        if not isinstance(made, xr.Dataset) or "time" not in made.variables:
            raise WorkbenchError(f"the product of source '{self.name}' made no dataset with a time")
        return made

    def _whole(self, state: str = "") -> xr.Dataset:
        """What comes of everything; made again only when an input has changed (`state`, where somebody looked just now)."""
        with self._lock:
            state = state or self._look()
            if self._made is None or self._made[0] != state:
                with self._entered():
                    inputs = {given: self._input(given, source) for given, source in self.sources.items()}
                self._made = state, self._make(inputs).load()
                for grown in self._grown.values():
                    grown.settle()
                self._empty = _cut(self._made[1], Window(MAX, MAX))
            return self._made[1]

    def _input(self, given: str, source: Source) -> xr.Dataset:
        """All of an input; what is no particle's is loaded, where it is little: one by one it would take many times longer."""
        cursor = self._cursors.get(given)
        known = self._parameters.get(given)
        if known is not None and known[0] is cursor:
            return known[1]
        plain: Callable[[], xr.Dataset] | None = getattr(source.origin, "unchunked", None)
        if plain is None or (source.is_particles and getattr(self.product, "chunked", True)):
            whole = source.open()
            ds = _small(whole)
            return whole if ds is None else ds
        files = getattr(source.origin, "names", None)
        if source.is_particles and files is not None and KEPT in signature(self.product).parameters:
            plain = self._grown.setdefault(given, Grown(plain, files)).dataset
        ds = _small(plain())
        if ds is None:
            return plain() if source.is_particles else source.open()
        if source.is_parameters:
            self._parameters[given] = cursor, ds
        return ds

    def _look(self) -> str:
        """Look for changes of the inputs; a text that is another one whenever something changed."""
        with self._entered():
            for given, source in self.sources.items():
                more = True
                while more:
                    new, self._cursors[given] = source.changed(self._cursors.get(given))
                    if new.attrs.get("replaces") and not source.is_parameters:  # a plan is part of what it came from
                        self._kept.clear()
                    if given in self._grown:
                        self._grown[given].add(new)
                    more = bool(new.attrs.get("more"))
        return self._state.of(self._cursors)

    def _nothing(self) -> xr.Dataset:
        ds = (self._whole() if self._empty is None else self._empty).copy()
        ds.attrs |= {"replaces": "", "more": 0, "refused": ""}
        return ds

    def _passed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        """New rows from new rows: of a product that looks at each alone."""
        ((given, source),) = self.sources.items()
        with self._entered():
            new, after = source.changed(cursor)
        kept = {key: new.attrs.get(key, default) for key, default in (("replaces", ""), ("refused", ""), ("more", 0))}
        made = self._make({given: new})
        made.attrs |= kept
        return made, after


def _small(ds: xr.Dataset) -> xr.Dataset | None:
    """With what is no particle's loaded at once; None where it is not little."""
    names = [name for name, array in ds.variables.items() if "particle" not in array.dims]
    if sum(ds.variables[name].nbytes for name in names) > SMALL:
        return None
    return ds.assign(dict(ds[names].load().variables))


def _cut(ds: xr.Dataset, window: Window) -> xr.Dataset:
    """The rows of a dataset in a window, along the dimension that its ``time`` lies on."""
    if window == ALWAYS or not ds["time"].dims:
        return ds
    return ds.isel({str(ds["time"].dims[0]): np.flatnonzero(window.contains(ds["time"].to_numpy()))})
