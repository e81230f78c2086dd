"""The text of SeaFlow's instrument log: stamps, and the events that stand below them.

Source of the kinds: ``event_definitions.json`` of seaflog. The instrument writes a line break before each line, so its
newest line has none: that one counts when it is of a form that cannot go on (``PMT1:0.95``, ``write evt: 0``).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError

#: How a line begins, in lower case; which kind of event that is; and what its value is.
_FORMS = (
    *((f"pmt{i}:", f"PMT{i}", "number") for i in range(1, 9)),
    ("all pmt:", "PMT_ALL", "number"),
    ("trigger source:", "trigger_source", "number"),
    ("trigger level:", "trigger_level", "number"),
    ("stream pressure unlocked", "stream_pressure_locked", "off"),
    ("stream pressure locked", "stream_pressure_locked", "on"),
    ("pump voltage change:", "pump_voltage_change", "number"),
    ("fluid leak or inlet valve is shut", "inlet_fault", "fault"),
    ("pump over ", "pump_fault", "fault"),
    ("syringe pump not communicating with labview", "syringe_pump_fault", "fault"),
    ("change to laser alignment", "laser_alignment", "on"),
    ("change to stream alignment", "stream_alignment", "on"),
    ("note:", "note", "text"),
    ("write evt:", "write_evt", "number"),
    ("calibration:", "calibration", "number"),
    ("syringe pump injection:", "syringe_pump_injection", "number"),
    ("laser:", "laser", "number"),
    ("cruise name:", "cruise_name", "text"),
    ("instrument operator:", "instrument_operator", "text"),
    ("instrument serial:", "instrument_serial", "text"),
    ("vessel:", "vessel", "text"),
)
OTHER = "other"
#: All kinds of events.
EVENTS = (*dict.fromkeys(kind for _, kind, _ in _FORMS), OTHER)

_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)([+-])(\d\d)[-:]?(\d\d)", re.ASCII)
_WHOLE = re.compile(
    r"(pmt\d|trigger level|pump voltage change):\s?-?\d+\.\d\d|(write evt|laser|calibration):\s?[01]", re.ASCII
)
_WHEN = re.compile(r"(\d\d):(\d\d):(\d\d),\s*(\d\d)(\d\d)(\d{4})\s*$", re.ASCII)
_NAT = np.datetime64("NaT", "ns")


@dataclass(frozen=True, eq=False)
class Table:
    """Events of one log, in the order of its lines.

    Attributes
    ----------
    time, time_instrument : numpy.ndarray of datetime64[ns], shape (rows,)
        Of the stamp above the event, NaT without one; and when a fault says it happened, else NaT.
    event, message : numpy.ndarray of str
    value : numpy.ndarray of float64
    line, offset : numpy.ndarray of int64
        Line (from 1) and byte at which the event stands.
    end : int
        Bytes that form whole lines.
    bad : Counter
    """

    time: npt.NDArray[np.datetime64]
    time_instrument: npt.NDArray[np.datetime64]
    event: npt.NDArray[np.str_]
    message: npt.NDArray[np.str_]
    value: npt.NDArray[np.float64]
    line: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    end: int
    bad: Counter[str]

    @property
    def nbytes(self) -> int:
        arrays = (self.time, self.time_instrument, self.event, self.message, self.value, self.line, self.offset)
        return 1024 + sum(array.nbytes for array in arrays)


def parse(path: str, raw: bytes) -> Table:
    """All events of the whole lines of a log.

    Raises
    ------
    ReaderError
        When its first line with any text is no time.
    """
    end = whole(raw)
    rows: list[tuple[np.datetime64, str, str, int, int]] = []
    bad: Counter[str] = Counter()
    time: np.datetime64 | None = None
    offset = 0
    for number, piece in enumerate(raw[:end].split(b"\n"), start=1):
        line, here = piece.decode("latin-1").strip("\r\0 \t"), offset
        offset += len(piece) + 1
        if not line:
            continue
        stamp = _stamp(line)
        if stamp is None and time is None:
            raise ReaderError(path, "not an instrument log", offset=here, expected="a time like 2014-05-17T16-57-54+00-00",
                              found=repr(line[:40]))  # fmt: skip
        if stamp is not None:
            time = stamp
            bad["time that cannot be"] += bool(np.isnat(stamp))
        else:
            rows.append((time if time is not None else _NAT, kind_of(line)[0], line, number, here))
    if raw[end:].strip():
        bad["last line has no line break yet"] += 1
    if time is None:
        raise ReaderError(path, "no whole line yet", offset=0, expected="a time", found=f"{len(raw)} bytes")
    return _table(rows, end, +bad)


def whole(raw: bytes) -> int:
    """Bytes that form whole lines, and the newest one where it cannot go on."""
    end = raw.rfind(b"\n") + 1
    rest = raw[end:]
    if rest and raw[end - 2 : end] == b"\r\n" and _WHOLE.fullmatch(rest.decode("latin-1").lower()):
        return len(raw)
    return end


def _table(rows: list[tuple[np.datetime64, str, str, int, int]], end: int, bad: Counter[str]) -> Table:
    parsed = [(kind_of(line), line) for _, _, line, _, _ in rows]
    return Table(
        np.array([row[0] for row in rows], dtype="datetime64[ns]"),
        np.array([_when(line) if form == "fault" else _NAT for (_, form, _), line in parsed], dtype="datetime64[ns]"),
        np.array([row[1] for row in rows], dtype=np.str_),
        np.array([rest if form == "text" else line for (_, form, rest), line in parsed], dtype=np.str_),
        np.array([_value(form, rest) for (_, form, rest), _ in parsed], dtype=np.float64),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array([row[4] for row in rows], dtype=np.int64),
        end,
        bad,
    )


def kind_of(line: str) -> tuple[str, str, str]:
    """The kind of event of a line, the form of its value, and the text after its name."""
    low = line.lower()
    for begin, kind, form in _FORMS:
        if low.startswith(begin):
            return kind, form, line[len(begin) :].strip()
    return OTHER, "other", line


def _value(form: str, rest: str) -> float:
    if form in ("on", "off"):
        return float(form == "on")
    if form != "number" or "_" in rest:
        return float("nan")
    try:
        found = float(rest)
    except ValueError:
        return float("nan")
    return found if np.isfinite(found) else float("nan")


def _stamp(line: str) -> np.datetime64 | None:
    """UTC of a line that is a time; NaT where no calendar has it, None where it is none."""
    match = _STAMP.fullmatch(line)
    if match is None:
        return None
    away = np.timedelta64(int(match[8]) * 60 + int(match[9]), "m")
    return _moment(*(int(match[i]) for i in range(1, 7))) - (away if match[7] == "+" else -away)


def _when(line: str) -> np.datetime64:
    """``23:01:04,12052014`` at the end of a fault: time, then day, month and year."""
    match = _WHEN.search(line)
    if match is None:
        return _NAT
    hour, minute, second, day, month, year = (int(part) for part in match.groups())
    return _moment(year, month, day, hour, minute, second)


def _moment(*parts: int) -> np.datetime64:
    try:
        year, month, day, hour, minute, second = parts
        return np.datetime64(datetime(year, month, day, hour, minute, second).isoformat(), "ns")
    except (ValueError, OverflowError):
        return _NAT
