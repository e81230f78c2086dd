"""A reader pointed somewhere, or a product of other Sources: the Source, which plain intake opens too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog import location
from workbench.catalog.amended import Amended
from workbench.catalog.derived import Derived
from workbench.catalog.entry import Entry
from workbench.catalog.files import Files
from workbench.catalog.heard import Heard
from workbench.catalog.origin import Cursor, Origin
from workbench.catalog.registered import listener_options, options_of, reader_class, refuse_unknown
from workbench.catalog.stored import Stored
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, Window, duration
from workbench.readers.store import Store
from workbench.record.decisions import Decisions

__all__ = ["Cursor", "Source"]

#: Arguments of a Source that are not options of its reader or product.
FIELDS = ("reader", "url", "every", "stale_after", "metadata", "listen", "product", "inputs")


class Source(Entry):
    """A reader pointed at files, at a server or at what is received; or a product of other Sources.

    Parameters
    ----------
    reader : str
        Name of a reader (entry point of ``xarray.backends``).
    url : str or list of str
        Files, folders (searched recursively) or glob patterns; ``$WORKBENCH_DATA`` at the beginning is the root of the
        data (``--data DIR``), ``$WORKBENCH_RECORD`` the cruise folder, where a place that is missing was not written yet.
        Of a reader that asks a server, where that is.
    every : str, optional
        How often a row (or a file) is due, such as ``"1s"``.
    stale_after : str, optional
        Age from which the source counts as stale.
    metadata : dict, optional
        Given by intake.
    listen : str, optional
        In place of `url`: where the engine receives it; the Source reads what was recorded under its name.
    product : str, optional
        In place of `reader`: name of a product (entry point of ``workbench.products``).
    inputs : mapping of str to str, optional
        The product's inputs: name of each -> name of a Source.
    **options
        The reader's or product's own options; anything else is a CatalogError.

    Attributes
    ----------
    every, stale_after : numpy.timedelta64[ns] or None
    options : dict
        Beside what every `Entry` has.
    """

    fields = FIELDS

    def __init__(
        self, reader: str = "", url: str | Sequence[str] = "", every: str | None = None, stale_after: str | None = None,
        metadata: dict[str, Any] | None = None, listen: str | None = None, product: str | None = None,
        inputs: Mapping[str, str] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(metadata=metadata)
        refuse_unknown(reader, url, options, listen=listen, product=product, inputs=inputs)
        self.reader = reader
        self.url = url if isinstance(url, str) else tuple(url)
        self.listen, self.product, self.inputs = listen, product, dict(inputs or {})
        self.options = options
        self.every = None if every is None else duration(every)
        self.stale_after = None if stale_after is None else duration(stale_after)
        self._origin: Origin | None = None

    # what it reads

    def open(self, window: Window | str | slice | None = ALWAYS, *, max_points: int | None = None) -> xr.Dataset:
        """Rows with ``start <= time < stop``, lazily.

        Parameters
        ----------
        window : Window or str
            Text as `Window.parse` reads it: ``"last 2 days"``, ``"2023-01-12..2023-01-14"``, ``"now-1h..now"``. Of a
            cruise that is over, "last" and "now" count from its end.
        max_points : int, optional
            As many rows as a picture needs: a server or the record then gives bins (``<name>_min``, ``<name>_max``
            beside the mean) where there are more rows; files give all of theirs.

        Returns
        -------
        xarray.Dataset
            Dask arrays; broken files are listed in attr ``refused``. No rows when nothing was written yet. What a
            product makes is computed.

        Raises
        ------
        ReaderError
            When the url leads nowhere, its only file is broken, or a server does not answer.
        """
        return self.origin.open(self._window(window), max_points)

    def to_dask(self) -> xr.Dataset:
        """Everything, lazily: `open` under intake's name."""
        return self.open()

    def read(self) -> xr.Dataset:
        """Everything, loaded into memory: `open` under intake's name."""
        return self.open().load()

    def files(self, window: Window | str | slice | None = ALWAYS) -> list[Path]:
        """Files whose rows may lie in `window`, in the order of time; no payload is read. None of a server or product.

        Raises
        ------
        ReaderError
            When the url leads nowhere.
        """
        return self.origin.files(self._window(window))

    def columns(self, path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Row variables of one file as plain arrays (see `Reader.columns`)."""
        return self.origin.columns(path, names)

    def changed(self, cursor: Cursor | None = None) -> tuple[xr.Dataset, Cursor]:
        """What is new since `cursor`, and the cursor after it.

        Parameters
        ----------
        cursor : Cursor, optional
            What the call before returned (JSON keeps it); None begins with everything there is.

        Returns
        -------
        dataset : xarray.Dataset
            New rows, which may be none: files being written wait until they are whole, of growing files come the
            whole lines. Attrs: ``replaces``, paths of files whose earlier rows no longer count (one a line; their new
            rows are in the dataset); ``refused``, broken files (``path: reason`` lines, each told once); ``more``, the
            number of files left for the next call because this one had read enough.
        cursor : Cursor

        Raises
        ------
        ReaderError
            When the url leads nowhere.
        """
        return self.origin.changed(cursor)

    def span(self) -> Window | None:
        """From the first time to just after the last; None without rows."""
        return self.origin.span()

    def count(self) -> int:
        """How many rows (or particles) there are; text is counted once, headers and servers are asked."""
        return self.origin.count()

    def age(self) -> np.timedelta64 | None:
        """How long ago the newest row was, by the cruise's clock; None without rows."""
        span = self.span()
        return None if span is None else clock.as_of(self.end) - (span.stop - np.timedelta64(1, "ns"))

    def variables(self) -> dict[str, VariableSpec]:
        """What it provides, by name; with what the newest file or the server names itself, where they do so."""
        return self.origin.variables()

    @property
    def is_particles(self) -> bool:
        """True when rows are particles (dim ``particle``), not moments."""
        return self.origin.particles

    @property
    def is_parameters(self) -> bool:
        """True of what people decided (filters, gates), which no feed follows."""
        return bool(self.reader) and reader_class(self.reader).parameters

    @property
    def has_files(self) -> bool:
        """True when it reads files; False of a server, of what is recorded and of a product."""
        return isinstance(self.origin, Files | Amended)

    @property
    def origin(self) -> Origin:
        """What stands behind it."""
        if self._origin is None:
            self._origin = self._make_origin()
        return self._origin

    def _make_origin(self) -> Origin:
        if self.product is not None:
            return Derived(str(self.name), self.product, self.inputs, self.options, self._sibling)
        if self.listen is not None and not self.listen.startswith("folder:"):
            return Heard(str(self.name), self.reader, self._recorded)
        if issubclass(reader_class(self.reader), Store):
            return Stored(self.reader, self._place, self.options)
        home = self._recorded() if any(map(location.in_record, self.urls)) else self.folder
        files = Files(self.reader, self.places, self.reader_options, home)
        if self.folder is not None and Amended.takes(reader_class(self.reader)):
            return Amended(files, Decisions(self.folder, str(self.name)))
        return files

    @property
    def reader_options(self) -> dict[str, Any]:
        """The options of its reader, without those of a listener."""
        known = options_of(reader_class(self.reader))
        return {key: value for key, value in self.options.items() if key in known}

    @property
    def listener_options(self) -> dict[str, Any]:
        """The options of its listener; of a folder, with the reader, whose test says whether a file is whole."""
        known = listener_options(self.listen or "")
        given = {key: value for key, value in self.options.items() if key in known}
        return {"reader": self.reader, **given} if "reader" in known else given

    def _sibling(self, name: str) -> Source:
        """A Source of the same catalog."""
        siblings = self.catalog_object
        if siblings is None:
            raise WorkbenchError(f"source '{self.name}' is made of others; open it from its catalog")
        found = siblings[name]
        if not isinstance(found, Source):
            raise WorkbenchError(f"source '{self.name}': its input '{name}' is no source of the workbench")
        return found

    def places(self) -> tuple[str, ...]:
        """Where its files are: absolute paths or patterns."""
        if self.listen is not None:
            return (location.heard_folder(self.listen),)
        try:
            return tuple(
                location.expand(url, record=self._recorded() if location.in_record(url) else None) for url in self.urls
            )
        except WorkbenchError as error:
            raise WorkbenchError(f"source {self.name}: {error}") from None

    @property
    def urls(self) -> tuple[str, ...]:
        """Its urls as the catalog has them."""
        return (self.url,) if isinstance(self.url, str) else self.url

    def _place(self) -> str:
        """The url of a store."""
        if isinstance(self.url, str) and location.scheme(self.url):
            return self.url
        (place,) = self.places()
        return str(place)

    def _recorded(self) -> str:
        """The cruise folder."""
        folder = self.folder or os.environ.get(location.RECORD) or location.folder_beside(self)
        if folder is None:
            raise WorkbenchError(f"source {self.name} reads the record; set ${location.RECORD} to the cruise folder")
        return folder

    def _window(self, window: Window | str | slice | None) -> Window:
        return Window.parse(window, now=clock.as_of(self.end))

    def _close(self) -> None:
        self._origin = None

    # what people see

    @property
    def about(self) -> str:
        """Who reads what, in a few words."""
        if self.product is not None:
            return f"{self.product} of {', '.join(self.inputs.values())}"
        if self.listen is not None:
            return f"{self.reader} from {self.listen}"
        return f"{self.reader} at {self.url if isinstance(self.url, str) else f'{len(self.url)} places'}"

    # across processes

    def _siblings(self) -> Mapping[str, Source] | None:
        return None if self.catalog_object is None else {name: self._sibling(name) for name in self.inputs.values()}
