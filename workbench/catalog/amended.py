"""Parameters as files say them, with what people decided since laid over them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy.typing as npt
import xarray as xr

from workbench.catalog.files import Files
from workbench.catalog.origin import Cursor
from workbench.core.decisions import Decided, applied
from workbench.core.errors import ReaderError
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import parameters_in, plan_dataset, size_table_in
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, Window
from workbench.readers.reader import Reader
from workbench.readers.seaflow_plan import holding
from workbench.record.decisions import Decisions


class Amended:
    """A plan in files, and the decisions in the record about it.

    Without decisions it is what its files are, to the last attribute. With each new one its cursor is another one, so
    that what is made of it is made again.

    Parameters
    ----------
    files : Files
    decisions : Decisions
    """

    particles = False

    def __init__(self, files: Files, decisions: Decisions) -> None:
        self.plain, self.decisions = files, decisions
        self._read: tuple[int, Decided] = (0, Decided())
        self._written: tuple[tuple[object, ...], Parameters] | None = None

    @staticmethod
    def takes(reader: type[Reader]) -> bool:
        """True of a reader whose parameters people change: it gives a plan dataset."""
        return reader.parameters and {"filter_id", "gating_id"} <= {spec.name for spec in reader.provides}

    def decided(self) -> Decided:
        """What people decided so far; read again only when there is something newer."""
        newest = self.decisions.newest()
        if newest != self._read[0]:
            self._read = newest, self.decisions.read()
        return self._read[1]

    def written(self) -> Parameters:
        """What the files say; read again only when one of them changed."""
        stamp = tuple(_stamp(path) for path in self.plain.files(ALWAYS))
        known = self._written
        if known is None or known[0] != stamp:
            self._written = known = stamp, parameters_in(self.plain.open(ALWAYS))
        return known[1]

    def open(self, window: Window, max_points: int | None = None, *, chunked: bool = True) -> xr.Dataset:
        decided = self.decided()
        if not decided.revision:
            return self.plain.open(window, chunked=chunked)
        ds = self.plain.open(ALWAYS).load()
        written = parameters_in(ds)
        held = applied(written, decided)
        if held is written:
            return self.plain.open(window, chunked=chunked)
        made = plan_dataset(held, size_table_in(ds))
        made.attrs = {**ds.attrs, **made.attrs}
        return made if window == ALWAYS else made.isel(time=holding(made["time"].to_numpy(), window))

    def unchunked(self) -> xr.Dataset:
        """Everything, without dask."""
        return self.open(ALWAYS, chunked=False)

    def changed(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        revision = self.decided().revision
        new, files = self.plain.changed(None if cursor is None else cursor["files"])
        if not revision:
            same = cursor is not None and files is cursor["files"]
            return new, cursor if same and cursor is not None else {"files": files, "decided": 0}
        if cursor is not None and cursor["decided"] == revision and files is cursor["files"]:
            return new, cursor
        ds = self.open(ALWAYS).copy()
        said = {name: new.attrs.get(name, default) for name, default in (("refused", ""), ("more", 0))}
        ds.attrs |= {**said, "replaces": self.decisions.source if cursor is not None else ""}
        return ds, {"files": files, "decided": revision}

    def span(self) -> Window | None:
        return self.plain.span()

    def count(self) -> int:
        return self.plain.count()

    def variables(self) -> dict[str, VariableSpec]:
        return self.plain.variables()

    def files(self, window: Window) -> list[Path]:
        return self.plain.files(window)

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        return self.plain.columns(path, names)


def _stamp(path: Path) -> tuple[object, ...]:
    """Changes when a file does, or one of those that belong to it (TSVs)."""
    kin = sorted(path.parent.glob("*.tsv")) if path.suffix == ".tsv" else [path]
    try:
        stats = [each.stat() for each in kin]
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return tuple(
        (each.name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for each, stat in zip(kin, stats, strict=True)
    )
