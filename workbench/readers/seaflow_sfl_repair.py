"""A curated SFL out of a raw or a faulty one, with every change said. The file itself is never touched here.

Source of the repairs: ``seaflowpy sfl`` 15.1.3 (print, convert-gga, dedup, fix-event-rate).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workbench.core.parameters import format_time
from workbench.readers import seaflow_files
from workbench.readers import seaflow_sfl_text as text
from workbench.readers.seaflow_sfl import CURATED
from workbench.readers.seaflow_sfl_cells import Cells
from workbench.readers.seaflow_sfl_findings import LEAST_PRESSURE, NUMBERS, is_date

_SOURCES = ("DATE", "TIME", "COMPUTERUTC", "DMY", "HMS", "DAY", "FILE")


@dataclass(frozen=True)
class Change:
    """One thing that was changed.

    Attributes
    ----------
    line : int or None
        In the file that was read; None where all rows are meant.
    column, before, after, reason : str
        `after` is empty where the row was dropped.
    """

    line: int | None
    column: str
    before: str
    after: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"line {self.line}, " if self.line is not None else ""
        became = f" '{self.before}' -> '{self.after}'" if self.before or self.after else ""
        return f"{where}{self.column}{became}: {self.reason}"


def repair(cells: Cells, counts: Mapping[str, int] | None = None) -> tuple[Cells, list[Change]]:
    """Repair what can be repaired without guessing.

    Parameters
    ----------
    cells : Cells
    counts : mapping of str to int, optional
        Events of each file id: the event rate becomes ``events / file duration`` where both are known.

    Returns
    -------
    cells : Cells
        In the order of time; the curated columns, as they stood where they were right.
    changes : list of Change
        None when nothing was wrong. Repairing again changes nothing.
    """
    changes = [Change(line, "FILE", "", "", f"line dropped: {why}") for line, why in cells.odd]
    cells = Cells(cells.columns, cells.lines)
    steps: list[Callable[[Cells], tuple[Cells, list[Change]]]] = [
        _named, _dated, _timed, _in_degrees, _numbers, _pressure, lambda c: _rates(c, counts or {}), _once, _ordered, _curated,
    ]  # fmt: skip
    for step in steps:
        cells, new = step(cells)
        changes += new
    return cells, changes


def _replace(
    cells: Cells, column: str, after: Iterable[str], reason: str, before: Sequence[str] | None = None
) -> tuple[Cells, list[Change]]:
    """`cells` with a column altered, and a change for each cell that differs."""
    old = cells.columns.get(column, ("",) * len(cells)) if before is None else before
    new = tuple(after)
    changes = [Change(n, column, a, b, reason) for n, a, b in zip(cells.lines, old, new, strict=True) if a != b]
    return cells.with_column(column, new), changes


def _named(cells: Cells) -> tuple[Cells, list[Change]]:
    """FILE with the day folder that its own time gives."""
    ids = [str(name) for name in text.file_ids_of(cells.columns)]
    if cells.lines and not any("/" in cell for cell in cells.columns["FILE"]):
        return cells.with_column("FILE", ids), [Change(None, "FILE", "", "", "the day folder was added to every name")]
    return _replace(cells, "FILE", ids, "the day folder belongs to the name")


def _dated(cells: Cells) -> tuple[Cells, list[Change]]:
    """DATE from the name or the clock of the file where it is missing, and as RFC 3339 writes it."""
    had = "DATE" in cells.columns
    times = text.times_of(cells.columns)
    names = [seaflow_files.parse(cell) for cell in cells.columns["FILE"]]
    old = cells.columns.get("DATE", ("",) * len(cells))
    dates = []
    for date, time, name in zip(old, times, names, strict=True):
        if np.isnat(time) and name is not None:
            time = name.time64
        dates.append(date if is_date(date) or np.isnat(time) else format_time(time))
    if had:
        return _replace(cells, "DATE", dates, "UTC as RFC 3339 writes it")
    return cells.with_column("DATE", dates), [
        Change(None, "DATE", "", "", "added, from the names or the clock of the rows")
    ]


def _timed(cells: Cells) -> tuple[Cells, list[Change]]:
    """FILE DURATION of 180 s for SDS files, which do not say it, as their makers assume."""
    if "FILE DURATION" in cells.columns or "COMPUTERUTC" not in cells.columns:
        return cells, []
    filled = ("180",) * len(cells)
    return cells.with_column("FILE DURATION", filled), [
        Change(None, "FILE DURATION", "", "", "added, 180 s are assumed")
    ]


def _in_degrees(cells: Cells) -> tuple[Cells, list[Change]]:
    """Positions of a GPS (``ddmm.mmmm``) as degrees, to four decimals."""
    changes = []
    for column, kind in (("LAT", "latitude"), ("LON", "longitude")):
        if column in cells.columns:
            new = [_degrees(cell, kind) for cell in cells.columns[column]]
            cells, found = _replace(cells, column, new, "degrees and minutes (GGA) became degrees")
            changes += found
    return cells, changes


def _degrees(cell: str, kind: str) -> str:
    if not text.GGA[kind][0].fullmatch(cell):
        return cell
    whole, minutes = divmod(abs(float(cell)), 100.0)
    degrees = whole + minutes / 60.0
    if minutes >= 60.0 or degrees > (90.0 if kind == "latitude" else 180.0):
        return cell
    return f"{'-' if cell.startswith('-') and degrees else ''}{degrees:.4f}"


def _numbers(cells: Cells) -> tuple[Cells, list[Change]]:
    """What is no number becomes NA where it may be missing; so do other ways to say that nothing is there."""
    changes = []
    for column in NUMBERS:
        if column not in cells.columns:
            continue
        old = cells.columns[column]
        plain = ["NA" if cell in text.ABSENT or text.parse_number(cell) == text.NOWHERE else cell for cell in old]
        cells = cells.with_column(column, plain)
        changes += [
            Change(n, column, a, b, "an unknown position")
            for n, a, b in zip(cells.lines, old, plain, strict=True)
            if a not in text.ABSENT and a != b
        ]
        if column in ("FILE DURATION", "STREAM PRESSURE", "EVENT RATE"):
            continue
        new = [c if c == "NA" or np.isfinite(text.parse_number(c)) else "NA" for c in plain]
        cells, found = _replace(cells, column, new, "not a number")
        changes += found
    return cells, changes


def _pressure(cells: Cells) -> tuple[Cells, list[Change]]:
    """Stream pressure of at most 0 becomes the least there is."""
    old = cells.columns.get("STREAM PRESSURE")
    if old is None:
        return cells, []
    new = [f"{LEAST_PRESSURE:.4f}" if text.parse_number(cell) <= 0 else cell for cell in old]
    return _replace(cells, "STREAM PRESSURE", new, "a flow needs a pressure above 0")


def _rates(cells: Cells, counts: Mapping[str, int]) -> tuple[Cells, list[Change]]:
    """EVENT RATE as events by duration, where the events are known."""
    if not counts:
        return cells, []
    old = cells.columns.get("EVENT RATE", ("NA",) * len(cells))
    durations = cells.columns.get("FILE DURATION", ("NA",) * len(cells))
    new = []
    for file, duration, rate in zip(cells.columns["FILE"], durations, old, strict=True):
        seconds = text.parse_number(duration)
        known = file in counts and np.isfinite(seconds)
        new.append(f"{counts[file] / seconds if seconds > 0 else 0.0:.4f}" if known else rate)
    return _replace(cells, "EVENT RATE", new, "events in the file by its duration", old)


def _once(cells: Cells) -> tuple[Cells, list[Change]]:
    """All rows of a file that is there more than once are dropped: nobody can tell which is right."""
    files = cells.columns["FILE"]
    often = Counter(files)
    gone = [i for i, file in enumerate(files) if often[file] > 1]
    changes = [
        Change(cells.lines[i], "FILE", files[i], "", f"row dropped: the file is there {often[files[i]]} times")
        for i in gone
    ]
    return cells.keep([i for i, file in enumerate(files) if often[file] == 1]), changes


def _ordered(cells: Cells) -> tuple[Cells, list[Change]]:
    """Rows by the time of their files; rows whose name says nothing stay behind the one before them."""
    keys: list[tuple[int, int]] = []
    for cell in cells.columns["FILE"]:
        name = seaflow_files.parse(cell)
        keys.append(name.order if name else keys[-1] if keys else (-1, 0))
    order = sorted(range(len(cells)), key=lambda i: keys[i])
    if order == list(range(len(cells))):
        return cells, []
    moved = sum(i != at for at, i in enumerate(order))
    return cells.keep(order), [Change(None, "FILE", "", "", f"sorted by time: {moved} rows stand elsewhere now")]


def _curated(cells: Cells) -> tuple[Cells, list[Change]]:
    """The curated columns, in their order; others are left out."""
    missing = [name for name in CURATED if name not in cells.columns]
    others = [name for name in cells.columns if name not in CURATED]
    columns = {name: cells.columns.get(name, ("NA",) * len(cells)) for name in CURATED}
    changes = [Change(None, name, "", "", "added as NA") for name in missing]
    if left_out := [name for name in others if name not in _SOURCES]:
        changes.append(Change(None, ", ".join(left_out), "", "", "left out: not a column of a curated SFL"))
    return Cells(columns, cells.lines), changes
