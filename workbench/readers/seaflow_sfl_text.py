"""The text of an SFL: header, lines, cells; from bytes to named arrays with quality flags.

Three writers, one table:

* curated: 12 columns, DATE as RFC 3339; PAR stands last in some.
* the instrument: FILE without its day folder and no DATE (the name is the time), positions in degrees or as GGA
  ``ddmm.mmmm``, more columns. It writes a line break before each line, so its newest line has none.
* 2009 to 2011 (SDS): time as ``computerUTC`` (``yyyyjjjhhmmss`` or ``yyjjjhhmmss``) or ``time``, no duration.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError
from workbench.core.room import Room
from workbench.core.variables import FAIL, GOOD, MISSING, UNKNOWN, VARIABLES
from workbench.readers import seaflow_files

#: Columns with numbers, by their header in upper case with spaces, and the names they get.
NUMBERS = {
    "FILE DURATION": "file_duration", "LAT": "latitude", "LON": "longitude", "CONDUCTIVITY": "conductivity",
    "SALINITY": "salinity", "OCEAN TEMP": "sea_water_temperature", "PAR": "par", "BULK RED": "bulk_red",
    "STREAM PRESSURE": "stream_pressure", "EVENT RATE": "event_rate", "FILTER PRESSURE": "filter_pressure",
    "MACHINE TEMP": "machine_temperature", "LASER POWER": "laser_power", "CHL": "chl", "FLOW RATE": "flow_rate",
    "FLOW METER": "flow_meter", "XACCEL": "xaccel", "YACCEL": "yaccel", "ZACCEL": "zaccel",
}  # fmt: skip
_NAMING = ("FILE", "DAY", "DATE", "TIME", "COMPUTERUTC", "DMY", "HMS")
ABSENT = frozenset({"", "NA", "na", "NaN", "nan", "NAN", "N/A", "null", "NULL"})
#: What SDS files write for an unknown position.
NOWHERE = -999999.0
GGA = {
    "latitude": (re.compile(r"-?\d{4}(\.\d*)?", re.ASCII), 100.0),
    "longitude": (re.compile(r"-?\d{5}(\.\d*)?", re.ASCII), 1000.0),
}
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_UTC = frozenset({"", "Z", "+00:00", "-00:00"})
#: What some editors put before the first line.
_MARK = b"\xef\xbb\xbf"
_BLANKS = ' "\r'
_NAT = np.datetime64("NaT", "ns")
SDS_DURATION = 180.0


@dataclass(frozen=True)
class Table:
    """Rows of an SFL, in the order of its lines.

    Attributes
    ----------
    time : numpy.ndarray of datetime64[ns], shape (rows,)
    file_id : numpy.ndarray of str, shape (rows,)
    values : dict of str to numpy.ndarray of float64
    flags : dict of str to numpy.ndarray of int8
        QARTOD flags of the same names.
    text : dict of str to numpy.ndarray of str
        Columns of other names, as they stand.
    bad : Counter
        What was wrong, and how often.
    """

    time: npt.NDArray[np.datetime64]
    file_id: npt.NDArray[np.str_]
    values: dict[str, npt.NDArray[np.float64]]
    flags: dict[str, npt.NDArray[np.int8]]
    text: dict[str, npt.NDArray[np.str_]]
    bad: Counter[str]


def header(path: str | PathLike[str], raw: bytes) -> tuple[str, ...]:
    """Column names of the first line, upper case, with spaces for dots.

    Raises
    ------
    ReaderError
        When there is no whole first line, or it does not name FILE.
    """
    end = raw.find(b"\n")
    if end < 0:
        raise ReaderError(
            path, "no whole header line yet", offset=0, expected="a line with FILE", found=f"{len(raw)} bytes"
        )
    line = raw[:end].removeprefix(_MARK).decode("latin-1")
    names = tuple(cell.strip('" \r').replace(".", " ").upper() for cell in line.split("\t"))
    if "FILE" not in names:
        shown = line.strip()[:60] or "an empty line"
        raise ReaderError(
            path, "not an SFL header", offset=0, expected="tab-separated names, FILE among them", found=shown
        )
    return names


def whole(raw: bytes, names: Sequence[str]) -> int:
    """Bytes of `raw` (from the header on) that form whole lines.

    A last line without its line break may be cut inside a number, and is left for later. The instrument's newest line
    never has one, though: where it wrote the file (lines end in CR LF, no DATE), a last line with every field, whose
    last number has as many decimals as that of the line before, is whole.
    """
    end = raw.rfind(b"\n") + 1
    rest = raw[end:]
    if not rest or "DATE" in names or raw[end - 2 : end] != b"\r\n":
        return end
    before = raw[: end - 2].rpartition(b"\n")[2]
    if before.count(b"\t") != len(names) - 1 or rest.count(b"\t") != len(names) - 1:
        return end
    decimals = [re.fullmatch(rb"-?\d+\.(\d+)", line.rpartition(b"\t")[2]) for line in (before, rest)]
    if decimals[0] and decimals[1] and len(decimals[0][1]) == len(decimals[1][1]):
        return len(raw)
    return end


def parse(names: Sequence[str], raw: bytes) -> Table:
    """Rows of whole lines (without the header). Lines that are not rows are counted, cells that are no numbers flagged."""
    bad: Counter[str] = Counter()
    lines = []
    for line in raw.decode("latin-1").replace("\r\n", "\n").split("\n"):
        fields = line.count("\t") + 1
        if fields == len(names) and line:
            lines.append(line)
        elif line.strip():
            bad[f"line has {fields} fields, not {len(names)}"] += 1
    body = "\t".join(lines)
    padded = any(blank in body for blank in _BLANKS)
    cells = body.split("\t") if lines else []
    columns: dict[str, Sequence[str]] = {}
    for i, name in enumerate(names):
        here = cells[i :: len(names)]
        columns.setdefault(name, [cell.strip(_BLANKS) for cell in here] if padded else here)
    time = times_of(columns)
    keep = ~np.isnat(time)
    if not keep.all():
        bad["line has no time"] += int((~keep).sum())
    values, flags = {}, {}
    for column, name in NUMBERS.items():
        if column in columns:
            values[name], flags[name] = _numbers(name, columns[column], keep, bad)
    if "file_duration" not in values and "COMPUTERUTC" in columns:  # as the makers' own converter assumes
        values["file_duration"] = np.full(int(keep.sum()), SDS_DURATION)
        flags["file_duration"] = np.full(int(keep.sum()), UNKNOWN, dtype=np.int8)
    others = [c for c in columns if c not in NUMBERS and c not in _NAMING and c and not c.startswith("UNNAMED")]
    text = {c.lower().replace(" ", "_"): np.array(columns[c], dtype=np.str_)[keep] for c in others}
    return Table(time[keep], file_ids_of(columns)[keep], values, flags, text, bad)


def joined(first: Table, then: Table, rooms: defaultdict[str, Room] | None = None) -> Table:
    """The rows of two parts of one file: what `parse` gives of both together.

    `rooms` are those of a file that grows, by column: of what it had before nothing is copied.
    """
    rooms = defaultdict(Room) if rooms is None else rooms
    both = {
        name: {
            key: rooms[f"{name} {key}"].after(column, getattr(then, name)[key])
            for key, column in getattr(first, name).items()
        }
        for name in ("values", "flags", "text")
    }
    time, ids = (rooms[name].after(getattr(first, name), getattr(then, name)) for name in ("time", "file_id"))
    return Table(time, ids, both["values"], both["flags"], both["text"], first.bad + then.bad)


def _numbers(
    name: str, cells: Sequence[str], keep: npt.NDArray[np.bool_], bad: Counter[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8]]:
    """Values and QARTOD flags of one column: 4 no number or impossible, 9 missing."""
    absent = np.array([cell in ABSENT for cell in cells], dtype=np.bool_)
    values = _values(cells, absent)
    if name in GGA:
        _to_degrees(values, cells, *GGA[name])
    values, absent = values[keep], absent[keep]
    absent |= values == NOWHERE
    flags = np.full(values.shape, GOOD, dtype=np.int8)
    wrong = ~np.isfinite(values) & ~absent
    values[absent | wrong] = np.nan
    flags[wrong] = FAIL
    flags[absent] = MISSING
    if wrong.any():
        bad[f"{name} is not a number"] += int(wrong.sum())
    limits = VARIABLES[name].valid_range if name in VARIABLES else None
    if limits:
        outside = (values < limits[0]) | (values > limits[1])
        flags[outside] = FAIL
        if outside.any():
            bad[f"{name} is outside {limits[0]:g} to {limits[1]:g}"] += int(outside.sum())
    return values, flags


def _values(cells: Sequence[str], absent: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Numbers of the cells; NaN where there is none."""
    try:
        if "_" not in "".join(cells):  # which float() would take
            filled = ["nan" if none else cell for cell, none in zip(cells, absent.tolist(), strict=True)]
            return np.array(list(map(float, filled)), dtype=np.float64)
    except ValueError:
        pass
    return np.array([parse_number(cell) for cell in cells], dtype=np.float64)


def parse_number(cell: str) -> float:
    """The number in a cell; NaN where there is none."""
    try:
        return float(cell) if "_" not in cell else float("nan")
    except ValueError:
        return float("nan")


def _to_degrees(values: npt.NDArray[np.float64], cells: Sequence[str], gga: re.Pattern[str], least: float) -> None:
    """Turn GGA's degrees and minutes (four figures before the point, five in longitude) into degrees, in place.

    Only numbers from `least` on, or with two zeros in front, can be GGA.
    """
    zeros = [i for i, cell in enumerate(cells) if cell.startswith(("00", "-00"))]
    for i in sorted({*zeros, *np.flatnonzero(np.abs(values) >= least).tolist()}):
        if not gga.fullmatch(cells[i]):
            continue
        whole_degrees, minutes = divmod(abs(float(values[i])), 100.0)
        degrees = whole_degrees + minutes / 60.0 if minutes < 60.0 else float("nan")
        values[i] = -degrees if cells[i].startswith("-") else degrees


def times_of(columns: Mapping[str, Sequence[str]]) -> npt.NDArray[np.datetime64]:
    """UTC of each row: DATE, else the file's name, else ``time`` or ``computerUTC``."""
    if "DATE" in columns:
        return _dates(columns["DATE"])
    if "TIME" in columns:
        return _dates([cell.replace(" ", "T", 1) for cell in columns["TIME"]])
    if "COMPUTERUTC" in columns:
        return np.array([_computer(cell) for cell in columns["COMPUTERUTC"]], dtype="datetime64[ns]")
    parsed = [seaflow_files.parse(cell) for cell in columns["FILE"]]
    return np.array([_NAT if name is None else name.time64 for name in parsed], dtype="datetime64[ns]")


def _dates(cells: Sequence[str]) -> npt.NDArray[np.datetime64]:
    try:
        if all(_STAMP.match(cell) and cell[19:] in _UTC for cell in cells):
            return np.array([cell[:19] for cell in cells], dtype="datetime64[ns]")
    except ValueError:
        pass
    return np.array([parse_date(cell) for cell in cells], dtype="datetime64[ns]")


def parse_date(cell: str) -> np.datetime64:
    """UTC of an RFC 3339 time; NaT where it is none."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return _NAT
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ns")


def _computer(cell: str) -> np.datetime64:
    text = "20" + cell if len(cell) == 11 else cell
    try:
        return np.datetime64(datetime.strptime(text, "%Y%j%H%M%S"), "ns") if len(text) == 13 else _NAT
    except ValueError:
        return _NAT


def file_ids_of(columns: Mapping[str, Sequence[str]]) -> npt.NDArray[np.str_]:
    """``YYYY_DDD/name`` of each row, as the EVT reader calls the file."""
    days = columns.get("DAY")
    ids = []
    for i, cell in enumerate(columns["FILE"]):
        name = seaflow_files.parse(cell)
        old = re.fullmatch(r"sds_(\d+)_(\d+)_(\d+)", cell)
        if name is not None:
            ids.append(name.file_id)
        elif old:
            ids.append(f"{old[1]}_{old[2]}/{old[3]}.evt")
        elif days and cell.isdigit():
            ids.append(f"{days[i]}/{cell}.evt")
        else:
            ids.append(cell)
    return np.array(ids, dtype=np.str_)
