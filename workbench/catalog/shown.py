"""A cruise as a notebook shows it: each source with its span, rows, units, age, a sparkline and the line that opens it.

Nothing here costs more for a longer cruise: headers are asked, the newest hours are read and no more, and what takes
longer than a moment is told as such, source by source, while the others stand. A broken source says what is wrong.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog.origin import row_dimension
from workbench.core import clock
from workbench.core.window import Window

if TYPE_CHECKING:
    from workbench.catalog.source import Source

#: Seconds for all sources together; the first time in a process libraries are loaded, too, which takes longer.
PATIENCE, FIRST = 2.5, 15.0
#: Bytes of text files that are counted or read for a sparkline.
MOST = 32 << 20
#: The sparkline: how far back it goes, in how many points.
HOURS, POINTS = (24, 6, 1), 80
#: Variables named in the table.
NAMED = 6
_HOUR = np.timedelta64(3_600_000_000_000, "ns")
_HIDDEN = ("time", "time_instrument", "file_id", "row_size", "file_duration", "sentence")
_DULL = ("latitude", "longitude", "time_instrument", "row_size", "file_duration")


@dataclass(frozen=True)
class Glimpse:
    """What one look at a source shows.

    Attributes
    ----------
    span : Window or None
    rows : int or None
        None where counting would cost too much.
    particles : bool
    age : numpy.timedelta64 or None
    variables : mapping of str to str
        Variable -> unit.
    curve : str
        What the sparkline shows.
    values : numpy.ndarray of float64
    fault : str
        Why it cannot be read.
    """

    span: Window | None = None
    rows: int | None = None
    particles: bool = False
    age: np.timedelta64 | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    curve: str = ""
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    fault: str = ""


def glimpse(source: Source) -> Glimpse:
    """Look at a source. What it costs does not grow with the cruise. Never raises."""
    if source.product is not None:
        return _of_product(source)
    try:
        span = source.span()
        units = {name: spec.unit for name, spec in source.variables().items()}
    except Exception as error:
        return Glimpse(fault=str(error) or type(error).__name__)
    age = None if span is None else clock.as_of(source.end) - (span.stop - np.timedelta64(1, "ns"))
    plain = Glimpse(span, None, source.is_particles, age, units)
    try:
        rows = source.count() if source.is_particles or _light(source) else None
        curve, values = _curve(source, span) if span is not None else ("", plain.values)
    except Exception as error:
        return Glimpse(span, None, plain.particles, age, units, fault=str(error) or type(error).__name__)
    return Glimpse(span, rows, plain.particles, age, units, curve, values)


def _of_product(source: Source) -> Glimpse:
    """A product is not made to be looked at: only what it says of itself."""
    try:
        return Glimpse(variables={name: spec.unit for name, spec in source.variables().items()})
    except Exception as error:
        return Glimpse(fault=str(error) or type(error).__name__)


def _bytes(source: Source, window: Window | None = None) -> int:
    total = 0
    for path in source.files() if window is None else source.files(window):
        total += path.stat().st_size
        if total > MOST:
            break
    return total


def _light(source: Source, window: Window | None = None) -> bool:
    return _bytes(source, window) <= MOST


def _curve(source: Source, span: Window) -> tuple[str, npt.NDArray[np.float64]]:
    """The newest hours of one variable, as many of them as may be read; of particles, how many there are in a file."""
    for hours in HOURS:
        window = Window(max(span.start, span.stop - hours * _HOUR), span.stop)
        if source.is_particles or _light(source, window):
            ds = source.open(window, max_points=POINTS)
            if source.is_particles:
                return "particles a file", _thin(ds["row_size"].values) if "row_size" in ds else np.empty(0)
            name = _telling(ds)
            return (name, _thin(ds[name].values)) if name else ("", np.empty(0))
    return "", np.empty(0)


def _telling(ds: xr.Dataset) -> str:
    """The first variable that is worth a line."""
    dim = row_dimension(ds)
    good = [
        str(name) for name, array in ds.data_vars.items()
        if array.dims == (dim,) and array.dtype.kind == "f" and not str(name).endswith(("_min", "_max"))
    ]  # fmt: skip
    return next((name for name in good if name not in _DULL), good[0] if good else "")


def _thin(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """At most `POINTS` means of rows next to each other; NaN where they have no value."""
    data = np.asarray(values, float)
    step = max(1, -(-data.size // POINTS))
    padded = np.pad(data, (0, -data.size % step), constant_values=np.nan).reshape(-1, step)
    good = np.isfinite(padded)
    total = np.where(good, padded, 0.0).sum(axis=1)
    return np.where(good.any(axis=1), total / np.maximum(good.sum(axis=1), 1), np.nan)


# all sources, in a moment

_under_way: dict[int, Future[Glimpse]] = {}
_warm = threading.Event()


def glimpses(sources: Mapping[str, Source], patience: float = PATIENCE) -> dict[str, Glimpse | None]:
    """A glimpse of each source; None of those that have not answered after `patience` seconds.

    These are still looked at in the background (once, however often one asks), so that the next time they may be there.
    """
    asked = {name: _look(source) for name, source in sources.items()}
    if not _warm.is_set():
        wait(asked.values(), timeout=max(patience, FIRST), return_when=FIRST_COMPLETED)
    wait(asked.values(), timeout=patience)
    return {name: future.result() if future.done() else None for name, future in asked.items()}


def _look(source: Source) -> Future[Glimpse]:
    key = id(source)
    known = _under_way.get(key)  # once: its thread takes it away
    if known is not None:
        return known
    future: Future[Glimpse] = Future()
    _under_way[key] = future

    def run() -> None:
        try:
            future.set_result(glimpse(source))
        finally:
            _under_way.pop(key, None)
            _warm.set()

    threading.Thread(target=run, name=f"glimpse:{source.name}", daemon=True).start()
    return future


# as HTML


def page(head: str, sources: Mapping[str, Source], seen: Mapping[str, Glimpse | None]) -> str:
    """The table. Pure."""
    rows = "".join(_row(name, source, seen[name]) for name, source in sources.items())
    titles = "".join(
        f"<th style='{_LEFT}'>{title}</th>"
        for title in ("source", "from – to (UTC)", "rows", "newest", "variables", "", "")
    )
    return f"<div style='overflow-x:auto'><b>{html.escape(head)}</b><table style='margin:.4em 0'><tr>{titles}</tr>{rows}</table></div>"


_LEFT = "text-align:left;vertical-align:top;padding:.3em .8em .3em 0"
_SOFT = "opacity:.7;font-size:90%"
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:90%;white-space:nowrap;user-select:all"


def _row(name: str, source: Source, seen: Glimpse | None) -> str:
    about = html.escape(source.description or source.about)
    title = f"<b>{html.escape(name)}</b><br><span style='{_SOFT}'>{about}</span>"
    line = f"<code style='{_MONO}'>{html.escape(opening(name, source, seen))}</code>"
    cells = _told(source, seen)
    return "<tr>" + "".join(f"<td style='{_LEFT}'>{cell}</td>" for cell in (title, *cells, line)) + "</tr>"


def opening(name: str, source: Source, seen: Glimpse | None) -> str:
    """The line of code that opens it: everything where that is less than two days."""
    short = seen is None or seen.span is None or seen.span.stop - seen.span.start <= 48 * _HOUR
    return f"cruise[{name!r}].open({'' if short else repr('last 2 days')})".replace("'", '"')


def _told(source: Source, seen: Glimpse | None) -> tuple[str, str, str, str, str]:
    if seen is None:
        return f"<span style='{_SOFT}'>still being read; show it again in a moment</span>", "", "", "", ""
    if seen.fault:
        when = _period(seen.span) if seen.span is not None else ""
        return f"{when}<span style='color:#c62828'>{html.escape(seen.fault)}</span>", "", "", _units(seen), ""
    if source.product is not None:
        made = html.escape(f"made when opened, of {', '.join(source.inputs.values())}")
        return f"<span style='{_SOFT}'>{made}</span>", "", "", _units(seen), ""
    if seen.span is None:
        said = "without times" if seen.rows else "no data yet"
        return f"<span style='{_SOFT}'>{said}</span>", str(seen.rows or 0), "", _units(seen), ""
    rows = "many" if seen.rows is None else _grouped(seen.rows)
    kind = f"<br><span style='{_SOFT}'>particles</span>" if seen.particles else ""
    newest = "" if seen.age is None else f"<span style='white-space:nowrap'>{ago(seen.age)} ago</span>"
    return _period(seen.span), rows + kind, newest, _units(seen), _spark(seen)


def _units(seen: Glimpse) -> str:
    named = {name: unit for name, unit in seen.variables.items() if name not in _HIDDEN}
    parts = [f"{html.escape(name)}{_unit(unit)}" for name, unit in list(named.items())[:NAMED]]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"<span style='font-size:90%'>{', '.join(parts)}{more}</span>"


def _unit(unit: str) -> str:
    return f" <span style='opacity:.7'>[{html.escape(unit)}]</span>" if unit not in ("", "1") else ""


def _period(span: Window) -> str:
    ends = [str(np.datetime_as_string(t, unit="m")).replace("T", "\u00a0") for t in span]
    return f"<span style='white-space:nowrap'>{ends[0]} –<br>{ends[1]}</span>"


def ago(span: np.timedelta64) -> str:
    """``45 s``, ``12 min``, ``3 h``, ``4 days``."""
    seconds = max(0, int(span / np.timedelta64(1, "s")))
    for size, word in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86_400, 'h': 3_600, 'min': 60}[word]} {word}"
    return f"{seconds} s"


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u202f")


def _short(number: float) -> str:
    return _grouped(number) if 1000 <= abs(number) < 1e12 else f"{number:.4g}"


def _spark(seen: Glimpse) -> str:
    values = seen.values
    good = np.isfinite(values)
    if good.sum() < 2:
        return ""
    low, high = float(values[good].min()), float(values[good].max())
    y = 27 - (values - low) / ((high - low) or 1.0) * 24
    x = np.arange(values.size) / (values.size - 1) * 120
    path, pen = [], False
    for px, py, ok in zip(x.tolist(), y.tolist(), good.tolist(), strict=True):
        if ok:
            path.append(f"{'L' if pen else 'M'}{px:.1f} {py:.1f}")
        pen = ok
    unit = seen.variables.get(seen.curve, "")
    ends = f"{_short(low)} to {_short(high)}{f' {unit}' if unit not in ('', '1') else ''}"
    label = html.escape(f"{seen.curve}, {ends}")
    return (
        f"<svg width='120' height='30' viewBox='0 0 120 30' role='img' aria-label='{label}'><title>{label}</title>"
        f"<path d='{''.join(path)}' fill='none' stroke='#1f7a8c' stroke-width='1.5' stroke-linejoin='round'/></svg>"
        f"<br><span style='{_SOFT}'>{html.escape(seen.curve)}</span>"
    )
