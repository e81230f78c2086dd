"""Two readers as small as they can be: lines that are appended, and boxes that are whole or of no use.

A line is ``SECOND NAME NUMBER``. A box is the count of its lines, then the lines; ``.gz`` boxes are compressed.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.readers import paths as locate
from workbench.readers.reader import Reader, window_of

PROVIDES = (
    VARIABLES["time"],
    VariableSpec("name", (), "str", "", None, "who wrote it"),
    VariableSpec("number", (), "float64", "psi", None, "a number", (0, 100)),
)


@dataclass
class Point:
    """What an entry point is, to those who load it."""

    made: Any

    def load(self) -> Any:
        return self.made


def read(path: str | os.PathLike[str]) -> bytes:
    opener: Any = gzip.open if os.fspath(path).endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            return bytes(file.read())
    except (OSError, EOFError) as error:
        raise ReaderError(path, f"cannot be read ({error})") from error


def rows(path: Any, raw: bytes) -> xr.Dataset:
    cells = [line.split() for line in raw.decode("ascii", "replace").splitlines()]
    if any(len(line) != 3 for line in cells):
        raise ReaderError(path, "a line has not three words")
    time = np.array([int(cell[0]) for cell in cells], dtype="datetime64[s]").astype("datetime64[ns]")
    names = np.array([cell[1] for cell in cells], dtype=np.str_)
    numbers = np.array([float(cell[2]) for cell in cells])
    return xr.Dataset({"name": ("time", names), "number": ("time", numbers)}, {"time": time}, {"rows": len(cells)})


class Small(Reader):
    """What both have in common."""

    provides: ClassVar[tuple[VariableSpec, ...]] = PROVIDES
    opened: ClassVar[list[str]] = []

    def whole(self, path: str) -> xr.Dataset:
        raise NotImplementedError

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        factor: float = 1.0,
    ) -> xr.Dataset:
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        parts, refused = [], [*found.refused]
        for path in sorted(locate_best(found.paths)):
            try:
                parts.append(self.whole(path))
            except ReaderError as error:
                if found.alone:
                    raise
                refused.append(str(error))
        ds = xr.concat(parts, "time") if parts else rows("", b"")
        ds["number"] = ds["number"] * factor
        ds = ds.isel(time=window_of(start, stop).contains(ds["time"].values))
        ds.attrs["refused"] = "\n".join(refused)
        return ds

    def span(self, path: str | os.PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        times = self.whole(os.fspath(path))["time"].values
        nat = np.datetime64("NaT", "ns")
        return (times.min(), times.max()) if times.size else (nat, nat)


def locate_best(paths: Iterable[str]) -> set[str]:
    return {path for path in paths if not (path.endswith(".gz") and os.path.exists(path[:-3]))}


class Lines(Small):
    """Lines that are appended; a last line without its newline is not there yet."""

    patterns: ClassVar[tuple[str, ...]] = ("*.lines",)
    appends: ClassVar[bool] = True

    def whole(self, path: str) -> xr.Dataset:
        return rows(path, read(path)[: self.complete(path)])

    def complete(self, path: str | os.PathLike[str]) -> int:
        return read(path).rfind(b"\n") + 1

    def rows_from(self, path: str | os.PathLike[str], offset: int, *, factor: float = 1.0) -> tuple[xr.Dataset, int]:
        raw = read(path)
        end = raw.rfind(b"\n") + 1
        ds = rows(path, raw[offset:end])
        ds["number"] = ds["number"] * factor
        return ds, end


class Boxes(Small):
    """Whole files: the count of lines, then the lines."""

    patterns: ClassVar[tuple[str, ...]] = ("*.box", "*.box.gz")

    def whole(self, path: str) -> xr.Dataset:
        head, _, body = read(path).partition(b"\n")
        if not head.isdigit():
            raise ReaderError(path, "no count of lines", offset=0)
        if body.count(b"\n") != int(head):
            raise ReaderError(path, "not as many lines as it says", expected=int(head), found=body.count(b"\n"))
        return rows(path, body)

    def complete(self, path: str | os.PathLike[str]) -> int:
        try:
            self.whole(os.fspath(path))
        except ReaderError:
            return 0
        return os.path.getsize(path)


def line(second: int, name: str, number: float) -> str:
    return f"{second} {name} {number:g}\n"


def box(path: Path, lines: list[str], *, claimed: int | None = None) -> None:
    text = f"{len(lines) if claimed is None else claimed}\n{''.join(lines)}"
    raw = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.name.endswith(".gz") else raw)


def total(rows: xr.Dataset, *, factor: float = 1.0) -> xr.Dataset:
    """The running sum of the numbers: any row depends on all before it."""
    ordered = rows.sortby("time")
    return xr.Dataset({"total": ("time", factor * np.cumsum(ordered["number"].to_numpy()))}, {"time": ordered["time"]})


def twice(rows: xr.Dataset) -> xr.Dataset:
    """Each number twice: a row depends on itself alone."""
    return xr.Dataset({"double": ("time", 2 * rows["number"].to_numpy())}, {"time": rows["time"]})


def slope(rows: xr.Dataset, *, over: float = 10.0) -> xr.Dataset:
    """The mean of the numbers within `over` seconds, before and after."""
    time, numbers = rows["time"].to_numpy(), rows["number"].to_numpy()
    near = np.abs(time[:, None] - time[None, :]) <= np.timedelta64(round(over * 1e9), "ns")
    mean = (near * numbers).sum(axis=1) / near.sum(axis=1) if len(time) else numbers
    return xr.Dataset({"mean": ("time", mean)}, {"time": rows["time"]})


twice.reach = np.timedelta64(0, "ns")  # type: ignore[attr-defined]
twice.provides = (VARIABLES["time"], VariableSpec("double", (), "float64", "psi", None, "twice"))  # type: ignore[attr-defined]
slope.reach = np.timedelta64(10, "s")  # type: ignore[attr-defined]
