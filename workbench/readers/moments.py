"""Numbers and texts that mean times, as ``datetime64[ns]``.

Units are CF's (``seconds since 1970-01-01``), or a word: ``s``, ``ms``, ``us``, ``ns`` (since 1970), ``datenum``
(MATLAB's days since the year 0), ``julian_day``, ``iso`` (text). Where nothing is said, a number is taken for the one of
these that puts it between 1980 and 2100; their ranges do not overlap.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.readers.stored import Array

Moments = npt.NDArray[np.datetime64]

_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_WORDS = {
    "nanosecond": "ns", "nanoseconds": "ns", "nsec": "ns", "nsecs": "ns", "ns": "ns", "microsecond": "us",
    "microseconds": "us", "microsec": "us", "us": "us", "µs": "us", "millisecond": "ms", "milliseconds": "ms",
    "msec": "ms", "msecs": "ms", "millisec": "ms", "ms": "ms", "second": "s", "seconds": "s", "sec": "s", "secs": "s",
    "s": "s", "minute": "min", "minutes": "min", "min": "min", "mins": "min", "hour": "h", "hours": "h", "hr": "h",
    "hrs": "h", "h": "h", "day": "d", "days": "d", "d": "d",
}  # fmt: skip
#: Words for whole units, and what they mean.
NAMED = {
    "s": "s since 1970-01-01", "ms": "ms since 1970-01-01", "us": "us since 1970-01-01", "ns": "ns since 1970-01-01",
    "datenum": "datenum", "julian_day": "julian_day", "iso": "iso",
}  # fmt: skip
_SINCE = re.compile(
    r"\s*([A-Za-zµ]+)\s+since\s+(-?\d{1,4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?(?:\d\d)?)?\s*",
    re.IGNORECASE,
)
_ZONE = re.compile(r"([+-])(\d{1,2}?):?(\d\d)?")  # -7:00, -0700, -700, -7
_OFFSET = re.compile(r"(.*?)\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_STANDARD = ("", "standard", "gregorian", "proleptic_gregorian", "none", "utc")
_DATENUM, _JULIAN = 719_529, 2_440_587.5
_FIRST, _LAST = np.datetime64("1980-01-01", "s").astype(int), np.datetime64("2100-01-01", "s").astype(int)
_MOST = 2**63 - 2
_NAT = np.datetime64("NaT", "ns")
#: Times of one file that are kept packed.
MOST_PACKED = 1 << 20


def is_time_unit(unit: Any) -> bool:
    """True for ``... since ...``."""
    return isinstance(unit, str) and _SINCE.fullmatch(unit) is not None


def known(unit: str) -> str:
    """What a unit of time means; WorkbenchError with the known words when it is none."""
    if unit in NAMED:
        return NAMED[unit]
    match = _SINCE.fullmatch(unit)
    if match is None or match[1].lower() not in _WORDS:
        words = ", ".join(NAMED)
        raise WorkbenchError(
            f"'{unit}' is not a unit of time; write it as 'seconds since 1970-01-01', or one of {words}"
        )
    return unit


def guess(values: Array) -> str | None:
    """The unit that puts the first value between 1980 and 2100, or None."""
    if values.dtype.kind in "OSU":
        found = next((str(value) for value in values.ravel().tolist() if value), "")
        return "iso" if found and not np.isnat(_from_text(np.array([found], dtype=object))[0]) else None
    if values.dtype.kind == "M":
        return "datetime64"
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not numbers.size or numbers.dtype.kind not in "iuf":
        return None
    first = float(numbers.ravel()[0])
    for unit, per_second in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if _FIRST <= first / per_second < _LAST:
            return NAMED[unit]
    if _FIRST <= (first - _DATENUM) * 86400 < _LAST:
        return "datenum"
    return "julian_day" if _FIRST <= (first - _JULIAN) * 86400 < _LAST else None


def decode(
    values: Array, unit: str, calendar: str = "", fill: Any = None, *, scale: float = 1.0, offset: float = 0.0
) -> Moments:
    """`values` (times `scale`, and `offset`, where they are packed) in `unit` as times; NaT where they are missing.

    No time is what cannot be that early or late, either.

    Raises
    ------
    WorkbenchError
        When the calendar is not the usual one.
    """
    if values.dtype.kind == "M":
        return nanoseconds(values)
    if unit == "iso" or values.dtype.kind in "OSU":
        return _from_text(values)
    factor, begin = _scale(unit, calendar)
    missing = np.zeros(values.shape, dtype=bool)
    for each in np.atleast_1d(fill).tolist() if fill is not None else ():
        missing |= values == each
    if (scale, offset) != (1.0, 0.0):
        values = values.astype(np.float64) * scale + offset
    units, rest = divmod(begin, factor)
    if values.dtype.kind in "iub":  # whole numbers stay whole: no nanosecond is lost
        missing |= np.abs(values.astype(np.float64) + units) >= _MOST / factor - 2
        whole = (np.where(missing, -units, values.astype(np.int64)) + units) * factor
    else:
        whole, outside = _whole(values.astype(np.float64), factor, units)
        missing |= outside
    out = (whole + rest).astype("datetime64[ns]")
    out[missing] = np.datetime64("NaT", "ns")
    return out


def nanoseconds(values: Array) -> Moments:
    """Times of any unit in ns; NaT what is too early or too late for that (9999-12-31, which some write for "none")."""
    out: Moments = values.astype("datetime64[ns]")
    if values.dtype == out.dtype:
        return out
    seconds = values.astype("datetime64[s]").astype(np.int64)
    outside = (seconds >= _MOST // 10**9) | (seconds <= -(_MOST // 10**9))
    if outside.any():
        out = np.where(outside, np.datetime64("NaT", "ns"), out)
    return out


def _scale(unit: str, calendar: str) -> tuple[int, int]:
    """Nanoseconds of one unit, and of its beginning."""
    if unit == "datenum":
        return _NS["d"], -_DATENUM * _NS["d"]
    if unit == "julian_day":
        return _NS["d"], -round(_JULIAN * _NS["d"])
    if calendar.lower() not in _STANDARD:
        raise WorkbenchError(f"the calendar '{calendar}' is not one that ships keep")
    match = _SINCE.fullmatch(known(unit))
    assert match is not None
    year, month, day = (int(match[i]) for i in (2, 3, 4))
    if (year, month, day) < (1582, 10, 15) and calendar.lower() != "proleptic_gregorian":
        days = _julian_day_number(year + (year < 0), month, day) - 2_440_588  # 1 BC, a year of -1, comes before 1
    else:
        try:
            days = int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))
        except ValueError as error:
            raise WorkbenchError(f"'{unit}' begins at no day of the calendar") from error
    seconds = days * 86400 + int(match[5] or 0) * 3600 + int(match[6] or 0) * 60
    if zone := _ZONE.fullmatch(match[8] or ""):
        minutes = int(zone[2]) * 60 + int(zone[3] or 0)
        seconds -= minutes * 60 * (1 if zone[1] == "+" else -1)
    begin = seconds * 10**9 + round(float(match[7] or 0) * 10**9)
    return _NS[_WORDS[match[1].lower()]], begin


def _julian_day_number(year: int, month: int, day: int) -> int:
    """Of a date in the Julian calendar, which the standard calendar keeps before 1582-10-15."""
    a = (14 - month) // 12
    y, m = year + 4800 - a, month + 12 * a - 3
    return day + (153 * m + 2) // 5 + 365 * y + y // 4 - 32083


def _whole(
    values: npt.NDArray[np.float64], factor: int, units: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Numbers of `factor` ns, `units` later, as whole ns: rounded to the power of ten that a float can tell apart."""
    outside = ~np.isfinite(values) | (np.abs(values + units) >= _MOST / factor - 2)
    safe = np.where(outside, -float(units), values)
    floor = np.floor(safe)
    part = (safe - floor) * factor
    step = 10.0 ** np.ceil(np.log10(np.maximum(np.spacing(np.abs(safe)) * factor, 1.0)))
    return (floor.astype(np.int64) + units) * factor + (np.round(part / step) * step).astype(np.int64), outside


def _from_text(values: Array) -> Moments:
    """ISO 8601 texts; NaT for what is none."""
    out = np.empty(values.shape, dtype="datetime64[ns]")
    flat = out.reshape(-1)
    for i, value in enumerate(values.ravel().tolist()):
        said = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        match = _OFFSET.fullmatch(said.strip())
        plain, zone = (match[1], match[2] or "") if match else (said, "")
        if zone[:1] in ("+", "-") and "T" not in plain and " " not in plain and ":" not in plain:
            plain, zone = said.strip(), ""  # the day of a date, not a zone
        try:
            if not plain[:4].isdigit():
                raise ValueError(plain)
            text = plain.replace(" ", "T", 1).replace("/", "-")
            whole = np.datetime64(text, "s")
            moment = np.datetime64(text, "ns") if abs(int(whole.astype(np.int64))) < _MOST // 10**9 else _NAT
        except ValueError:
            moment = _NAT
        if zone[:1] in ("+", "-") and zone:
            minutes = int(zone[1:3]) * 60 + int(zone[-2:])
            flat[i] = moment - np.timedelta64(minutes if zone[0] == "+" else -minutes, "m")
        else:
            flat[i] = moment
    return out


def pack(times: Moments) -> bytes:
    """Times as bytes: a beginning and a step where they have one, else compressed differences; nothing when too many."""
    numbers = times.astype(np.int64)
    if len(numbers) == 0 or len(numbers) > MOST_PACKED:
        return b""
    steps = np.diff(numbers)
    if len(steps) == 0 or (steps == steps[0]).all():
        return b"R" + np.array([len(numbers), numbers[0], steps[0] if len(steps) else 0], "<i8").tobytes()
    return b"D" + zlib.compress(np.concatenate([numbers[:1], steps]).astype("<i8").tobytes(), 1)


def unpack(packed: bytes) -> Moments:
    """What `pack` made."""
    if not packed:
        return np.empty(0, "datetime64[ns]")
    if packed[:1] == b"R":
        count, first, step = np.frombuffer(packed, "<i8", offset=1).tolist()
        times: Moments = (first + step * np.arange(count, dtype=np.int64)).astype("datetime64[ns]")
        return times
    numbers = np.cumsum(np.frombuffer(zlib.decompress(packed[1:]), "<i8"))
    out: Moments = numbers.astype("datetime64[ns]")
    return out
