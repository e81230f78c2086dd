"""The positions feed: NMEA lines as a logger writes them, from a feed whose own clock is off.

A line is ``2025-01-14T20:00:00.285000Z $GPGGA,...*6C``: receipt time, sentence, checksum. GGA comes every second; ZDA,
VTG, RMC and HDT every ten. All lines of a kind are equally long, so they are made as columns of bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.simulate.chance import Floats, normal, uniform, wander
from workbench.simulate.happenings import CLOCK_DRIFT, CLOCK_OFFSET, Happenings
from workbench.simulate.route import Track

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
#: Every how many seconds the sentences other than GGA come.
OTHERS_EVERY = 10
_MINUTE = 100_000  # positions are written in 1e-5 minutes


def lines(seed: int, start: np.datetime64, track: Track, happenings: Happenings, first: int, stop: int) -> bytes:
    """The lines of the seconds ``first <= s < stop`` since `start` (whole seconds).

    Parameters
    ----------
    seed : int
    start : numpy.datetime64[s]
        Begin of the cruise, UTC.
    track : Track
    happenings : Happenings
        Its spikes, garbled lines and feed gaps are written.
    first, stop : int
        Whole seconds.

    Returns
    -------
    bytes
        Whole lines; the same for a second whichever seconds are asked for with it.
    """
    index = np.arange(first, stop, dtype=np.int64)
    index = index[~happenings.covered("feed_gap", index.astype(np.float64))]
    if not index.size:
        return b""
    fix = _Fix(seed, start, track, happenings, index)
    gga = _gga(fix)
    for h in happenings.of("garbled", first, stop):
        gga[index == int(h.start), -9] ^= 1  # a digit changes on the way, the checksum does not
    ten = index % OTHERS_EVERY == 0
    every = fix.at(ten)
    wide = [_zda(every), None, _vtg(every), _rmc(every), _hdt(every)]
    parts, keep = [], []
    for part in wide:
        if part is None:
            parts.append(gga)
            keep.append(np.ones(gga.shape, dtype=np.bool_))
            continue
        whole = np.zeros((len(index), part.shape[1]), dtype=np.uint8)
        whole[ten] = part
        parts.append(whole)
        keep.append(np.broadcast_to(ten[:, None], whole.shape))
    return bytes(np.concatenate(parts, axis=1)[np.concatenate(keep, axis=1)].tobytes())


class _Fix:
    """What the feed knows at each second, arrays (n,)."""

    def __init__(self, seed: int, start: np.datetime64, track: Track, happenings: Happenings, index: Ints) -> None:
        t = index.astype(np.float64)
        latitude, longitude = track.position(t)
        noise = 1.4 / 111_120  # degrees in 1.4 m
        self.latitude = latitude + noise * (0.5 * normal(seed, "north", index) + wander(seed, "north", t, (600, 2500)))
        self.longitude = longitude + noise * (0.5 * normal(seed, "east", index) + wander(seed, "east", t, (700, 2300)))
        for h in happenings.of("spike", float(index[0]), float(index[-1]) + 1):
            hit = (t >= h.start) & (t < h.stop)
            self.latitude[hit] += h.more["dlat"]
            self.longitude[hit] += h.more["dlon"]
        speed, course = track.motion(t)
        self.speed = np.maximum(speed + 0.12 * normal(seed, "sog", index), 0)
        self.course = (course + 1.2 * normal(seed, "cog", index)) % 360
        sailing = course + 2.5 * wander(seed, "yaw", t, (9, 31, 140))
        drifting = 95 + 25 * wander(seed, "swing", t, (1500, 5200))
        self.heading = np.where(track.on_station(t), drifting, sailing) % 360
        self.height = 15.3 + 1.1 * wander(seed, "heave", t, (7.3, 9.1, 12.7))
        receipt = np.int64(start.astype("datetime64[us]").astype(np.int64)) + index * 1_000_000
        self.receipt = receipt + 285_000 + np.floor(9_000 * uniform(seed, "logger", index)).astype(np.int64)
        away = CLOCK_OFFSET + CLOCK_DRIFT * t / 86400
        self.clock = (self.receipt - np.round(away * 1e6).astype(np.int64)) // 10_000  # instrument time in 1/100 s

    def at(self, which: npt.NDArray[np.bool_]) -> _Fix:
        """The same for some of the seconds."""
        part = object.__new__(_Fix)
        for name, value in vars(self).items():
            setattr(part, name, value[which])
        return part


def _digits(values: Ints, width: int) -> Bytes:
    """Whole numbers as `width` ASCII digits, uint8 (n, width)."""
    tens = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // tens % 10 + 48).astype(np.uint8)


def _decimal(values: Floats, whole: int, fraction: int) -> Bytes:
    scaled = np.round(values * 10**fraction).astype(np.int64)
    digits = _digits(scaled, whole + fraction)
    return np.insert(digits, whole, ord("."), axis=1)


def _line(fix: _Fix, delay_us: int, *fields: bytes | Bytes) -> Bytes:
    """Receipt time, the sentence of these fields, its checksum and a newline, uint8 (n, width)."""
    n = len(fix.receipt)
    body = [np.broadcast_to(np.frombuffer(f, np.uint8), (n, len(f))) if isinstance(f, bytes) else f for f in fields]
    sentence = np.concatenate(body, axis=1)
    sums = np.bitwise_xor.reduce(sentence[:, 1:], axis=1)
    nibbles = np.stack([sums >> 4, sums & 15], axis=1)
    hexes = nibbles + np.where(nibbles < 10, 48, 55).astype(np.uint8)
    time = fix.receipt + delay_us
    marks = [np.full((n, 1), ord(c), dtype=np.uint8) for c in "-T:.Z *\n"]
    dash, tee, colon, dot, zed, space, star, end = marks
    year, month, day = _date(time // 86_400_000_000)
    clock = time % 86_400_000_000 // 1_000_000
    stamp = [
        _digits(year, 4), dash, _digits(month, 2), dash, _digits(day, 2), tee, _digits(clock // 3600, 2), colon,
        _digits(clock // 60 % 60, 2), colon, _digits(clock % 60, 2), dot, _digits(time % 1_000_000, 6), zed, space,
    ]  # fmt: skip
    return np.concatenate([*stamp, sentence, star, hexes, end], axis=1)


def _date(days: Ints) -> tuple[Ints, Ints, Ints]:
    day = days.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    months = month.astype(np.int64)
    return months // 12 + 1970, months % 12 + 1, (day - month).astype(np.int64) + 1


def _clock(fix: _Fix) -> Bytes:
    """``hhmmss.ss`` by the instrument's clock."""
    of_day = fix.clock % 8_640_000
    seconds = of_day // 100
    hms = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
    return np.insert(_digits(hms * 100 + of_day % 100, 8), 6, ord("."), axis=1)


def _place(fix: _Fix) -> tuple[bytes | Bytes, ...]:
    """``ddmm.mmmmm,N,dddmm.mmmmm,E``."""
    east = (fix.longitude + 180) % 360 - 180
    parts: list[bytes | Bytes] = []
    for degrees, whole, letters in ((fix.latitude, 4, "NS"), (east, 5, "EW")):
        units = np.round(np.abs(degrees) * 60 * _MINUTE).astype(np.int64)
        digits = _digits(units // (60 * _MINUTE) * 100 * _MINUTE + units % (60 * _MINUTE), whole + 5)
        letter = np.where(degrees < 0, ord(letters[1]), ord(letters[0])).astype(np.uint8)[:, None]
        parts += [np.insert(digits, whole, ord("."), axis=1), b",", letter, b","]
    return tuple(parts)


def _gga(fix: _Fix) -> Bytes:
    height = _decimal(fix.height, 2, 2)
    return _line(fix, 0, b"$GPGGA,", _clock(fix), b",", *_place(fix), b"1,12,0.7,", height, b",M,31.20,M,,")


def _zda(fix: _Fix) -> Bytes:
    year, month, day = _date(fix.clock // 8_640_000)
    date = (b",", _digits(day, 2), b",", _digits(month, 2), b",", _digits(year, 4), b",00,00")
    return _line(fix, -95_000, b"$GPZDA,", _clock(fix), *date)


def _vtg(fix: _Fix) -> Bytes:
    course, speed = _decimal(fix.course % 359.99, 3, 2), _decimal(fix.speed, 3, 1)
    return _line(fix, 117_000, b"$GPVTG,", course, b",T,,M,", speed, b",N,", _decimal(fix.speed * 1.852, 3, 1), b",K,A")


def _rmc(fix: _Fix) -> Bytes:
    year, month, day = _date(fix.clock // 8_640_000)
    date = _digits(day * 10_000 + month * 100 + year % 100, 6)
    motion = (_decimal(fix.speed, 3, 1), b",", _decimal(fix.course % 359.99, 3, 2))
    return _line(fix, 237_000, b"$GPRMC,", _clock(fix), b",A,", *_place(fix), *motion, b",", date, b",,,A")


def _hdt(fix: _Fix) -> Bytes:
    return _line(fix, 240_000, b"$HEHDT,", _decimal(fix.heading % 359.99, 3, 2), b",T")
