"""The numbers to watch: value, unit, age, expected range, sparkline as HTML; what is wrong is told by a sign and a word.

Nothing here knows Panel.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.catalog.declared import Kpi
from workbench.core.units import convert
from workbench.live.row_feed import RowFeed
from workbench.live.session import Session
from workbench.views import say
from workbench.views.curves import columns
from workbench.views.icons import icon
from workbench.views.names import unit_of
from workbench.views.once import once

#: Points of a sparkline.
_POINTS = 60

_EMPTY: npt.NDArray[np.float64] = np.empty(0)


@dataclass(frozen=True)
class Reading:
    """One KPI at one moment.

    Attributes
    ----------
    name, label : str
    value : float
        NaN when there is none.
    unit : str
        UDUNITS.
    time : numpy.datetime64[ns]
        Of the newest row used; NaT when there is none.
    expect : tuple of float or None
        Lowest and highest value that need no hand.
    stale : numpy.timedelta64 or None
        Age from which the value is called stale; None when it is never (a finished cruise).
    fault : str or None
        Why the source cannot be read now.
    spark_time, spark : numpy.ndarray, shape (n,)
        Times (ms) and values of the sparkline; NaN breaks the line.
    live : bool
        True while the page follows now (an age is shown), False while it looks back (the time is shown).
    how : str
        How the value came about, such as "mean over 10 min".
    """

    name: str
    label: str
    value: float
    unit: str = ""
    time: np.datetime64 = field(default=np.datetime64("NaT", "ns"))
    expect: tuple[float, float] | None = None
    stale: np.timedelta64 | None = None
    fault: str | None = None
    spark_time: npt.NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    spark: npt.NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    live: bool = True
    how: str = ""


def state(reading: Reading) -> tuple[str, str]:
    """Sign and word of a reading: ok, up, down, none, fault or plain."""
    if reading.fault:
        return "fault", "source fault"
    if not math.isfinite(reading.value):
        return "none", "no data"
    if reading.expect is None:
        return "plain", ""
    low, high = reading.expect
    if reading.value < low:
        return "down", f"below {say.plain(low)}"
    if reading.value > high:
        return "up", f"above {say.plain(high)}"
    return "ok", "in range"


def why(fault: str) -> str:
    """What a fault says, without the path or url before it and the advice after it, which the tip has."""
    return re.split(r"\. (?=[A-Z])", re.sub(r"^\S+?: (?=\S)", "", fault, count=1), maxsplit=1)[0]


def expected(reading: Reading) -> str:
    """The expected range in words."""
    if reading.expect is None:
        return ""
    low, high = reading.expect
    if math.isinf(low):
        return f"≤{say.THIN}{say.plain(high)}"
    if math.isinf(high):
        return f"≥{say.THIN}{say.plain(low)}"
    apart = say.THIN if min(low, high) < 0 else ""  # 11.5–12.5, but -2 – 4
    return f"{say.plain(low)}{apart}–{apart}{say.plain(high)}"


def sparkline(
    time: npt.NDArray[np.float64], values: npt.NDArray[np.float64], expect: tuple[float, float] | None = None
) -> str:
    """A line as inline SVG (100 by 30 units, stretched by CSS), the expected range as a band behind it."""
    good = np.isfinite(values)
    if good.sum() < 2 or time[good][0] == time[good][-1]:
        return '<svg class="spark" viewBox="0 0 100 30" aria-hidden="true"></svg>'
    low, high = float(values[good].min()), float(values[good].max())
    room = (high - low) * 0.12 or abs(high) * 0.01 or 1.0
    low, high = low - room, high + room
    x = (time - time[0]) / (time[-1] - time[0]) * 100
    y = 30 - (values - low) / (high - low) * 30
    path, pen = [], False
    for px, py, ok in zip(x.tolist(), y.tolist(), good.tolist(), strict=True):
        if ok:
            path.append(f"{'L' if pen else 'M'}{px:.1f} {py:.1f}")
        pen = ok
    band = ""
    if expect is not None:
        top = 30 - (min(expect[1], high) - low) / (high - low) * 30
        bottom = 30 - (max(expect[0], low) - low) / (high - low) * 30
        if bottom > top:
            band = f'<rect class="band" x="0" y="{top:.1f}" width="100" height="{bottom - top:.1f}"/>'
    last = int(np.flatnonzero(good)[-1])
    dot = f'<path class="dot" d="M{x[last]:.1f} {y[last]:.1f}h0"/>'
    line = f'<path class="line" d="{"".join(path)}"/>'
    return (
        f'<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">{band}{line}{dot}</svg>'
    )


def draw(reading: Reading) -> str:
    """One tile as HTML. Pure: equal readings give equal text."""
    sign, word = state(reading)
    when = ""
    if not np.isnat(reading.time):
        ms = say.milliseconds(reading.time)
        stale = "" if reading.stale is None else f' data-stale="{reading.stale / np.timedelta64(1, "ms"):.0f}"'
        when = (
            f'<span class="age"><span data-since="{ms:.0f}"{stale}></span> ago</span>'
            if reading.live
            else f'<span class="age">at {say.moment(reading.time)[5:16]}</span>'
        )
    want = expected(reading)
    place = say.angle(reading.value, reading.unit)
    figure, unit = (place, "") if place else (say.number(reading.value), say.unit(reading.unit))
    badge = f'<span class="badge">{icon(sign)}{say.escape(word)}</span>' if word else ""
    tip = " · ".join(
        t for t in (reading.label, reading.how, f"expected {want}" if want else "", reading.fault or "") if t
    )
    line = sparkline(reading.spark_time, reading.spark, reading.expect)
    middle = f'<p class="why"><span>{say.escape(why(reading.fault))}</span></p>' if reading.fault else line
    return (
        f'<article class="tile" data-watch data-kpi="{say.escape(reading.name)}" data-state="{sign}" title="{say.escape(tip)}">'
        f'<div class="top"><h3>{say.escape(reading.label)}</h3><span class="expect">{want}</span></div>'
        f'<p class="value"><b>{figure}</b><span class="unit">{say.escape(unit)}</span></p>'
        f"{middle}"
        f'<p class="foot">{badge}<span class="badge stale">{icon("old")}stale</span>'
        f"{when}</p></article>"
    )  # fmt: skip


def draw_all(readings: Sequence[Reading]) -> list[str]:
    """Every tile, in order."""
    return [draw(reading) for reading in readings]


def reading_of(session: Session, kpi: Kpi) -> Reading:
    """A KPI as it stands in the session's window."""
    feeds, window, live = session.feeds, session.window, session.follow
    feed = feeds[kpi.source]
    unit = unit_of(feeds, kpi.source, kpi.variable)
    shown = kpi.shown_in(unit)
    value = float("nan")
    time: np.datetime64 = np.datetime64("NaT", "ns")
    when = line = np.empty(0)
    newest = feed.newest
    if isinstance(feed, RowFeed) and newest is not None and kpi.variable in feed.variables:
        at = newest if live else window.stop
        value, time = once(
            feed, ("value", kpi, at), lambda: feed.value(kpi.variable, kpi.reduce, kpi.over, at, wait=False)
        )
        if kpi.like_rows:
            spark = once(
                feed, ("spark", kpi.variable, window), lambda: feed.series(kpi.variable, window, _POINTS, wait=False)
            )
            told = columns(spark, kpi.variable)
            when, line = told["time"].astype(float), told["mean"].astype(float)
        if shown != unit and kpi.reduce != "count":
            value, line = float(convert([value], unit, shown)[0]), convert(line, unit, shown)
    finished = feeds.cruise.finished
    return Reading(
        kpi.name, kpi.label or say.name(kpi.variable), value, shown, time, kpi.expect,
        None if finished or not live else feed.patience(kpi.over), feed.fault, when, line, live,
        "newest value" if kpi.reduce == "last" else f"{kpi.reduce} over {say.age(kpi.over)}",
    )  # fmt: skip


def tiles_of(session: Session, names: Sequence[str]) -> list[str]:
    """The tiles of these KPIs as HTML, each made once for all tabs that look at the same."""
    return [_tile(session, session.feeds.cruise.kpis[name]) for name in names]


def _tile(session: Session, kpi: Kpi) -> str:
    feed = session.feeds[kpi.source]
    key = "tile", kpi, session.window, session.follow, feed.fault, session.feeds.cruise.finished
    return once(feed, key, lambda: draw(reading_of(session, kpi)))
