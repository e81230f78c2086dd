"""A number to watch, against what was expected of it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.reports.finding import Finding, Number, plural, spans, window_of
from workbench.views import say

#: Excursions shorter than this are noise of the sensor, unless they are the only row there is.
SHORT = np.timedelta64(60_000_000_000, "ns")
#: Rows further apart than this do not belong to one excursion (three usual steps where that is longer).
APART = np.timedelta64(600_000_000_000, "ns")


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
    outside = [_left(label, unit, where, time[run], values[run], expect) for run in excursions(time, values, expect)]
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
        Number("median", middle, unit), Number("2.5 percent of the rows are below", low, unit),
        Number("2.5 percent of the rows are above", high, unit), Number("lowest", float(values.min()), unit),
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


def _with(value: float, unit: str, *, plain: bool = False) -> str:
    number = say.plain(value) if plain and math.isfinite(value) else say.number(value)
    return f"{number} {unit}" if unit else number
