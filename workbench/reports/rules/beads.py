"""Beads that move: particles that are all alike, so that what changes in them is the instrument."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.window import Window
from workbench.reports.finding import Finding, Number, spans, window_of
from workbench.views import say

TOPIC = "Beads"
#: Per cent that the beads' median diameter may differ from that of the first hours.
DIAMETER = 5.0
#: Per cent (of the filter's log code) by which they may move from where they stood in the first hours.
CODE = 10.0
#: What the channels are called in a sentence.
_CALLED = {
    "fsc_small": "forward scatter",
    "D1": "signal on the first position detector",
    "D2": "signal on the second position detector",
}
#: Hours that a drift lasts at least; what is shorter is noise.
HOURS = 3
#: Hours by which later ones are judged.
FIRST = 6
_HOUR = np.timedelta64(3_600_000_000_000, "ns")


def drifted(ds: xr.Dataset, source: str) -> list[Finding]:
    """Whether the beads kept their place: hourly medians of their diameter, or what the product ``bead_drift`` says.

    Parameters
    ----------
    ds : xarray.Dataset
        ``diameter`` along ``time`` and ``population`` (with ``beads``), or ``<channel>_drift`` (percent) along ``time``.
    source : str
    """
    if "diameter" in ds.variables and "population" in ds.dims and "beads" in ds["population"].values:
        time, values = _hourly(ds["time"].values, np.asarray(ds["diameter"].sel(population="beads").values, float))
        if len(values) < FIRST + HOURS:
            return []
        usual = float(np.median(values[:FIRST]))
        first = Number("median of the first hours", usual, "um"), Number("first hours", FIRST)
        off = 100 * (values / usual - 1)
        rule = f"hourly medians of the beads' diameter against the first {FIRST} hours; {DIAMETER:g} per cent for {HOURS} hours"
        return [_told("Their median diameter", time, off, DIAMETER, first, f"{source}.diameter", rule)]
    found = []
    for name in _CALLED:
        drift = f"{name}_drift"
        if drift in ds.variables and ds[drift].dims == ("time",):
            time, values = _hourly(ds["time"].values, np.asarray(ds[drift].values, float))
            if len(values) < FIRST + HOURS:
                continue
            usual = float(np.median(values[:FIRST]))
            first = Number("off the filter's in the first hours", usual, "percent"), Number("first hours", FIRST)
            rule = f"hourly drift of the beads against the first {FIRST} hours; {CODE:g} per cent of the filter's for {HOURS} hours"
            found.append(_told(f"Their {_CALLED[name]}", time, values - usual, CODE, first, f"{source}.{drift}", rule))
    return found


def _hourly(
    time: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """The median of each hour that has values."""
    good = np.isfinite(values) & ~np.isnat(time)
    time, values = time[good], values[good]
    order = np.argsort(time, kind="stable")
    hours = time[order].astype("M8[h]")
    edges = np.flatnonzero(np.concatenate([[True], hours[1:] != hours[:-1]])) if hours.size else np.empty(0, int)
    parts = np.split(values[order], edges[1:]) if hours.size else []
    return hours[edges].astype("M8[ns]"), np.array([np.median(part) for part in parts])


def _told(
    what: str, time: npt.NDArray[np.datetime64], off: npt.NDArray[np.float64], limit: float, first: tuple[Number, ...],
    source: str, rule: str,
) -> Finding:  # fmt: skip
    runs = [run for run in spans(np.abs(off) > limit) if run.stop - run.start >= HOURS]
    worst = int(np.argmax(np.abs(off)))
    numbers = (
        Number("farthest", float(off[worst]), "percent"), Number("farthest at", time[worst]), Number("hours", len(off)),
        Number("may differ by", limit, "percent"), *first,
    )  # fmt: skip
    if not runs:
        text = f"The beads stayed where they were. {what} was never more than {limit:g} % off that of the first hours for long."
        return Finding(TOPIC, "fact", text, numbers, source, window_of(time), rule)
    hours = sum(run.stop - run.start for run in runs)
    inside = np.concatenate([np.arange(off.size)[run] for run in runs])
    far = float(off[inside[np.argmax(np.abs(off[inside]))]])
    start, stop = time[runs[0].start], time[runs[-1].stop - 1] + _HOUR
    numbers = (
        *numbers,
        Number("drift", far, "percent"),
        Number("hours off", hours),
        Number("from", start),
        Number("to", stop),
    )
    text = (
        f"The beads drifted. {what} was up to {say.number(abs(far), 2)} % {'above' if far > 0 else 'below'} that of the first hours, in {hours} hours "
        f"between {say.moment(start, seconds=False)} and {say.moment(stop, seconds=False)} UTC."
    )
    episodes = tuple(Window(time[run.start], time[run.stop - 1] + _HOUR) for run in runs)
    return Finding(TOPIC, "fault", text, numbers, source, Window(start, stop), rule, episodes)
