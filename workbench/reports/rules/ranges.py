"""A number to watch, against what was expected of it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.window import Window
from workbench.reports.finding import Finding, Number, joined, plural, spans, window_of
from workbench.views import say

#: Excursions shorter than this are noise of the sensor, unless they are the only row there is.
SHORT = np.timedelta64(60_000_000_000, "ns")
#: Rows further apart than this do not belong to one excursion (three usual steps where that is longer).
APART = np.timedelta64(600_000_000_000, "ns")
#: More excursions than this are told in one sentence, which names as many of the longest.
FEW = 3


def watched(
    ds: xr.Dataset, variable: str, source: str, *, expect: tuple[float, float] | None = None, name: str = "", unit: str = ""
) -> list[Finding]:  # fmt: skip
    """What a variable was, and each time it left the range expected of it.

    Parameters
    ----------
    ds : xarray.Dataset
        `variable` along ``time``.
    variable : str
    source : str
    expect : tuple of float, optional
        Lowest and highest value that need no hand.
    name : str
        What it is called; by the table of variables unless told.
    unit : str
        UDUNITS; by its attributes unless told.
    """
    if variable not in ds.variables:
        return []
    values, time = ds[variable].values.astype(float), ds["time"].values
    good = np.isfinite(values) & ~np.isnat(time)
    if not good.any():
        return []
    values, time = values[good], time[good]
    order = np.argsort(time, kind="stable")
    values, time = values[order], time[order]
    label, unit = name or say.name(variable), unit or str(ds[variable].attrs.get("units", ""))
    where = f"{source}.{variable}"
    runs = excursions(time, values, expect)
    if len(runs) > FEW and expect is not None:
        outside = [_often(label, unit, where, time, values, expect, runs)]
    else:
        outside = [_left(label, unit, where, time[run], values[run], expect) for run in runs]
    return [_usual(label, unit, where, time, values, expect, bool(outside)), *outside]


def excursions(
    time: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], expect: tuple[float, float] | None
) -> list[slice]:
    """The runs of rows outside `expect` that lasted."""
    if expect is None:
        return []
    outside = (values < expect[0]) | (values > expect[1])
    step = np.median(np.diff(time)) if time.size > 1 else SHORT
    runs = spans(outside, np.diff(time) > max(APART, 3 * step))
    runs = _merged(runs, time, 3 * step)
    return [run for run in runs if time[run.stop - 1] - time[run.start] + step >= SHORT]


def _merged(runs: list[slice], time: npt.NDArray[np.datetime64], near: np.timedelta64) -> list[slice]:
    """Excursions with only some rows between them are one."""
    out: list[slice] = []
    for run in runs:
        if out and time[run.start] - time[out[-1].stop - 1] <= near:
            out[-1] = slice(out[-1].start, run.stop)
        else:
            out.append(run)
    return out


def _usual(
    label: str, unit: str, source: str, time: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64],
    expect: tuple[float, float] | None, left: bool,
) -> Finding:  # fmt: skip
    low, middle, high = (float(v) for v in np.percentile(values, (2.5, 50, 97.5)))
    shown = say.unit(unit)
    numbers: tuple[Number, ...] = (
        Number("median", middle, unit), Number("2.5 % of the rows are below", low, unit),
        Number("2.5 % of the rows are above", high, unit), Number("lowest", float(values.min()), unit),
        Number("highest", float(values.max()), unit), Number("rows with a value", int(values.size)),
    )  # fmt: skip
    text = f"{label}: median {_with(middle, shown)}; 95 % of the rows lie between {say.number(low)} and {_with(high, shown)}"
    numbers = (*numbers, Number("share told", 95, "percent"))
    if expect is not None and not left:
        text += ", all in the expected range" if values.min() >= expect[0] and values.max() <= expect[1] else ""
    return Finding(label, "fact", f"{text}.", numbers, source, window_of(time), "percentiles of all rows with a value")


def _left(
    label: str, unit: str, source: str, time: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64],
    expect: tuple[float, float] | None,
) -> Finding:  # fmt: skip
    assert expect is not None
    below = bool((values < expect[0]).sum() >= (values > expect[1]).sum())
    worst = float(values.min() if below else values.max())
    limit = expect[0] if below else expect[1]
    lasted, shown = time[-1] - time[0], say.unit(unit)
    numbers = (
        Number("expected at least" if below else "expected at most", limit, unit), Number("from", time[0]),
        Number("to", time[-1]), Number("lasted", float(lasted / np.timedelta64(1, "s")), "s"),
        Number("lowest" if below else "highest", worst, unit), Number("rows", int(time.size)),
    )  # fmt: skip
    verb = "fell below" if below else "rose above"
    extent = f"for {say.age(lasted)}" if lasted > np.timedelta64(0) else "once"
    text = (
        f"{label} {verb} {_with(limit, shown, plain=True)} {extent}, {say.period(time[0], time[-1])} UTC, "
        f"{'down' if below else 'up'} to {_with(worst, shown)}."
    )
    rule = f"rows outside the expected range for at least {plural(60, 'second')}; rows within three steps are one"
    window = window_of(time)
    return Finding(label, "fault", text, numbers, source, window, rule, (window,))


def _often(
    label: str, unit: str, source: str, time: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64],
    expect: tuple[float, float], runs: list[slice],
) -> Finding:  # fmt: skip
    """One sentence about many times: how many, how long together, how far, and which were longest."""
    lengths = [time[run.stop - 1] - time[run.start] for run in runs]
    total, rows = sum(lengths, np.timedelta64(0, "ns")), np.concatenate([np.arange(time.size)[run] for run in runs])
    out, shown = values[rows], say.unit(unit)
    low, high = int((out < expect[0]).sum()), int((out > expect[1]).sum())
    longest = sorted(sorted(range(len(runs)), key=lambda i: lengths[i], reverse=True)[:FEW])
    periods = [say.period(time[runs[i].start], time[runs[i].stop - 1]) for i in longest]
    extremes = [("lowest", float(out.min()))] * bool(low) + [("highest", float(out.max()))] * bool(high)
    numbers = (
        Number("times", len(runs)), Number("together", float(total / np.timedelta64(1, "s")), "s"), Number("longest told", len(longest)),
        *(Number(name, limit, unit) for name, limit in zip(("expected at least", "expected at most"), expect, strict=True)
          if math.isfinite(limit)), Number("rows", len(out)),
        Number("rows below", low), Number("rows above", high), *(Number(name, value, unit) for name, value in extremes),
        *(Number(f"long time {i + 1}", period) for i, period in enumerate(periods)),
        *(Number(f"time {i + 1}", say.period(time[run.start], time[run.stop - 1])) for i, run in enumerate(runs[:40])),
    )  # fmt: skip
    far = joined(f"{name} {_with(value, shown)}" for name, value in extremes)
    text = (
        f"{label} left the expected range ({_limits(expect, shown)}) {len(runs)} times, for "
        f"{say.age(total)} together ({far}); the {len(longest)} longest were {joined(f'{period} UTC' for period in periods)}."
    )
    rule = f"rows outside the expected range for at least {plural(60, 'second')}; rows within three steps are one"
    window = Window(time[runs[0].start], time[runs[-1].stop - 1] + np.timedelta64(1, "ns"))
    return Finding(label, "fault", text, numbers, source, window, rule, tuple(window_of(time[run]) for run in runs))


def _limits(expect: tuple[float, float], unit: str) -> str:
    low, high = expect
    if not math.isfinite(low):
        return f"at most {_with(high, unit, plain=True)}"
    if not math.isfinite(high):
        return f"at least {_with(low, unit, plain=True)}"
    return f"{say.plain(low)} to {_with(high, unit, plain=True)}"


def _with(value: float, unit: str, *, plain: bool = False) -> str:
    number = say.plain(value) if plain and math.isfinite(value) else say.number(value)
    return f"{number} {unit}" if unit else number
