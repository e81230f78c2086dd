"""An entry of a catalog: what it is to intake, in YAML, to people who look at it, and to other processes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import yaml
from intake.source.base import DataSource, Schema


class Entry(DataSource):
    """A name, a description and arguments; what is behind them, a subclass says.

    Attributes
    ----------
    name, description : str
    end : numpy.datetime64[ns] or None
        The end of its cruise.
    folder : str or None
        The cruise folder, where the record is.
    """

    name, version, container, partition_access = "workbench", "1", "xarray", False
    catalog_object: Any = None  # the entries beside it, by name; intake sets it, too
    description = ""
    end: np.datetime64 | None = None
    folder: str | None = None
    #: Its arguments, in the order of its constructor.
    fields: ClassVar[tuple[str, ...]] = ()

    def named(
        self, name: str, description: str = "", end: np.datetime64 | None = None, *, folder: str | None = None
    ) -> Self:
        """The same, with the name and description that a catalog gives it, the end and the folder of its cruise."""
        self.name, self.description, self.end, self.folder = name, description, end, folder
        return self

    @property
    def about(self) -> str:
        """Who reads what, in a few words."""
        raise NotImplementedError

    def _siblings(self) -> Mapping[str, Any] | None:
        """Those entries beside it that go with it to another process."""
        return None

    # what intake asks for

    def _get_schema(self) -> Schema:
        return Schema(dtype=None, shape=None, npartitions=1, extra_metadata={})

    def describe(self) -> dict[str, Any]:
        """Name, description, driver and arguments."""
        return {"name": self.name, "container": self.container, "driver": "workbench",
                "description": self.description, "args": self._args()}  # fmt: skip

    def configure_new(self, **kwargs: Any) -> Self:
        """The same with some arguments altered."""
        made = type(self)(**{**self._args(), **kwargs})
        made.catalog_object = self.catalog_object
        return made.named(str(self.name), self.description, self.end, folder=self.folder)

    __call__ = get = configure_new

    def _args(self) -> dict[str, Any]:
        given = dict(self._captured_init_kwargs)
        given |= dict(zip(self.fields, self._captured_init_args, strict=False))
        given.pop("metadata", None)
        if "url" in given and not isinstance(given["url"], str):
            given["url"] = list(given["url"])
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in given.items()}

    def _yaml(self) -> dict[str, Any]:
        entry = {"driver": "workbench", "description": self.description or "", "args": self._args()}
        return {"sources": {self.name: entry}}

    def yaml(self) -> str:
        """As it stands in a catalog."""
        return yaml.safe_dump(self._yaml(), sort_keys=False, allow_unicode=True)

    # what people see

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.about}>"

    def _repr_html_(self) -> str:
        args = {k: "\n".join(v) if isinstance(v, list) else v for k, v in self._args().items() if v is not None}
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(str(key))}</th>"
            f"<td style='text-align:left;white-space:pre-line'>{html.escape(str(value))}</td></tr>"
            for key, value in args.items()
        )
        about = f" {html.escape(self.description)}" if self.description else ""
        return f"<b>{html.escape(str(self.name))}</b>{about}<table>{rows}</table>"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)  # type: ignore[no-untyped-call]

    # across processes

    def __getstate__(self) -> dict[str, Any]:
        return {
            "args": self._args(), "metadata": self.metadata, "name": self.name, "description": self.description,
            "end": self.end, "folder": self.folder, "siblings": self._siblings(),
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._captured_init_args = ()
        self._captured_init_kwargs = {**state["args"], "metadata": state["metadata"]}
        self.__init__(**self._captured_init_kwargs)  # type: ignore[misc]
        self.catalog_object = state["siblings"]
        self.named(state["name"], state["description"], state["end"], folder=state["folder"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and (self.name, self._args()) == (other.name, other._args())

    def __hash__(self) -> int:
        return hash((self.name, self.about))
