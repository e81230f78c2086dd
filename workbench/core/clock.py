"""One clock. Everything that asks for the time asks here.

A real cruise runs on the machine's UTC clock. A demo, a replay or a test puts a ``clock.json``
(``{"start": ISO, "warp": float, "wall": unix seconds}``) into the cruise folder, or names such a file in
``$WORKBENCH_CLOCK``: every process of that cruise then agrees on the same, possibly faster, time.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError

FILE = "clock.json"
_SECOND = 1_000_000_000
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(?:Z|\+00:00)?", re.ASCII)
_FIRST, _LAST = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")


@dataclass(frozen=True)
class Clock:
    """``now = start + (wall clock - wall) * warp``.

    Attributes
    ----------
    start : numpy.datetime64[ns]
        UTC time shown at the moment `wall`.
    warp : float
        Seconds of cruise time per second of real time; 0 stands still.
    wall : float
        Unix time at which the clock showed `start`.
    """

    start: np.datetime64
    warp: float
    wall: float

    def now(self) -> np.datetime64:
        gone = round((time.time() - self.wall) * self.warp * _SECOND)
        shown: np.datetime64 = self.start.astype("datetime64[ns]") + np.timedelta64(gone, "ns")
        return shown

    def seconds(self, cruise: float) -> float:
        """Real seconds that `cruise` seconds of this clock take."""
        return cruise / self.warp if self.warp > 0 else float("inf")

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``clock.json`` into `folder` (temp file, then rename)."""
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"start": str(self.start.astype("datetime64[ns]")), "warp": self.warp, "wall": self.wall})
        temp = path.with_name(f".{FILE}.{os.getpid()}")
        temp.write_text(text)
        os.replace(temp, path)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Clock:
        """Read a ``clock.json``; WorkbenchError when it is not one."""
        try:
            raw = json.loads(Path(path).read_text())
            clock = cls(parse(str(raw["start"])), float(raw["warp"]), float(raw["wall"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkbenchError(
                f"{os.fspath(path)}: not a clock ({error}). "
                'It reads {"start": "2024-01-01T00:00:00", "warp": 60, "wall": 1700000000.0}.'
            ) from error
        if not clock.warp >= 0 or not np.isfinite(clock.wall) or np.isnat(clock.start):
            raise WorkbenchError(f"{os.fspath(path)}: warp must be 0 or more, start and wall real times")
        return clock


_clock: Clock | None = None
_from_environment: tuple[str, Clock] | None = None


def use(clock: Clock | None) -> None:
    """Set this process's clock; None goes back to the machine's own."""
    global _clock
    _clock = clock


def follow(folder: str | os.PathLike[str]) -> Clock | None:
    """Use the ``clock.json`` of a cruise folder if it has one (``$WORKBENCH_CLOCK`` wins)."""
    path = Path(folder) / FILE
    use(Clock.load(path) if path.exists() else None)
    return current()


def current() -> Clock | None:
    """The clock in force, or None for the machine's own."""
    global _from_environment
    named = os.environ.get("WORKBENCH_CLOCK")
    if named:
        if _from_environment is None or _from_environment[0] != named:
            _from_environment = (named, Clock.load(named))
        return _from_environment[1]
    return _clock


def wall() -> float:
    """The machine's own time, seconds since 1970: to be compared with time stamps of files, and for nothing else."""
    return time.time()


def now() -> np.datetime64:
    """The time of the cruise, UTC, ``datetime64[ns]``."""
    clock = current()
    return clock.now() if clock else np.datetime64(time.time_ns(), "ns")


def as_of(end: np.datetime64 | None) -> np.datetime64:
    """Now, or the cruise's end when that is past: ages of a finished cruise count from there."""
    moment = now()
    return end if end is not None and end < moment else moment


def finished(end: np.datetime64 | None) -> bool:
    """True when the cruise's end is past."""
    return end is not None and bool(end < now())


def start_of(text: str | None) -> np.datetime64 | None:
    """A cruise's ``start`` as a moment (UTC): a date alone means the beginning of that day."""
    return None if text is None else parse(text)


def end_of(text: str | None) -> np.datetime64 | None:
    """A cruise's ``end`` as a moment (UTC): a date alone means the end of that day.

    Returns the first nanosecond that no longer belongs to the cruise.
    """
    if text is None:
        return None
    moment = parse(text)
    return moment + np.timedelta64(1, "D") if len(text.strip()) == 10 else moment


def parse(text: str) -> np.datetime64:
    """An ISO 8601 date or time (UTC) as ``datetime64[ns]``; ValueError when it is none, or lies outside 1678 to 2262.

    >>> parse("2023-01-12T21:00Z")
    np.datetime64('2023-01-12T21:00:00.000000000')
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a time")
    plain = f"{match[1]}T{match[2]}" if match[2] else match[1]
    try:
        near = _FIRST <= np.datetime64(plain) < _LAST
    except ValueError as error:
        raise ValueError(f"'{text}' is not a time ({error})") from None
    if not near:
        raise ValueError(f"'{text}' is too far away: times reach from 1678 to 2262")
    return np.datetime64(plain, "ns")
