"""An SFL as text: what stands in each cell, on which line. For curation; who wants numbers opens `seaflow_sfl`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

from workbench.core.errors import ReaderError
from workbench.readers import paths as locate
from workbench.readers import seaflow_sfl_text as text
from workbench.readers.seaflow_sfl import CURATED, PATTERNS, read_bytes


@dataclass(frozen=True)
class Cells:
    """The cells of one SFL, or of several, one after the other.

    Attributes
    ----------
    columns : dict of str to tuple of str
        By name, upper case with spaces for dots. A cell that one of several files lacks is ``NA``.
    lines : tuple of int
        The line of each row in its file; the header is line 1.
    odd : tuple of (int, str)
        Lines that are no rows, and why.
    """

    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    odd: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def with_column(self, name: str, cells: Iterable[str]) -> Cells:
        """The same with another column `name`."""
        return replace(self, columns={**self.columns, name: tuple(cells)})

    def keep(self, rows: Sequence[int]) -> Cells:
        """These rows, in this order."""
        columns = {name: tuple(cells[i] for i in rows) for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=tuple(self.lines[i] for i in rows))


def find_sfl(named: Iterable[str]) -> list[str]:
    """The SFL files behind some paths, folders or globs, in the order of their names.

    Raises
    ------
    ReaderError
        When a path does not exist, or there is no SFL.
    """
    named = list(named)
    found = locate.find(named, locate.matcher(PATTERNS))
    if found.refused:
        path, _, reason = found.refused[0].partition(": ")
        raise ReaderError(path, reason)
    if not found.paths:
        raise ReaderError(named[0], "there is no SFL here", expected=" or ".join(PATTERNS[::2]), found="none")
    return sorted(found.paths, key=lambda path: (os.path.basename(path), path))


def read_cells(paths: Sequence[str | PathLike[str]]) -> Cells:
    """Read one SFL, or several into one (raw day files of the instrument).

    Raises
    ------
    ReaderError
        When a file cannot be read or is no SFL.
    """
    parts = [_read(fspath(path)) for path in paths]
    names = tuple(dict.fromkeys(name for part in parts for name in part.columns))
    columns = {
        name: tuple(cell for part in parts for cell in part.columns.get(name, ("NA",) * len(part))) for name in names
    }
    return Cells(columns, tuple(n for part in parts for n in part.lines), tuple(o for part in parts for o in part.odd))


def _read(path: str) -> Cells:
    raw = read_bytes(path)
    names = text.header(path, raw if b"\n" in raw else raw + b"\n")
    rows, lines, odd = [], [], []
    for number, line in enumerate(raw.decode("latin-1").replace("\r\n", "\n").split("\n")[1:], start=2):
        if not line.strip():
            continue
        cells = [cell.strip(' "\r') for cell in line.split("\t")]
        if len(cells) != len(names):
            odd.append((number, f"{len(cells)} fields, not {len(names)}"))
            continue
        rows.append(cells)
        lines.append(number)
    columns: dict[str, tuple[str, ...]] = {}
    for i, name in enumerate(names):
        columns.setdefault(name, tuple(row[i] for row in rows))
    return Cells(columns, tuple(lines), tuple(odd))


def write_cells(path: str | PathLike[str], cells: Cells) -> None:
    """Write the 12 curated columns: the file appears whole or not at all."""
    missing = ("NA",) * len(cells)
    columns = [cells.columns.get(name, missing) for name in CURATED]
    lines = ["\t".join(CURATED), *("\t".join(cell or "NA" for cell in row) for row in zip(*columns, strict=True))]
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temp = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        temp.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
        os.replace(temp, place)
    finally:
        temp.unlink(missing_ok=True)
