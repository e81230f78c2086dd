"""Half-open UTC intervals: ``start <= time < stop``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.core import clock
from workbench.core.errors import WindowError

MIN = np.datetime64(-(2**63) + 1, "ns")
MAX = np.datetime64(2**63 - 1, "ns")

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_LONGEST = 100 * 366 * 86400
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)?\s*([a-zA-Z]+)\s*")


def duration(text: str) -> np.timedelta64:
    """``"10min"``, ``"2 days"``, ``"1h"`` as ``timedelta64[ns]``; WindowError otherwise."""
    match = _SPAN.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    seconds = float(match[1] or 1) * unit if match and unit else np.inf
    if seconds > _LONGEST:
        raise WindowError(f"'{text}' is not a duration. Write it as 30s, 10min, 6h, 2 days or 1w.")
    return np.timedelta64(round(seconds * 1_000_000_000), "ns")


def moment(text: str, now: np.datetime64 | None = None) -> np.datetime64:
    """``"now"``, ``"now-1h"`` or an ISO 8601 time (UTC) as ``datetime64[ns]``; WindowError otherwise.

    `now` is what "now" means (a finished cruise's end); the clock says it when not given.
    """
    plain = text.strip()
    if plain == "now":
        return clock.now() if now is None else now
    if plain.startswith("now-"):
        return (clock.now() if now is None else now) - duration(plain[4:])
    try:
        return clock.parse(plain)
    except ValueError as error:
        raise WindowError(f"{error}. Write it as 2023-01-12T21:00, now or now-6h (UTC).") from None


@dataclass(frozen=True)
class Window:
    """A half-open UTC interval ``[start, stop)``.

    Attributes
    ----------
    start, stop : numpy.datetime64[ns]
    """

    start: np.datetime64 = MIN
    stop: np.datetime64 = MAX

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", np.asarray(self.start, "datetime64[ns]")[()])
        object.__setattr__(self, "stop", np.asarray(self.stop, "datetime64[ns]")[()])
        if np.isnat(self.start) or np.isnat(self.stop):
            raise WindowError("a window needs two times; NaT is not one")

    @classmethod
    def parse(cls, text: str | Window | slice | None, *, now: np.datetime64 | None = None) -> Window:
        """``"all"``, ``"last 2 days"``, ``"FROM..TO"`` (either side may be empty), ``"now-1h..now"``.

        `now` is what "now" and "last" count from; the clock says it when not given.

        Raises
        ------
        WindowError
            When the text is none of these, or ends where it starts or before.
        """
        if text is None:
            return ALWAYS
        if isinstance(text, Window):
            return text
        if isinstance(text, slice):
            return cls(MIN if text.start is None else text.start, MAX if text.stop is None else text.stop)
        plain = text.strip() if isinstance(text, str) else ""
        if plain in ("all", "") and isinstance(text, str):
            return ALWAYS
        if plain.startswith("last "):
            end = clock.now() if now is None else now
            return cls(end - duration(plain[5:]), end)._meant(plain)
        if ".." in plain:
            left, right = plain.split("..", 1)
            ends = (moment(left, now) if left.strip() else MIN, moment(right, now) if right.strip() else MAX)
            return cls(*ends)._meant(plain)
        raise WindowError(f"'{text}' is not a time range. Write it as all, last 2 days, FROM..TO or now-1h..now.")

    def _meant(self, text: str) -> Window:
        """This window; nobody who writes one means no time at all."""
        if self:
            return self
        why = "ends before it starts" if self.stop < self.start else "holds no time: its start counts, its end does not"
        raise WindowError(f"'{text}' {why}")

    def __bool__(self) -> bool:
        return bool(self.start < self.stop)

    def __and__(self, other: Window) -> Window:
        return Window(max(self.start, other.start), min(self.stop, other.stop))

    def __iter__(self) -> Iterator[np.datetime64]:
        return iter((self.start, self.stop))

    def __str__(self) -> str:
        a = "" if self.start == MIN else _text(self.start)
        b = "" if self.stop == MAX else _text(self.stop)
        return f"{a}..{b}"

    def widened(self, by: np.timedelta64) -> Window:
        """This window, and `by` more before and after it."""
        step = int(np.timedelta64(by, "ns").astype(np.int64))
        start, stop = (int(edge.astype(np.int64)) for edge in self)
        return Window(
            self.start if self.start == MIN else np.datetime64(max(start - step, int(MIN.astype(np.int64))), "ns"),
            self.stop if self.stop == MAX else np.datetime64(min(stop + step, int(MAX.astype(np.int64))), "ns"),
        )

    def contains(self, time: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Which of `time` lie inside; NaT lies in no window but the one of all time."""
        values = np.asarray(time)
        if self == ALWAYS:
            return np.ones(values.shape, dtype=np.bool_)
        return np.asarray((values >= self.start) & (values < self.stop), dtype=np.bool_)


def _text(time: np.datetime64) -> str:
    whole = time == time.astype("datetime64[s]")
    return str(np.datetime_as_string(time, unit="s" if whole else "ns"))


ALWAYS = Window()
