"""What is new in a measurement since a cursor, and what is no longer as it was given.

The rows of the newest `settle` (at most `KEEP`) are read again at each look and compared one by one with what was given:
a late row is given, a rewritten or deleted one asks the caller to begin again. Older rows are compared by hours: how
many there are, and the lowest and highest value of each numeric field. Every `ROUND` looks one day of hours is
compared, the newest and an older one by turns. So a number rewritten after `settle` that is neither the lowest nor the
highest of its hour stays unseen, as do text rewritten then, and hours before the newest `HOURS` that hold rows. An hour
that lost all its rows (a retention policy) takes nothing with it.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core import clock
from workbench.readers.influxdb_dialect import FIRST, LAST, Table
from workbench.readers.influxdb_rows import Measurement

__all__ = ["Changes"]

#: Rows that one look gives at most.
STEP = 200_000
#: Rows compared one by one.
KEEP = 20_000
#: Looks between two comparisons of older hours.
ROUND = 30
HOUR = 3_600_000_000_000
HOURS = 2000
#: Rows stamped so far ahead of the clock do not move on what counts as new, unless there are more than `MANY`.
AHEAD, MANY = 24 * HOUR, 1000
VERSION = 1
Cursor = dict[str, Any]
Ints = npt.NDArray[np.int64]


@dataclass
class Changes:
    """One look.

    Attributes
    ----------
    measurement : Measurement
    settle : int
        Nanoseconds.
    step : int
        Rows that one look gives at most.
    """

    measurement: Measurement
    settle: int
    step: int = STEP

    def since(self, cursor: Cursor | None) -> tuple[xr.Dataset, Cursor]:
        """What is new, loaded, and the cursor after it. The cursor given is not changed."""
        if cursor is not None and (why := self._other(cursor)):
            return self._again(why, cursor)
        state = cursor or self._begin()
        known = _unpacked(state["rows"])
        table, more = self._rows(int(state["from"]), len(known))
        keys, values = self._hashes(table)
        time = table.time.view(np.int64)
        end = int(time[-1]) if more else LAST
        new, gone = _compared(known, time, keys, values, end)
        if gone:
            return self._again(gone, state)
        fresh = table.take(new)
        after = self._after(state, table, np.stack([time, keys, values]), fresh)
        if not more and not len(fresh) and (why := self._aged(state, after)):
            return self._again(why, state)
        ds = self.measurement.loaded(fresh)
        ds.attrs |= {"replaces": "", "more": int(more)}
        return ds, after

    def _begin(self) -> Cursor:
        schema = self.measurement.schema
        fields = dict(schema.fields)
        return {"version": VERSION, "of": self.measurement.url, "fields": fields,
                "from": FIRST, "rows": "", "open": {}, "hours": {}, "turn": 0}  # fmt: skip

    def _other(self, cursor: Cursor) -> str:
        """Why a cursor is not one of this measurement as it is now; empty when it is."""
        schema = self.measurement.schema
        if cursor.get("version") != VERSION or cursor.get("of") != self.measurement.url:
            return "the cursor is of another place"
        if any(schema.fields.get(name) != kind for name, kind in cursor["fields"].items()):
            return "a field is of another kind than before, or gone"
        return ""

    def _again(self, why: str, cursor: Cursor) -> tuple[xr.Dataset, Cursor]:
        ds = self.measurement.loaded(self.measurement.dialect.rows(self.measurement.schema, 0, 0))
        ds.attrs |= {"replaces": f"{self.measurement.url}: {why}", "more": 0}
        return ds, cursor

    def _rows(self, start: int, known: int) -> tuple[Table, bool]:
        """Rows from `start` on, whole moments only, and whether there are more."""
        limit = known + self.step
        while True:
            table = self.measurement.dialect.rows(self.measurement.schema, start, LAST, limit)
            if len(table) < limit:
                return table, False
            whole = np.searchsorted(table.time, table.time[-1])
            if whole > known:
                return table.take(slice(0, whole)), True
            limit *= 4

    def _hashes(self, table: Table) -> tuple[Ints, Ints]:
        """For each row, which one it is beside its time, and what it says; missing values count for nothing."""
        keys, values = np.zeros(len(table), np.uint64), np.zeros(len(table), np.uint64)
        for name, column in table.tags.items():
            keys += _mixed(name, column)
        for name, column in table.fields.items():
            values += _mixed(name, column)
        return (keys >> np.uint64(32)).astype(np.int64), (values >> np.uint64(32)).astype(np.int64)

    def _after(self, state: Cursor, table: Table, rows: Ints, fresh: Table) -> Cursor:
        time = rows[0]
        upto = _upto(time) if time.size else int(state["from"])
        begin = max(int(state["from"]), upto - self.settle)
        if time.size > KEEP and (begin <= time[-KEEP]):
            begin = int(time[-KEEP]) + 1
        keep = rows[:, time >= begin]
        after = {**state, "from": begin, "rows": _packed(keep), "fields": dict(self.measurement.schema.fields)}
        after["turn"] = int(state["turn"]) + (not len(fresh))
        if len(fresh) or begin != state["from"]:
            after["open"], after["hours"] = self._tallied(state, fresh, begin)
        return after

    # hours

    def _tallied(self, state: Cursor, fresh: Table, begin: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Hours that can still change row by row, as they stand; hours that cannot, as a count and a checksum."""
        numbers = self.measurement.schema.numbers
        opened = {hour: [n, dict(ranges)] for hour, (n, ranges) in state["open"].items()}
        hours = fresh.time.view(np.int64) // HOUR
        for hour in np.unique(hours).tolist():
            part = fresh.take(hours == hour)
            tally = opened.setdefault(str(hour), [0, {}])
            tally[0] += len(part)
            for name in numbers:
                _widen(tally[1], name, part.fields[name])
        closed = dict(state["hours"])
        for hour in [hour for hour in opened if (int(hour) + 1) * HOUR <= begin]:
            n, ranges = opened.pop(hour)
            closed[hour] = [n, _checksum(ranges)]
        newest = sorted(closed, key=int)[-HOURS:]
        return opened, {hour: closed[hour] for hour in newest}

    def _aged(self, state: Cursor, after: Cursor) -> str:
        """What is no longer as it was given, among older rows; most looks do not ask."""
        turn, hours = int(after["turn"]), after["hours"]
        if turn == state["turn"] or turn % ROUND or not hours:
            return ""
        listed = sorted(map(int, hours))
        days = max(1, -(-(listed[-1] + 1 - listed[0]) // 24))
        back = 0 if turn // ROUND % 2 else turn // ROUND // 2 % days
        stop = listed[-1] + 1 - 24 * back
        start = max(stop - 24, listed[0])
        found = self._found(start * HOUR, stop * HOUR)
        for hour in range(start, stop):
            told, there = hours.get(str(hour)), found.get(hour)
            if there is not None and there != tuple(told or ()):
                moment = np.datetime64(hour * HOUR, "ns").astype("M8[h]")
                return f"rows of the hour {moment} are no longer those that were given"
            if there is None and told:
                after["hours"] = {key: value for key, value in after["hours"].items() if int(key) != hour}
        return ""

    def _found(self, start: int, stop: int) -> dict[int, tuple[int, int]]:
        """Hours as they stand on the server."""
        dialect, schema = self.measurement.dialect, self.measurement.schema
        begins, n = dialect.counts(schema, start, stop, HOUR)
        counts = dict(zip((begins // HOUR).tolist(), n.tolist(), strict=True))
        ranges: dict[int, dict[str, list[float]]] = {hour: {} for hour in counts}
        if schema.numbers:
            table = dialect.bins(schema, start, stop, HOUR, ())
            for i, hour in enumerate((table.time.view(np.int64) // HOUR).tolist()):
                for name in schema.numbers:
                    ends = np.array([table.fields[f"{name}_min"][i], table.fields[f"{name}_max"][i]])
                    _widen(ranges.setdefault(hour, {}), name, ends)
        return {hour: (counts[hour], _checksum(ranges[hour])) for hour in counts}


def _widen(ranges: dict[str, list[float]], name: str, values: npt.NDArray[Any]) -> None:
    finite = values[~np.isnan(values)]
    if finite.size:
        low, high = ranges.get(name, [np.inf, -np.inf])
        ranges[name] = [min(low, float(finite.min())), max(high, float(finite.max()))]


def _checksum(ranges: dict[str, list[float]]) -> int:
    return zlib.crc32(repr(sorted((name, low + 0.0, high + 0.0) for name, (low, high) in ranges.items())).encode())


def _mixed(name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A number for each value, which depends on the name of the column; 0 where nothing stands."""
    if column.dtype == object:
        words, at = np.unique(column.astype(str), return_inverse=True)
        bits = np.array([zlib.crc32(str(word).encode()) + 1 if word else 0 for word in words] or [0], np.uint64)[at]
        missing = column == ""
    else:
        missing = np.isnan(column)
        bits = (column + 0.0).view(np.uint64)
    seed = np.uint64(zlib.crc32(name.encode()) * 2 + 1)
    with np.errstate(over="ignore"):
        mixed = (bits ^ (bits >> np.uint64(29)) ^ seed) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * (seed * np.uint64(0xBF58476D1CE4E5B9) | np.uint64(1))
    return np.where(missing, np.uint64(0), mixed ^ (mixed >> np.uint64(31)))


def _compared(
    known: dict[tuple[int, int], int], time: Ints, keys: Ints, values: Ints, end: int
) -> tuple[npt.NDArray[np.bool_], str]:
    """Which rows were not given before, and why rows given before no longer count."""
    new = np.ones(time.size, np.bool_)
    if not known:
        return new, ""
    last = max(moment for moment, _ in known)
    seen = set()
    for i in range(int(np.searchsorted(time, last, side="right"))):
        row = int(time[i]), int(keys[i])
        if row in known:
            new[i] = False
            seen.add(row)
            if known[row] != values[i]:
                return new, f"the row of {np.datetime64(row[0], 'ns')} was rewritten"
    for row in known:
        if row not in seen and row[0] <= end:
            return new, f"the row of {np.datetime64(row[0], 'ns')} is gone"
    return new, ""


def _upto(time: Ints) -> int:
    """The newest time that counts; a few rows stamped far ahead of the clock do not."""
    limit = int(clock.now().astype(np.int64)) + AHEAD
    near = int(np.searchsorted(time, limit, side="right"))
    return int(time[-1] if near == 0 or time.size - near > MANY else time[near - 1])


def _packed(rows: Ints) -> str:
    columns = [np.diff(rows[0], prepend=0), *rows[1:].astype(np.uint32)]
    raw = b"".join(column.tobytes() for column in columns)
    return base64.b64encode(zlib.compress(raw, 1)).decode() if rows.size else ""


def _unpacked(text: str) -> dict[tuple[int, int], int]:
    if not text:
        return {}
    raw = zlib.decompress(base64.b64decode(text))
    n = len(raw) // 16
    time = np.cumsum(np.frombuffer(raw, np.int64, n))
    keys, values = np.frombuffer(raw, np.uint32, 2 * n, offset=8 * n).reshape(2, n).tolist()
    return dict(zip(zip(time.tolist(), keys, strict=True), values, strict=True))
