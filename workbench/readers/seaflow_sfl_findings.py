"""What is wrong with an SFL: each finding with its line, column, value and cure.

Source of the rules: ``seaflowpy sfl validate`` 15.1.3.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workbench.readers import seaflow_files
from workbench.readers.seaflow_sfl_cells import Cells
from workbench.readers.seaflow_sfl_text import ABSENT, GGA, parse_date, parse_number

#: Stream pressure of at most 0 is written as this.
LEAST_PRESSURE = 1e-4
_INF = float("inf")
#: Column: lowest and highest value, and what may be missing: nothing, some rows, or all of it.
_NUMBERS = {
    "FILE DURATION": (0.0, _INF, "nothing"), "LAT": (-90.0, 90.0, "some"), "LON": (-180.0, 180.0, "some"),
    "CONDUCTIVITY": (-_INF, _INF, "all"), "SALINITY": (-_INF, _INF, "all"), "OCEAN TEMP": (-_INF, _INF, "all"),
    "PAR": (-_INF, _INF, "all"), "BULK RED": (-_INF, _INF, "all"),
    "STREAM PRESSURE": (LEAST_PRESSURE, _INF, "nothing"), "EVENT RATE": (0.0, _INF, "nothing"),
}  # fmt: skip
NUMBERS = tuple(_NUMBERS)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]00:00", re.ASCII)
_FIX = "run `workbench seaflow sfl fix`"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    level : str
        ``"error"``: other tools would fail or compute wrong numbers. ``"warning"``: something is missing.
    line : int or None
        In the file, the header is 1; None where the whole column is meant.
    column, value, message, cure : str
    """

    level: str
    line: int | None
    column: str
    value: str
    message: str
    cure: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"line {self.line}, " if self.line is not None else ""
        found = f" '{self.value}'" if self.value else ""
        return f"{self.level}: {where}{self.column}{found}: {self.message}; {self.cure}"


def validate(cells: Cells) -> list[Finding]:
    """Everything that is wrong with a curated SFL.

    Parameters
    ----------
    cells : Cells

    Returns
    -------
    list of Finding
        By column, then by line; one for each row.
    """
    found = [
        Finding("error", line, "FILE", "", f"line has {why}", f"complete or remove the line, or {_FIX}")
        for line, why in cells.odd
    ]
    if not cells.lines:
        found.append(Finding("error", None, "FILE", "", "there are no rows", "take the SFL from the instrument again"))
    for column in _NUMBERS:
        found += _number_column(cells, column)
    found += _files(cells)
    found += _dates(cells)
    return found


def _number_column(cells: Cells, column: str) -> Iterator[Finding]:
    low, high, may_miss = _NUMBERS[column]
    if column not in cells.columns:
        yield Finding(
            "error", None, column, "", "the column is missing", f"{_FIX}, which adds it as NA where it may be"
        )
        return
    here = cells.columns[column]
    numbers = [parse_number(cell) for cell in here]
    absent = [cell in ABSENT for cell in here]
    for line, cell, number, missing in zip(cells.lines, here, numbers, absent, strict=True):
        if missing:
            continue
        if not np.isfinite(number):
            yield Finding("error", line, column, cell, "not a number", "put the right number, or NA")
        elif not low <= number <= high:
            yield Finding("error", line, column, cell, f"outside {low:g} to {high:g}", _range_cure(column, cell))
    if here and all(absent):
        level = "warning" if may_miss == "all" else "error"
        yield Finding(
            level, None, column, "", "the column has no data", "fill it from the ship's feeds, if there are any"
        )
    elif may_miss == "nothing":
        yield from _missing(cells.lines, absent, column, "error", "needed, and missing")
    else:
        yield from _missing(cells.lines, absent, column, "warning", "missing")


def _missing(lines: Sequence[int], absent: Sequence[bool], column: str, level: str, text: str) -> Iterator[Finding]:
    cure = "put the right number" if level == "error" else "nothing, if it was not measured"
    yield from (Finding(level, line, column, "", text, cure) for line, none in zip(lines, absent, strict=True) if none)


def _range_cure(column: str, cell: str) -> str:
    kind = {"LAT": "latitude", "LON": "longitude"}.get(column)
    if kind and GGA[kind][0].fullmatch(cell):
        return f"it looks like degrees and minutes of a GPS (GGA): {_FIX}, which converts it"
    return f"{_FIX}, which writes {LEAST_PRESSURE:g}" if column == "STREAM PRESSURE" else "put the right number, or NA"


def _files(cells: Cells) -> Iterator[Finding]:
    files = cells.columns["FILE"]
    names = [seaflow_files.parse(cell) for cell in files]
    for line, cell, name in zip(cells.lines, files, names, strict=True):
        if name is None:
            yield Finding(
                "error", line, "FILE", cell, "not the name of an EVT file", "name it as the EVT file is named"
            )
        elif "/" not in cell:
            yield Finding("error", line, "FILE", cell, "the day folder is missing", f"{_FIX}, which adds it")
    often = Counter(files)
    for line, cell in zip(cells.lines, files, strict=True):
        if often[cell] > 1:
            cure = f"keep the right one, or {_FIX}, which drops all {often[cell]}"
            yield Finding("error", line, "FILE", cell, "the file is there more than once", cure)
    order = [(name.order, line, cell) for name, line, cell in zip(names, cells.lines, files, strict=True) if name]
    for before, after in itertools.pairwise(order):
        if after[0] < before[0]:
            yield Finding(
                "error", after[1], "FILE", after[2], "not in the order of time", f"{_FIX}, which sorts the rows"
            )
            break


def _dates(cells: Cells) -> Iterator[Finding]:
    if "DATE" not in cells.columns:
        yield Finding("error", None, "DATE", "", "the column is missing", f"{_FIX}, which takes it from the names")
        return
    for line, date, file in zip(cells.lines, cells.columns["DATE"], cells.columns["FILE"], strict=True):
        if not is_date(date):
            cure = f"write it as 2014-07-04T00:00:02+00:00, or {_FIX}"
            yield Finding("error", line, "DATE", date, "not a time in UTC as RFC 3339 writes it", cure)
            continue
        name = seaflow_files.parse(file)
        if name is not None and not np.isnat(name.time64) and name.time64 != parse_date(date):
            cure = "correct the one that is wrong"
            yield Finding("error", line, "DATE", date, f"not the time in the name of the file, {file}", cure)


def is_date(cell: str) -> bool:
    """True for ``2014-07-04T00:00:02+00:00`` (or ``-00:00``)."""
    return _DATE.fullmatch(cell) is not None and not np.isnat(parse_date(cell))
