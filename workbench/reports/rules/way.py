"""How far the ship came, and which of its positions cannot be."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.variables import FAIL, GOOD
from workbench.reports.finding import Finding, Number, joined, plural, spans, window_of
from workbench.reports.voyage import way_of
from workbench.views import say

TOPIC = "Track"
#: Metres of a nautical mile.
MILE = 1852.0
#: Degrees beside a line from which on the ship is on that side of it.
AWAY = 0.02
_RULE = "positions in the order of time; a spike is a fix that the ship cannot have sailed to at 30 kn (products.track)"


def sailed(ds: xr.Dataset, source: str) -> list[Finding]:
    """Distance, speed, the ends of the way, lines that were crossed, and spikes.

    Parameters
    ----------
    ds : xarray.Dataset
        ``latitude``, ``longitude`` along ``time``.
    source : str
    """
    if not {"latitude", "longitude"} <= set(ds.variables) or not np.isfinite(ds["latitude"].values).any():
        return []
    return told(way_of(ds), source)


def told(way: xr.Dataset, source: str) -> list[Finding]:
    """The same of a way that is worked out (`voyage.way_of`)."""
    good = way["position_qc"].values == GOOD
    if not good.any():
        return []
    kept = way.isel(time=good)
    found = [_distance(kept, source), *_crossings(kept, source)]
    spikes = way["position_qc"].values == FAIL
    return found + ([_spikes(way, spikes, source)] if spikes.any() else [])


def _distance(way: xr.Dataset, source: str) -> Finding:
    time, window = way["time"].values, window_of(way["time"].values)
    miles = float(way["distance"].values[-1] - way["distance"].values[0]) / MILE
    hours = float((time[-1] - time[0]) / np.timedelta64(1, "h"))
    speed = miles / hours if hours else float("nan")
    ends = [say.place(float(way["latitude"][i]), float(way["longitude"][i])) for i in (0, -1)]
    numbers = (
        Number("distance along good positions", miles, "nautical_mile"), Number("mean speed made good", speed, "kn"),
        Number("first position", ends[0]), Number("last position", ends[1]),
        Number("first", time[0]), Number("last", time[-1]), Number("good positions", int(way.attrs.get("good", time.size))),
    )  # fmt: skip
    pace = f", {say.number(speed, 3)} kn on average" if hours > 0.1 else ""
    text = f"The ship made {say.number(miles, 4)} nautical miles from {ends[0]} to {ends[1]}{pace}."
    return Finding(TOPIC, "fact", text, numbers, source, window, _RULE)


def _crossings(way: xr.Dataset, source: str) -> list[Finding]:
    """The equator and the antimeridian, where they were crossed."""
    time = way["time"].values
    east = (way["longitude"].values + 360) % 360 - 180  # from the antimeridian
    found = []
    for name, away in {
        "the equator": way["latitude"].values,
        "the antimeridian": np.where(np.abs(east) < 90, east, np.nan),
    }.items():
        at = _sides(away)
        if not at.size:
            continue
        numbers = (
            Number("crossings", int(at.size)),
            *(Number(f"crossing {i + 1}", time[k]) for i, k in enumerate(at.tolist())),
        )
        when = joined(say.moment(t, seconds=False) for t in time[at[:3]])
        text = f"It crossed {name} on {when} UTC."
        if at.size > 3:
            text = f"It crossed {name} {at.size} times, first on {say.moment(time[at[0]], seconds=False)} UTC."
        rule = f"from more than {AWAY:g} degrees on one side to as much on the other"
        found.append(
            Finding(TOPIC, "change", text, numbers, source, window_of(time[np.concatenate([at - 1, at])]), rule)
        )
    return found


def _sides(away: np.ndarray) -> np.ndarray:
    """Rows at which a line was crossed: a ship that lies on it does not cross it with every swing.

    NaN is on no side: who goes from one to the other by way of it (Greenwich, of the antimeridian) crosses no line.
    """
    clear = np.flatnonzero(~(np.abs(away) <= AWAY))
    turns = np.abs(np.diff(np.sign(away[clear]))) == 2
    first = [
        a + 1 + int(np.argmax(np.sign(away[a + 1 : b + 1]) == np.sign(away[b])))
        for a, b in zip(clear[:-1][turns], clear[1:][turns], strict=True)
    ]
    return np.array(first, np.int64)


def _spikes(way: xr.Dataset, spikes: np.ndarray, source: str) -> Finding:
    time, count = way["time"].values, int(spikes.sum())
    apart = np.diff(time) > np.timedelta64(600_000_000_000, "ns")
    runs = spans(spikes, apart)
    when = [say.moment(time[run.start], seconds=False) for run in runs]
    told = joined(when[:3]) + (f" and {len(when) - 3} times more" if len(when) > 3 else "")
    numbers = (
        Number("positions off the track", count), Number("times it happened", len(runs)),
        *(Number(f"time {i + 1}", time[run.start]) for i, run in enumerate(runs[:20])),
        *((Number("further times", len(when) - 3),) if len(when) > 3 else ()),
    )  # fmt: skip
    text = f"{plural(count, 'position', number=say.count)} lay far off the track and {'was' if count == 1 else 'were'} left out of it ({told} UTC)."
    return Finding("Track", "fault", text, numbers, source, window_of(time[spikes]), _RULE)
