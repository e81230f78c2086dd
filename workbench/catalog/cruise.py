"""A catalog opened: a mapping of Sources and what is declared about them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from workbench.catalog import location
from workbench.catalog.check import Examined, examine
from workbench.catalog.decided import Exclusions, Filters, Gates
from workbench.catalog.declared import BoardItem, Kpi
from workbench.catalog.model import BoardModel, Catalog, KpiModel, Pages
from workbench.catalog.source import Source
from workbench.core import clock
from workbench.core.errors import CatalogError, WorkbenchError, suggest
from workbench.core.window import ALWAYS, Window, duration
from workbench.products.align import Method, align

__all__ = ["BoardItem", "Cruise", "Kpi", "open_cruise"]


@dataclass(frozen=True, eq=False, repr=False)
class Cruise(Mapping[str, Source]):
    """The Sources of one cruise by name, its board and its KPIs.

    Attributes
    ----------
    id : str
    ship, title : str or None
    start, end : numpy.datetime64[ns] or None
        `end` is the first moment that no longer belongs to the cruise: a date alone means the end of that day.
    path : Path
        The catalog file.
    folder : Path
        The cruise folder, where the record and ``clock.json`` live. It need not exist yet.
    board : tuple of BoardItem
    kpis : mapping of str to Kpi
    sources : mapping of str to Source
    pages : mapping of str to tuple of BoardItem
        Pictures of further pages (``instrument``, ``science``), as far as the catalog declares them.
    plan : str or None
        The source that gates, filters and exclusions are about, where it was chosen among several.
    """

    id: str
    ship: str | None
    title: str | None
    start: np.datetime64 | None
    end: np.datetime64 | None
    path: Path
    folder: Path
    board: tuple[BoardItem, ...]
    kpis: Mapping[str, Kpi]
    sources: Mapping[str, Source]
    pages: Mapping[str, tuple[BoardItem, ...]] = field(default_factory=dict)
    plan: str | None = None

    def __getitem__(self, name: str) -> Source:
        try:
            return self.sources[name]
        except KeyError:
            raise KeyError(f"cruise {self.id} has no source '{name}'. {suggest(str(name), self.sources)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    def now(self) -> np.datetime64:
        """The time to count ages from: now, or the cruise's end when that is past."""
        return clock.as_of(self.end)

    @property
    def finished(self) -> bool:
        """True when the cruise's end is past."""
        return clock.finished(self.end)

    @property
    def gates(self) -> Gates:
        """Which gates hold when, as files say it and people changed it: ``at(time)``, ``save``, ``withdraw``, ``diff``."""
        return Gates(self)

    @property
    def filters(self) -> Filters:
        """Which filter parameters hold when: ``at(time)``, ``save``, ``withdraw``, ``history``."""
        return Filters(self)

    @property
    def excluded(self) -> Exclusions:
        """The files that people left out: ``add(file, who=, reason=)``, ``remove(file, who=)``."""
        return Exclusions(self)

    def align(
        self, names: Sequence[str], window: Window | str | slice | None = ALWAYS, *,
        tolerance: np.timedelta64 | str | None = None, method: Method = "nearest",
    ) -> xr.Dataset:  # fmt: skip
        """Several sources on the times of the first one, loaded: see `workbench.products.align.align`.

        Parameters
        ----------
        names : sequence of str
            Sources; of particles, the files count as rows.
        window : Window or str
            As for `Source.open`; of the others, rows within `tolerance` around it count too.
        tolerance : numpy.timedelta64 or str, optional
        method : {"nearest", "interpolate", "mean"}

        Returns
        -------
        xarray.Dataset
            dim time; no row of the first is left out, and attrs count what found a match and what did not.
        """
        if isinstance(names, str):
            raise WorkbenchError(f"write a list of sources: [{names!r}, ...]")
        first, *others = (self[name] for name in names)
        asked = Window.parse(window, now=self.now())
        wide = asked
        if asked != ALWAYS:
            reach = duration(tolerance) if isinstance(tolerance, str) else tolerance
            wide = asked.widened(np.timedelta64(1, "D") if reach is None else reach)
        opened = {str(first.name): first.open(asked), **{str(s.name): s.open(wide) for s in others}}
        return align(opened, tolerance=tolerance, method=method)

    def __repr__(self) -> str:
        width = max((len(name) for name in self), default=0)
        lines = [
            f"  {name:<{width}}  {source.reader or source.product}  {source.description}".rstrip()
            for name, source in self.items()
        ]
        ship = f" on {self.ship}" if self.ship else ""
        return "\n".join([f"<Cruise {self.id}{ship}: {len(self)} source{'s' * (len(self) != 1)}>", *lines])

    def _repr_html_(self) -> str:
        from workbench.catalog import shown

        head = " · ".join(text for text in (self.id, self.ship, self.title) if text)
        return shown.page(head, self, shown.glimpses(self))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def open_cruise(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None,
) -> Cruise:
    """Open a catalog file. Nothing in it runs.

    The process follows the clock of the cruise folder from then on, if it has one (`workbench.core.clock.follow`).

    Parameters
    ----------
    path : path-like
        The YAML file.
    data : path-like, optional
        Root of the data, ``$WORKBENCH_DATA`` in the catalog; by default the environment's.
    record : path-like, optional
        The cruise folder; by default ``$WORKBENCH_RECORD``, else what the catalog says, else
        ``<cruise id>.cruise`` beside the catalog.

    Returns
    -------
    Cruise

    Raises
    ------
    CatalogError
        Listing every mistake in the file. Folders that do not exist (yet) are none.
    """
    examined = examine(path, data)
    if examined.catalog is None:
        raise CatalogError(examined.problems)
    file = Path(path).absolute()
    metadata = examined.catalog.metadata
    about = metadata.cruise
    folder = _folder(file, about.id, metadata.record, data, record)
    clock.follow(folder)
    return Cruise(
        about.id, about.ship, about.title, clock.start_of(about.start), clock.end_of(about.end), file, folder,
        tuple(_item(item) for item in metadata.board),
        {name: _kpi(name, kpi) for name, kpi in metadata.kpis.items()},
        build(examined, data=data, folder=folder), _pages(metadata.pages),
    )  # fmt: skip


def build(
    examined: Examined, *, data: str | os.PathLike[str] | None = None, folder: Path | None = None
) -> dict[str, Source]:
    """The Sources of a catalog without mistakes, built with no parser of intake's."""
    catalog: Catalog | None = examined.catalog
    if catalog is None:
        raise CatalogError(examined.problems)
    here = os.path.dirname(os.path.abspath(examined.document.file))
    end = clock.end_of(catalog.metadata.cruise.end)
    sources: dict[str, Source] = {}
    home = None if folder is None else os.fspath(folder)
    for name, entry in catalog.sources.items():
        args = {key: location.filled(value, here, data) for key, value in entry.args if value is not None}
        source = Source(**args, metadata={"catalog_dir": here}).named(name, entry.description, end, folder=home)
        source.catalog_object = sources
        sources[name] = source
    return sources


def _folder(file: Path, name: str, written: str | None, data: Any, given: str | os.PathLike[str] | None) -> Path:
    chosen = os.fspath(given) if given is not None else os.environ.get(location.RECORD)
    if chosen:
        return Path(chosen).absolute()
    if written is None:
        return file.parent / f"{name}.cruise"
    return Path(location.expand(location.fill(written, str(file.parent)), data))


def _pages(pages: Pages) -> dict[str, tuple[BoardItem, ...]]:
    """The pages that were declared: an empty list is a page without pictures."""
    given = {name: getattr(pages, name) for name in Pages.model_fields}
    return {name: tuple(_item(item) for item in items) for name, items in given.items() if items is not None}


def _item(item: BoardModel) -> BoardItem:
    options = {
        key: tuple(value) if isinstance(value, list) else value for key, value in (item.model_extra or {}).items()
    }
    return BoardItem(item.view, item.source, options)


def _kpi(name: str, kpi: KpiModel) -> Kpi:
    expect = None
    if kpi.expect is not None:
        low, high = kpi.expect
        expect = (-np.inf if low is None else low, np.inf if high is None else high)
    return Kpi(name, kpi.source, kpi.variable, kpi.reduce, duration(kpi.over), expect, kpi.unit, kpi.label)
