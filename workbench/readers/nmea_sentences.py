"""NMEA 0183 sentences out of raw bytes: one compiled pass over the lines of a log.

A line is ``2014-08-01T00:00:00.285000Z $INGGA,...*6C``. The pass reads the receipt time, checks the checksum, finds
the sentence and its numbers, and says of every line that it does not take why not. Field order: NMEA 0183 (GGA, RMC,
ZDA, VTG, HDT). Numbers of up to 15 digits come out as Python's ``float`` reads them.

It imports numba: import this module inside the function that needs it. All kernels stand in this one file because
numba's cache on disk only sees changes of the file that a kernel is in.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,assignment"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

#: Sentences in the order of their codes, and the numbers that a row can hold.
SENTENCES = ("GGA", "RMC", "ZDA", "VTG", "HDT")
PLACES = ("latitude", "longitude", "speed", "course", "heading", "altitude")
#: What can become of a line. "unchecked" rows are counted as rows too; blank lines are not counted.
VERDICTS = (
    "rows", "other", "unchecked", "garbage", "bad time", "bad checksum", "too few fields", "not a number",
    "no hemisphere", "position out of range", "bad instrument time",
)  # fmt: skip
BLANK = -1
(
    ROW, OTHER, UNCHECKED, GARBAGE, BAD_TIME, BAD_CHECKSUM, TOO_FEW, NOT_A_NUMBER, NO_HEMISPHERE, OUT_OF_RANGE,
    BAD_CLOCK,
) = range(len(VERDICTS))  # fmt: skip

# Where each sentence (a column) keeps what; field 0 is the address, 0 here means that it has no such field.
_WORDS = tuple(int.from_bytes(word.encode(), "big") for word in SENTENCES)
_LEAST = (7, 10, 5, 7, 3)  # fields that a whole sentence has at least
_CLOCK = (1, 1, 1, 0, 0)  # hhmmss.sss
_DATE = (0, 9, 2, 0, 0)  # RMC: ddmmyy; ZDA: day, month, year
_POSITION = (2, 3, 0, 0, 0)  # latitude, N/S, longitude, E/W
_SPEED = (0, 7, 0, 5, 0)
_COURSE = (0, 8, 0, 1, 0)
_HEADING = (0, 0, 0, 0, 1)
_ALTITUDE = (9, 0, 0, 0, 0)
_NUMBERS = np.array([_SPEED, _COURSE, _HEADING, _ALTITUDE])
_VALIDITY = (6, 2, 0, 9, 0)  # quality, status, mode
_VOID = (ord("0"), ord("V"), 0, ord("N"), 0)
_SIDES = ((ord("N"), ord("S"), 90), (ord("E"), ord("W"), 180))

NAT = np.iinfo(np.int64).min
BAD = -1
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
EDGES = 26  # the address, 23 fields, and where they end
_TENS = 10 ** np.arange(19)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

# Arrays are lent to these kernels (_nrt=False): counting references to them costs more than reading a line.
# Only kernels call them, so no wrappers are made: half the time to compile.
_options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
kernel = njit(cache=True, nogil=True, error_model="numpy", **_options)


@kernel
def _digits(buf, a, b):
    """The digits in ``buf[a:b]`` as a number; BAD when they are not all digits, or none, or too many."""
    out = 0 if 0 < b - a <= 18 else BAD
    for i in range(a, b):
        c = np.int64(buf[i]) - 48
        if c < 0 or c > 9 or out == BAD:
            return BAD
        out = out * 10 + c
    return out


@kernel
def _date(year, month, day):
    """Nanoseconds from 1970 to that day; NAT when there is none (years 1900 to 2200).

    Days from civil: H. Hinnant, "chrono-compatible low-level date algorithms" (the year begins in March).
    """
    if year < 1900 or year > 2200 or month < 1 or month > 12 or day < 1:
        return NAT
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _MONTHS[month - 1] + (1 if leap else 0):
        return NAT
    y = year - (1 if month <= 2 else 0)
    era = y // 400
    in_era = y - era * 400
    in_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return (era * 146097 + in_era * 365 + in_era // 4 - in_era // 100 + in_year - 719468) * DAY


@kernel
def _moment(hour, minute, second):
    """Nanoseconds of the day (a leap second is the next minute's first); BAD when there is none such."""
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return BAD
    return (hour * 3600 + minute * 60 + second) * SECOND


@kernel
def _fraction(buf, a, stop):
    """Nanoseconds of ``.ddd`` at `a` (digits after the ninth are dropped; none is 0), and where it ends."""
    out, n = 0, 0
    if a < stop and buf[a] == 46:
        a += 1
        while a < stop and 48 <= buf[a] <= 57:
            if n < 9:
                out = out * 10 + np.int64(buf[a]) - 48
                n += 1
            a += 1
    return out * _TENS[9 - n], a


@kernel
def _zone(buf, a, stop):
    """Nanoseconds by which ``Z``, ``+hh:mm`` or ``-hhmm`` at `a` is ahead of UTC (none is UTC), and where it ends."""
    if a >= stop or (buf[a] != 43 and buf[a] != 45):
        return 0, a + 1 if a < stop and buf[a] == 90 else a
    colon = 1 if a + 3 < stop and buf[a + 3] == 58 else 0
    end = a + 5 + colon
    hours = _digits(buf, a + 1, a + 3) if end <= stop else BAD
    minutes = _digits(buf, a + 3 + colon, end) if end <= stop else BAD
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, a
    return (hours * 3600 + minutes * 60) * (SECOND if buf[a] == 43 else -SECOND), end


@kernel
def _stamp(buf, a, stop):
    """The receipt time at `a` and where the payload begins; (NAT, a) when there is no such time."""
    if a + 20 > stop:
        return NAT, a
    if buf[a + 4] != 45 or buf[a + 7] != 45 or buf[a + 13] != 58 or buf[a + 16] != 58:
        return NAT, a
    day = _date(_digits(buf, a, a + 4), _digits(buf, a + 5, a + 7), _digits(buf, a + 8, a + 10))
    moment = _moment(_digits(buf, a + 11, a + 13), _digits(buf, a + 14, a + 16), _digits(buf, a + 17, a + 19))
    fraction, at = _fraction(buf, a + 19, stop)
    ahead, at = _zone(buf, at, stop)
    parted = buf[a + 10] == 84 or buf[a + 10] == 32  # T, as ISO 8601 has it, or a space, as many loggers do
    if day == NAT or moment == BAD or not parted or at >= stop or (buf[at] > 32 and buf[at] != 44):
        return NAT, a
    while at < stop and (buf[at] == 32 or buf[at] == 9 or buf[at] == 44):
        at += 1
    return day + moment + fraction - ahead, at


@kernel
def _scan(buf, a, edges, found):
    """Walk from `a` to the newline, which is returned, noting commas in `edges`.

    found : number of commas, place of ``*`` (or BAD), XOR of what stands between the first byte and it, and whether
    there were unprintable bytes.
    """
    n, star, dirty, total = 0, BAD, 0, np.uint8(0)
    i, c = a, buf[a]
    while c != 10:
        if c <= 44:
            if c == 44 and n < EDGES - 2 and star < 0:
                n += 1
                edges[n] = i
            elif c == 42 and star < 0:
                star = i
                found[2] = total ^ buf[a]
            elif c < 32 and c != 13:
                dirty = 1
        elif c > 126:
            dirty = 1
        total ^= c
        i += 1
        c = buf[i]
    found[0], found[1], found[3] = n, star, dirty
    return i


@kernel
def _hex(c):
    if 48 <= c <= 57:
        return np.int64(c) - 48
    return (np.int64(c) & 0xDF) - 55 if 65 <= c <= 70 or 97 <= c <= 102 else np.int64(255)


@kernel
def _decimal(buf, a, b):
    """The plain decimal in ``buf[a:b]``: its digits as a whole number, how many are decimals, and its sign.

    Sign 0 stands for what is no number, 2 for nothing at all. Decimals after the sixteenth digit are dropped.
    """
    while a < b and buf[a] == 32:
        a += 1
    while b > a and buf[b - 1] == 32:
        b -= 1
    if a == b:
        return 0, 0, 2
    sign = -1 if buf[a] == 45 else 1
    whole, digits, point = 0, 0, BAD
    for i in range(a + 1 if buf[a] == 45 or buf[a] == 43 else a, b):
        c = np.int64(buf[i]) - 48
        if c == -2 and point == BAD:
            point = digits
        elif c < 0 or c > 9 or (digits == 16 and point == BAD):
            return 0, 0, 0
        elif digits < 16:
            whole = whole * 10 + c
            digits += 1
    return whole, digits - point if point >= 0 else 0, sign if digits > 0 else 0


@kernel
def _letter(buf, edges, k):
    """The one byte of field `k`; 0 when it is empty or longer."""
    return np.int64(buf[edges[k] + 1]) if edges[k + 1] - edges[k] == 2 else 0


@kernel
def _position(buf, edges, k, values, row):
    """``ddmm.mmm,N,dddmm.mmm,E`` from field `k` on, in degrees; the verdict."""
    for place in range(2):
        at = k + 2 * place
        whole, decimals, sign = _decimal(buf, edges[at] + 1, edges[at + 1])
        if sign == 2:
            continue
        if sign == 0:
            return NOT_A_NUMBER
        side = _letter(buf, edges, at + 1)
        positive, negative, most = _SIDES[place]
        if side != positive and side != negative:
            return NO_HEMISPHERE
        unit = 100 * _TENS[decimals]
        minutes = (whole % unit) / np.float64(_TENS[decimals])
        degrees = whole // unit + minutes / 60.0
        if sign < 0 or minutes > 60.0 or degrees > most:
            return OUT_OF_RANGE
        values[place, row] = degrees if side == positive else -degrees
    return ROW


@kernel
def _clock(buf, edges, k):
    """Field `k`, ``hhmmss[.sss]``, as nanoseconds of the day; NAT when empty, BAD when it is no time."""
    a, b = edges[k] + 1, edges[k + 1]
    if a == b:
        return NAT
    if b - a < 6:
        return BAD
    moment = _moment(_digits(buf, a, a + 2), _digits(buf, a + 2, a + 4), _digits(buf, a + 4, a + 6))
    fraction, at = _fraction(buf, a + 6, b)
    return moment + fraction if moment != BAD and at == b else BAD


@kernel
def _day(buf, edges, k, kind):
    """The date from field `k` on, as nanoseconds; NAT when there is none, and whether it is no date."""
    a, b = edges[k] + 1, edges[k + 1]
    if _WORDS[kind] == _WORDS[1]:
        digits = _digits(buf, a, b) if b - a == 6 else BAD
        year = digits % 100  # GPS began in 1980
        out = _date(year + (1900 if year >= 80 else 2000), digits // 100 % 100, digits // 10000)
        return out, out == NAT and b > a
    month = _digits(buf, b + 1, edges[k + 2])
    year = _digits(buf, edges[k + 2] + 1, edges[k + 3])
    out = _date(year, month, _digits(buf, a, b))
    return out, out == NAT and edges[k + 3] - edges[k] > 3


@kernel
def _when(buf, kind, edges, times, row, state):
    """The instrument's time, and how far it is from receipt; the verdict."""
    clock = _clock(buf, edges, _CLOCK[kind])
    if clock == BAD:
        return BAD_CLOCK
    if _DATE[kind] == 0:  # the day that brings it nearest to where the instrument's clock was last seen
        if clock != NAT:
            times[1, row] = clock + (times[0, row] + state[0] - clock + DAY // 2) // DAY * DAY
        return ROW
    day, wrong = _day(buf, edges, _DATE[kind], kind)
    if wrong:
        return BAD_CLOCK
    if clock != NAT and day != NAT:
        times[1, row] = day + clock
        state[0] = day + clock - times[0, row]
    return ROW


@kernel
def _take(buf, kind, edges, n, times, values, row, state):
    """Read a sentence of `n` fields (with the address) into `row`; the verdict."""
    if n < _LEAST[kind]:
        return TOO_FEW
    times[1, row] = NAT
    values[:, row] = np.nan
    verdict = _position(buf, edges, _POSITION[kind], values, row) if _POSITION[kind] else ROW
    for place in range(len(_NUMBERS)):
        k = _NUMBERS[place, kind]
        if 0 < k < n:
            whole, decimals, sign = _decimal(buf, edges[k] + 1, edges[k + 1])
            if sign == 0:
                verdict = NOT_A_NUMBER
            elif sign != 2:
                values[place + 2, row] = sign * (whole / np.float64(_TENS[decimals]))
    k = _VALIDITY[kind]
    if 0 < k < n and _letter(buf, edges, k) == _VOID[kind]:
        values[:, row] = np.nan
    return _when(buf, kind, edges, times, row, state) if verdict == ROW and _CLOCK[kind] else verdict


@kernel
def _sentence(buf, a, b):
    """Which of the five ``$ttSSS`` at ``buf[a:b]`` is (talker P is a maker's own); BAD for any other."""
    if b - a == 6 and buf[a] == 36 and buf[a + 1] != 80:
        word = np.int64(buf[a + 3]) << 16 | np.int64(buf[a + 4]) << 8 | np.int64(buf[a + 5])
        for kind in range(len(_WORDS)):
            if word == _WORDS[kind]:
                return kind
    return BAD


@kernel
def _line(buf, a, p, end, stamp, edges, found, times, values, kinds, row, state):
    """The verdict of one line: `a` its begin, `p` its payload's, `end` its newline."""
    if stamp == NAT:
        return BAD_TIME if end - a > 10 and _digits(buf, a, a + 4) != BAD and buf[a + 4] == 45 else GARBAGE
    while end > p and buf[end - 1] <= 32:
        end -= 1
    if end == p or (buf[p] != 36 and buf[p] != 33):
        return OTHER
    n, star = found[0], found[1]
    if star >= 0:
        if end != star + 3 or _hex(buf[star + 1]) * 16 + _hex(buf[star + 2]) != found[2]:
            return BAD_CHECKSUM
        end = star
    edges[0], edges[n + 1] = p, end
    kind = _sentence(buf, p, edges[1])
    if kind == BAD:
        return OTHER
    if found[3] != 0:
        return GARBAGE
    kinds[row] = kind
    times[0, row] = stamp
    return _take(buf, kind, edges, n + 1, times, values, row, state)


@njit(cache=True, nogil=True, error_model="numpy")
def parse(buf, stop, times, values, kinds, counts, firsts, base, state):
    """Read all lines of ``buf[:stop]``, which ends with a newline.

    Parameters
    ----------
    buf : uint8[:]
    stop : int
    times : int64[2, rows], ns
        Filled: receipt, instrument. There must be room for ``stop // 28 + 1`` rows, as in the next two.
    values : float64[6, rows]
        Filled: `PLACES`, degrees, kn, m; NaN where a sentence has none.
    kinds : uint8[rows]
        Filled: which of `SENTENCES`.
    counts, firsts : int64[11]
        Added to: lines of each of `VERDICTS`, and the offset of the first (BAD where there was none).
    base : int
        Offset of ``buf[0]`` in the file.
    state : int64[1], ns
        In and out: instrument minus receipt, as the last dated sentence said; 0 before any.

    Returns
    -------
    int
        Rows filled.
    """
    edges, found = np.zeros(EDGES, np.int64), np.zeros(4, np.int64)
    row, a = np.int64(0), np.int64(0)
    while a < stop:
        stamp, p = _stamp(buf, a, stop)
        end = _scan(buf, p, edges, found)
        blank = end - a <= 1 and (end == a or buf[a] == 13)
        verdict = BLANK if blank else _line(buf, a, p, end, stamp, edges, found, times, values, kinds, row, state)
        if verdict != BLANK:
            counts[verdict] += 1
            if firsts[verdict] < 0:
                firsts[verdict] = base + a
        if verdict == ROW:
            row += 1
            if found[1] < 0:
                counts[UNCHECKED] += 1
        a = end + 1
    return row
