"""Many files as one dataset: which are taken, what their arrays mean together, which of their rows lie in the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr
from xarray.core import indexing

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.units import convert
from workbench.core.variables import VARIABLES
from workbench.core.window import ALWAYS, Window
from workbench.readers import rows_columns, rows_table
from workbench.readers.moments import Moments
from workbench.readers.rows_columns import Column
from workbench.readers.rows_index import Asked, Index, Known
from workbench.readers.rows_layout import Layout
from workbench.readers.rows_table import Member, Still, Table

Missing = Literal["error", "nan"]
#: Rows of a file, from one to before another.
Piece = tuple[Known, int, int]
TIMELESS = "Name it: `time: ARRAY`, and `time_units:` where the file does not say them"


@dataclass(frozen=True)
class Options:
    """What the user asked of the variables: see `workbench.readers.hdf5.Hdf5.open_dataset`."""

    variables: Mapping[str, str] | None = None
    units: Mapping[str, str] | None = None
    missing: Missing = "error"


class Opening:
    """One opening: files to layouts, layouts to columns, columns to a dataset."""

    def __init__(self, index: Index, asked: Asked, options: Options, alone: bool, refused: list[str]) -> None:
        self.index, self.asked, self.options, self.alone, self.refused = index, asked, options, alone, refused
        self._plans: dict[str, dict[str, Column] | ReaderError] = {}
        self._first: dict[str, Column] = {}

    def good(self, each: Known | ReaderError) -> bool:
        """False for a file that is refused, and listed so; raised when it is alone."""
        wrong = each if isinstance(each, ReaderError) else self._wrong(each)
        if wrong is None:
            return True
        if self.alone:
            raise wrong
        self.refused.append(str(wrong))
        return False

    def _wrong(self, known: Known) -> ReaderError | None:
        layout = self.index.layout(known.signature)
        if layout.time is None and not self.alone:
            return ReaderError(known.path, "nothing in it is a time of rows", hint=TIMELESS)
        if known.signature not in self._plans:
            try:
                made = rows_columns.plan(known.path, layout, self.options.variables, self.options.units)
                self._plans[known.signature] = self._agree(known.path, made)
            except ReaderError as error:
                self._plans[known.signature] = error
        plan = self._plans[known.signature]
        if isinstance(plan, ReaderError):
            return ReaderError(known.path, plan.reason, hint=plan.hint)
        return None

    def _agree(self, path: str, columns: dict[str, Column]) -> dict[str, Column]:
        """The same columns in the units and along the axes of the files before."""
        out = {}
        for name, column in columns.items():
            first = self._first.setdefault(name, column)
            if (column.dims, column.stored.shape, column.dtype == "O") != (
                first.dims,
                first.stored.shape,
                first.dtype == "O",
            ):
                raise ReaderError(
                    path, f"'{name}' runs along other axes than in the files before", hint="Open it on its own"
                )
            if column.to != first.to:
                try:
                    convert(np.zeros(1), column.to, first.to)
                except WorkbenchError as error:
                    raise ReaderError(path, f"'{name}' is in another unit than before ({error})") from error
                column = replace(column, unit=column.to, to=first.to, dtype="<f8")
            out[name] = column
        return out

    def dataset(self, files: list[Known], window: Window) -> xr.Dataset:
        """One dataset of all files, each after the one before."""
        layouts = {known.signature: self.index.layout(known.signature) for known in files}
        if self.alone and files and next(iter(layouts.values())).time is None:
            return self._timeless(files[0], window)
        files = _sorted(files)
        members, when = self._members([(known, 0, known.rows) for known in files], window)
        return self._assembled(files, members, when, len(members))

    def stretches(self, files: list[Known], window: Window, rows: int) -> list[Callable[[], xr.Dataset]] | None:
        """What opens about `rows` rows at a time of what `dataset` gives; None where nothing in the file is a time."""
        if self.alone and files and self.index.layout(files[0].signature).time is None:
            return None
        files = _sorted(files)
        groups = _groups([known for known in files if known.rows and _touches(known, window)], rows)
        seen: dict[str, int] = {}

        def some(at: int) -> xr.Dataset:
            members, when = self._members(groups[at], window)
            new = sum(seen.setdefault(member.path, at) == at for member in members)
            ds = self._assembled(files, members, when, new)
            return ds.assign_attrs(refused="") if at else ds

        return [partial(some, at) for at in range(len(groups))]

    def _assembled(self, files: list[Known], members: list[Member], when: list[Moments], count: int) -> xr.Dataset:
        """The rows of `members`, with the variables of all files; `count` files are counted."""
        layouts = {known.signature: self.index.layout(known.signature) for known in files}
        plans: list[dict[str, Column]] = [self._plans[signature] for signature in layouts]  # type: ignore[misc]
        numbers = {signature: i for i, signature in enumerate(layouts)}
        signatures = {known.path: known.signature for known in files}
        table = Table(
            [replace(member, layout=numbers[signatures[member.path]]) for member in members],
            plans,
            self.options.missing,
        )
        made: dict[str, Any] = dict(rows_table.variables(table))
        left = {name for signature in numbers for name in layouts[signature].left_out}
        if files and plans:
            still, aside = _still(files[0].path, plans)
            made |= still
            left |= aside
        time = np.concatenate([np.empty(0, "datetime64[ns]"), *when])
        attrs = {
            "Conventions": "CF-1.11", "files": count, "rows": len(time), "left_out": ", ".join(sorted(left)),
            "refused": "\n".join(self.refused),
        }  # fmt: skip
        about = time_attrs(layouts[files[0].signature]) if files else VARIABLES["time"].attrs()
        return xr.Dataset(made, {"time": xr.Variable("time", time, about)}, attrs)

    def _members(self, pieces: Sequence[Piece], window: Window) -> tuple[list[Member], list[Moments]]:
        members, when = [], []
        for known, begin, stop in pieces:
            if not known.rows or not _touches(known, window):
                continue
            try:
                moments = known.times(self.index, begin, stop)
            except ReaderError as error:
                if self.alone:
                    raise
                self.refused.append(str(error))
                continue
            member = Member(known.path, 0, begin, begin + len(moments))
            if window != ALWAYS:
                member, moments = _cut(member, moments, window)
            if member.rows:
                members.append(member)
                when.append(moments)
        return members, when

    def _timeless(self, known: Known, window: Window) -> xr.Dataset:
        """A file in which nothing is a time, as it is."""
        if window != ALWAYS:
            raise ReaderError(known.path, "nothing in it is a time of rows", hint=TIMELESS)
        plan = self._plans[known.signature]
        assert not isinstance(plan, ReaderError)
        made, left = _still(known.path, [plan])
        attrs = {"Conventions": "CF-1.11", "files": 1, "rows": 0, "left_out": ", ".join(sorted(left)), "refused": ""}
        return xr.Dataset(made, attrs=attrs)


def _sorted(files: list[Known]) -> list[Known]:
    return sorted(files, key=lambda known: (known.first if known.rows else 2**63 - 1, known.path))


def _touches(known: Known, window: Window) -> bool:
    start, stop = (int(edge.astype(np.int64)) for edge in window)
    return window == ALWAYS or not (known.last < start or known.first >= stop)


def _groups(files: list[Known], rows: int) -> list[list[Piece]]:
    """All rows of files, about `rows` in a group: small files together, large ones cut."""
    out: list[list[Piece]] = [[]]
    room = rows
    for known in files:
        begin = 0
        while begin < known.rows:
            stop = min(begin + room, known.rows)
            out[-1].append((known, begin, stop))
            room -= stop - begin
            begin = stop
            if not room:
                out.append([])
                room = rows
    return [group for group in out if group]


def _still(path: str, plans: list[dict[str, Column]]) -> tuple[dict[str, xr.Variable], set[str]]:
    """Variables without rows that every file has alike; and the names of the others."""
    found = {name: column for name, column in plans[0].items() if column.axis < 0}
    others = {name for plan in plans for name, column in plan.items() if column.axis < 0} - set(found)
    sizes: dict[str, int] = {}
    out = {}
    for name, column in found.items():
        same = all(plan.get(name, column).stored.shape == column.stored.shape and name in plan for plan in plans)
        lengths = dict(zip(column.dims, column.stored.shape, strict=True))
        if not same or len(lengths) != len(column.dims) or any(sizes.get(dim, n) != n for dim, n in lengths.items()):
            others.add(name)
            continue
        sizes |= lengths
        out[name] = xr.Variable(column.dims, indexing.LazilyIndexedArray(Still(path, column)), dict(column.attrs))
    return out, others


def _cut(member: Member, moments: Moments, window: Window) -> tuple[Member, Moments]:
    """The part of a file inside a window: a run of rows, or rows one by one where its times are in no order."""
    inside = np.flatnonzero(window.contains(moments))
    if not len(inside):
        return replace(member, stop=member.begin), moments[:0]
    begin, stop = member.begin + int(inside[0]), member.begin + int(inside[-1]) + 1
    picked = None if stop - begin == len(inside) else tuple((member.begin + inside).tolist())
    return replace(member, begin=begin, stop=stop, picked=picked), moments[inside]


def time_attrs(layout: Layout) -> dict[str, Any]:
    """Attributes of the time."""
    about = VARIABLES["time"].attrs()
    return about | ({"source_name": layout.time.name} if layout.time is not None and layout.time.name != "time" else {})
