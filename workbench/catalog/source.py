"""A reader pointed somewhere: the Source, which plain intake opens too."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import yaml
from intake.source.base import DataSource, Schema

from workbench.catalog import location
from workbench.catalog.growth import Cursor, Growth
from workbench.catalog.marks import Look
from workbench.catalog.pieces import blank
from workbench.catalog.registered import named_in, reader_class, refuse_unknown
from workbench.catalog.spans import Spans
from workbench.catalog.tree import Tree, for_glob
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, MAX, MIN, Window, duration
from workbench.readers.paths import matcher
from workbench.readers.reader import Reader

__all__ = ["Cursor", "Source"]


class Source(DataSource):
    """A reader pointed at files.

    Parameters
    ----------
    reader : str
        Name of a reader (entry point of ``xarray.backends``).
    url : str or list of str
        Files, folders (searched recursively) or glob patterns; ``$WORKBENCH_DATA`` at the beginning is the root of the
        data (``--data DIR``).
    every : str, optional
        How often a row (or a file) is due, such as ``"1s"``.
    stale_after : str, optional
        Age from which the source counts as stale.
    metadata : dict, optional
        Given by intake.
    **options
        The reader's own options, as in its ``open_dataset``; anything else is a CatalogError.

    Attributes
    ----------
    name, description : str
    end : numpy.datetime64[ns] or None
        The end of its cruise.
    every, stale_after : numpy.timedelta64[ns] or None
    options : dict
    """

    name, version, container, partition_access = "workbench", "1", "xarray", False

    def __init__(
        self, reader: str = "", url: str | Sequence[str] = "", every: str | None = None, stale_after: str | None = None,
        metadata: dict[str, Any] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(metadata=metadata)
        refuse_unknown(reader, url, options)
        self.reader = reader
        self.url = url if isinstance(url, str) else tuple(url)
        self.options = options
        self.every = None if every is None else duration(every)
        self.stale_after = None if stale_after is None else duration(stale_after)
        self.description = ""
        self.end: np.datetime64 | None = None
        self._looked: tuple[tuple[str, ...], Tree, Spans] | None = None
        self._next = Look()

    def named(self, name: str, description: str = "", end: np.datetime64 | None = None) -> Source:
        """This Source, with the name and description that a catalog gives it, and the end of its cruise."""
        self.name, self.description, self.end = name, description, end
        return self

    # what it reads

    def open(self, window: Window | str | slice | None = ALWAYS) -> xr.Dataset:
        """Rows with ``start <= time < stop``, lazily.

        Parameters
        ----------
        window : Window or str
            Text as `Window.parse` reads it: ``"last 2 days"``, ``"2023-01-12..2023-01-14"``, ``"now-1h..now"``. Of a
            cruise that is over, "last" and "now" count from its end.

        Returns
        -------
        xarray.Dataset
            Dask arrays; broken files are listed in attr ``refused``. No rows when nothing was written yet.

        Raises
        ------
        ReaderError
            When the url leads nowhere, or its only file is broken.
        """
        asked = self._window(window)
        bounds: dict[str, Any] = {} if asked.start == MIN else {"start": asked.start}
        if asked.stop != MAX:
            bounds["stop"] = asked.stop
        places, tree, _ = self._look()
        if next(tree.paths(), None) is None:
            return blank(self._reader())
        named = [for_glob(place) for place in places]
        ds = xr.open_dataset(
            named[0] if len(named) == 1 else named,  # type: ignore[arg-type]
            engine=reader_class(self.reader), chunks={}, **bounds, **self._expanded(),
        )  # fmt: skip
        return ds.assign({name: array.load() for name, array in ds.variables.items() if array.dims == ("file",)})

    def to_dask(self) -> xr.Dataset:
        """Everything, lazily: `open` under intake's name."""
        return self.open()

    def read(self) -> xr.Dataset:
        """Everything, loaded into memory: `open` under intake's name."""
        return self.open().load()

    def files(self, window: Window | str | slice | None = ALWAYS) -> list[Path]:
        """Files whose rows may lie in `window`, in the order of time; no payload is read.

        Raises
        ------
        ReaderError
            When the url leads nowhere.
        """
        return self._look()[2].paths(self._window(window))

    def columns(self, path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Row variables of one file as plain arrays (see `Reader.columns`)."""
        reader = self._reader()
        taken = signature(reader.columns).parameters
        return reader.columns(path, names, **{key: value for key, value in self._expanded().items() if key in taken})

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
        _, tree, _ = self._look()
        return Growth(self._reader(), self._expanded(), self._next).since(tree.look(), cursor)

    def span(self) -> Window | None:
        """From the first time to just after the last; None without rows."""
        return self._look()[2].whole()

    def variables(self) -> dict[str, VariableSpec]:
        """What the reader can provide, by name; with what the newest file names itself, where files do so."""
        reader = self._reader()
        known = {spec.name: spec for spec in reader.provides}
        if reader.fixed:
            return known
        try:
            return {**known, **named_in(reader.open_dataset(self.files()[-1], **self._expanded()), known)}
        except (WorkbenchError, OSError, IndexError):  # no file that can be read, yet
            return known

    @property
    def is_particles(self) -> bool:
        """True when rows are particles (dim ``particle``), not moments."""
        return any(spec.dims == ("particle",) for spec in reader_class(self.reader).provides)

    def _window(self, window: Window | str | slice | None) -> Window:
        return Window.parse(window, now=clock.as_of(self.end))

    def _reader(self) -> Reader:
        return reader_class(self.reader)()

    def _expanded(self) -> dict[str, Any]:
        """Options, with ``$WORKBENCH_DATA`` at the beginning of a path expanded."""
        return {
            name: location.expand(value) if isinstance(value, str) and location.needs_root(value) else value
            for name, value in self.options.items()
        }

    def _look(self) -> tuple[tuple[str, ...], Tree, Spans]:
        """Where the url leads now, and what was seen there so far."""
        urls = (self.url,) if isinstance(self.url, str) else self.url
        try:
            places = tuple(location.expand(url) for url in urls)
        except WorkbenchError as error:
            raise WorkbenchError(f"source {self.name}: {error}") from None
        looked = self._looked
        if looked is None or looked[0] != places:
            tree = Tree(places, matcher(reader_class(self.reader).patterns))
            self._looked = looked = places, tree, Spans(tree, self._reader())
        return looked

    # what intake asks for

    def _get_schema(self) -> Schema:
        return Schema(dtype=None, shape=None, npartitions=1, extra_metadata={})

    def _close(self) -> None:
        self._looked = None

    def describe(self) -> dict[str, Any]:
        """Name, description, driver and arguments."""
        return {"name": self.name, "container": self.container, "driver": "workbench",
                "description": self.description, "args": self._args()}  # fmt: skip

    def configure_new(self, **kwargs: Any) -> Source:
        """The same Source with some arguments altered."""
        return type(self)(**{**self._args(), **kwargs}).named(self.name, self.description, self.end)

    __call__ = get = configure_new

    def _args(self) -> dict[str, Any]:
        given = dict(self._captured_init_kwargs)
        given |= dict(
            zip(("reader", "url", "every", "stale_after", "metadata"), self._captured_init_args, strict=False)
        )
        given.pop("metadata", None)
        url = given["url"]
        return {**given, "url": url if isinstance(url, str) else list(url)}

    def _yaml(self) -> dict[str, Any]:
        entry = {"driver": "workbench", "description": self.description or "", "args": self._args()}
        return {"sources": {self.name: entry}}

    def yaml(self) -> str:
        """This Source as it stands in a catalog."""
        return yaml.safe_dump(self._yaml(), sort_keys=False, allow_unicode=True)

    # what people see

    def __repr__(self) -> str:
        url = self.url if isinstance(self.url, str) else f"{len(self.url)} places"
        return f"<Source {self.name}: {self.reader} at {url}>"

    def _repr_html_(self) -> str:
        urls = [self.url] if isinstance(self.url, str) else self.url
        lines = {"reader": self.reader, "url": "\n".join(urls), "every": self._args().get("every"), **self.options}
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(str(key))}</th>"
            f"<td style='text-align:left;white-space:pre-line'>{html.escape(str(value))}</td></tr>"
            for key, value in lines.items() if value is not None
        )  # fmt: skip
        about = f" {html.escape(self.description)}" if self.description else ""
        return f"<b>{html.escape(self.name)}</b>{about}<table>{rows}</table>"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)  # type: ignore[no-untyped-call]

    # across processes

    def __getstate__(self) -> dict[str, Any]:
        return {
            "args": self._args(),
            "metadata": self.metadata,
            "name": self.name,
            "description": self.description,
            "end": self.end,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._captured_init_args = ()
        self._captured_init_kwargs = {**state["args"], "metadata": state["metadata"]}
        self.__init__(**self._captured_init_kwargs)  # type: ignore[misc]
        self.named(state["name"], state["description"], state["end"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.name, self._args()) == (other.name, other._args())

    def __hash__(self) -> int:
        return hash((self.name, self.reader, self.url))
