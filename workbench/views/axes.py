"""Tick marks people can read: decades as 1, 10, 100, 1000, degrees as 157°W, time as UTC."""

from __future__ import annotations

from bokeh.models import (
    Axis,
    BasicTicker,
    CustomJSTicker,
    CustomJSTickFormatter,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from workbench.core.codes import DECADES, SIZE
from workbench.views.paint import Theme, dress

_PER_DECADE = SIZE / DECADES

# Ticks for an axis whose data are log codes. `per` codes make one decade. A decade or more in view: powers of ten;
# less: 1-2-5 steps, or evenly spaced linear values when one is very close.
_MAJOR = """
const per = %r
const lo = cb_data.range.start / per, hi = cb_data.range.end / per
const out = []
if (hi - lo > 0.9) {
  for (let k = Math.ceil(lo - 1e-9); k <= hi + 1e-9; k++) out.push(k * per)
} else {
  const a = 10 ** lo, b = 10 ** hi, raw = (b - a) / 4, p = 10 ** Math.floor(Math.log10(raw)), m = raw / p
  const step = (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10) * p
  for (let v = Math.ceil(a / step) * step; v <= b; v += step) if (v > 0) out.push(Math.log10(v) * per)
}
return out
"""
_MINOR = """
const per = %r
const lo = cb_data.range.start / per, hi = cb_data.range.end / per
const out = []
if (hi - lo > 0.9 && hi - lo < 8) {
  for (let k = Math.floor(lo); k <= hi; k++)
    for (let m = 2; m < 10; m++) { const v = k + Math.log10(m); if (v >= lo && v <= hi) out.push(v * per) }
}
return out
"""
_DECADE_LABEL = """
const v = 10 ** (tick / %r)
if (v >= 10000 || v < 0.01) { const k = Math.round(Math.log10(v)); return "10" + String(k).replace(/[-0-9]/g, c => c == "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c]) }
return String(Number(v.toPrecision(4)))
"""
_DEGREES = """
const folded = %s
const digits = [0, 1, 2, 3, 4].find((d) => ticks.every((t) => Math.abs(t - Number(t.toFixed(d))) < 1e-7)) ?? 5
const size = Math.abs(folded).toFixed(digits)
if (Number(size) === 0) return "0°"
%s
return size + "°" + (folded < 0 ? "%s" : "%s")
"""


def decades(axis: Axis, *, per_decade: float = _PER_DECADE) -> None:
    """Tick an axis of log codes at 1, 10, 100, 1000 (and at 1-2-5 steps when looking closely)."""
    axis.ticker = CustomJSTicker(major_code=_MAJOR % per_decade, minor_code=_MINOR % per_decade)
    axis.formatter = CustomJSTickFormatter(code=_DECADE_LABEL % per_decade)


#: A number with thin spaces between thousands and a real minus.
NUMBER = r"""
const text = Math.abs(tick) < 1e-12 ? "0" : Math.abs(tick) >= 1e7 ? tick.toExponential(1) : String(Number(tick.toPrecision(6)))
const [whole, part] = text.split(".")
return (whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009") + (part ? "." + part : "")).replace("-", "\u2212")
"""


#: Pixels that one label needs, along the height and the width of a chart; off its ends; between two that are all there are.
_ROOM = {"inner_height": (30, 7, 16), "inner_width": (76, 0, 76)}
_FEW = """
const lo = Math.min(cb_data.range.start, cb_data.range.end), hi = Math.max(cb_data.range.start, cb_data.range.end)
let high = 40
try { high = plot.%s } catch { /* not laid out yet */ }
const most = Math.max(2.2, Math.min(6, high / %d)), edge = Math.min(0.1, %d / high) * (hi - lo), apart = %d / high * (hi - lo)
const by = (n) => {
  const raw = (hi - lo) / n, p = 10 ** Math.floor(Math.log10(raw)), m = raw / p, out = []
  const step = (m <= 1 ? 1 : m <= 2 ? 2 : m <= 2.5 ? 2.5 : m <= 5 ? 5 : 10) * p
  for (let k = Math.ceil((lo + edge) / step); k * step <= hi - edge && out.length < 40; k++) out.push(k * step)
  return out
}
const out = by(most).slice(0, 8)
for (let n = most; out.length < 2 && n < 20; n *= 1.3) {  // two say how wide it is
  const all = by(n)
  if (all.length > 1 && all.at(-1) - all[0] >= apart) return [all[0], all.at(-1)]
}
return out.length ? out : by(20).slice(0, 1)
"""
# Ticks up a logarithmic axis: powers of ten, as many as there is room for; in fewer decades 1-2-5 steps or finer ones; in a
# small part of one evenly spaced numbers. The most that stand apart.
_LOGS = """
const lo = Math.log10(Math.min(cb_data.range.start, cb_data.range.end)), hi = Math.log10(Math.max(cb_data.range.start, cb_data.range.end))
let high = 40
try { high = plot.inner_height } catch { /* not laid out yet */ }
if (!(hi > lo)) return []
const edge = Math.min(0.1, 6 / high) * (hi - lo), apart = 22 * (hi - lo) / high
const inside = (exponents) => exponents.filter((e) => e >= lo + edge - 1e-9 && e <= hi - edge + 1e-9)
const by = (mantissas, every) => {
  const out = []
  for (let k = Math.floor(lo / every) * every; k <= hi; k += every) for (const m of mantissas) out.push(k + Math.log10(m))
  return inside(out)
}
const even = (n) => {
  const raw = (10 ** hi - 10 ** lo) / n, p = 10 ** Math.floor(Math.log10(raw)), m = raw / p
  const step = (m <= 1 ? 1 : m <= 2 ? 2 : m <= 2.5 ? 2.5 : m <= 5 ? 5 : 10) * p, out = []
  for (let k = Math.ceil(10 ** lo / step); k * step <= 10 ** hi; k++) if (k > 0) out.push(Math.log10(k * step))
  return inside(out)
}
const clear = (ticks) => ticks.length < 7 && ticks.every((t, i) => !i || t - ticks[i - 1] >= apart)
const many = Math.ceil((hi - lo) / 5)
const sets = [...Array.from({length: 12}, (_, i) => by([1], many + i)), by([1, 3], 1), by([1, 2, 5], 1), by([1, 2, 3, 5], 1), even(2), even(3), even(4)]
const best = sets.filter(clear).reduce((a, b) => (b.length > a.length ? b : a), [])
if (best.length > 1) return best.map((e) => Number((10 ** e).toPrecision(12)))
for (const all of [by([1, 3], 1), by([1, 2, 5], 1), ...[2, 3, 4, 6, 8, 12, 16, 24].map(even)]) {  // two say how wide it is
  const two = [all[0], all.at(-1)]
  if (two[1] - two[0] >= (16 / 22) * apart) return two.map((e) => Number((10 ** e).toPrecision(12)))
}
if (best.length) return best.map((e) => Number((10 ** e).toPrecision(12)))
for (let digits = 1; ; digits++) {
  const t = Number((10 ** ((lo + hi) / 2)).toPrecision(digits))
  if (digits > 15 || (t >= 10 ** lo && t <= 10 ** hi)) return [t]
}
"""


def few(axis: Axis, plot: figure, *, wide: bool = False) -> None:
    """As many round numbers as the height of `plot` (`wide`: its width) has room for; two in a panel as low as a thumb."""
    size = "inner_width" if wide else "inner_height"
    axis.ticker = CustomJSTicker(args={"plot": plot}, major_code=_FEW % (size, *_ROOM[size]), minor_code="return []")
    axis.formatter = CustomJSTickFormatter(code=NUMBER)


def logs(axis: Axis, plot: figure) -> None:
    """Tick a logarithmic axis up the side of `plot` with round numbers, as many as stand apart."""
    axis.ticker = CustomJSTicker(args={"plot": plot}, major_code=_LOGS, minor_code="return []")
    axis.formatter = CustomJSTickFormatter(code=NUMBER)


def plain(axis: Axis) -> None:
    """Evenly spaced numbers."""
    axis.ticker = BasicTicker(desired_num_ticks=5, num_minor_ticks=0)
    axis.formatter = CustomJSTickFormatter(code=NUMBER)


def longitudes(axis: Axis) -> None:
    """Label continuous degrees (181 is 179°W) with E and W; 180° has no side."""
    fold = "((tick + 180) % 360 + 360) % 360 - 180"
    axis.formatter = CustomJSTickFormatter(code=_DEGREES % (fold, 'if (Number(size) === 180) return "180°"', "W", "E"))


def latitudes(axis: Axis) -> None:
    """Label degrees with N and S."""
    axis.formatter = CustomJSTickFormatter(code=_DEGREES % ("tick", "", "S", "N"))


_STEPS = "[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 2592000]"
_TIMES = """
const lo = cb_data.range.start, hi = cb_data.range.end, steps = [...%s, ...Array.from({length: 24}, (_, i) => (i + 2) * 2592000)]
let wide = 600
try { wide = plot.inner_width } catch { /* not laid out yet */ }
const most = Math.max(2.2, Math.min(10, Math.floor(wide / 78)))
const raw = (hi - lo) / 1000 / most, finer = steps.filter((s) => s < raw && s * 1000 / (hi - lo) * wide >= 50).reverse()
const by = (step) => {
  const out = []
  for (let k = Math.ceil(lo / step); k * step <= hi; k++) out.push(k * step)
  return out
}
let out = by(1000 * (steps.find((s) => s >= raw) ?? Math.ceil(raw / 2592000) * 2592000))
for (const step of finer) if (out.length < 2) out = by(1000 * step)
return out
"""
_TIME_LABEL = """
const d = new Date(tick), two = (n) => String(n).padStart(2, "0")
const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][d.getUTCMonth()]
const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60000
const before = index > 0 ? new Date(ticks[index - 1]) : null
const day = `${two(d.getUTCDate())} ${month}`
const newDay = !before || before.getUTCDate() !== d.getUTCDate() || before.getUTCMonth() !== d.getUTCMonth()
const newYear = !before || before.getUTCFullYear() !== d.getUTCFullYear()
if (step %% 86400000 === 0) return newYear ? `${day}%s${d.getUTCFullYear()}` : day
const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` + (step %% 60000 ? `:${two(d.getUTCSeconds())}` : "")
return newDay ? `${time}%s${day}${newYear && %s ? " " + d.getUTCFullYear() : ""}` : time
"""


def utc(axis: Axis, plot: figure, *, lines: int = 2) -> None:
    """Tick a datetime axis in UTC: the time of day, and the date below it where it begins.

    Parameters
    ----------
    axis : bokeh.models.Axis
    plot : bokeh.plotting.figure
        Its width says how many ticks there is room for.
    lines : {1, 2}
        1: no room for a second line; the date takes the place of midnight.
    """
    axis.ticker = CustomJSTicker(args={"plot": plot}, major_code=_TIMES % _STEPS, minor_code="return []")
    if lines == 2:
        code = _TIME_LABEL % ("\\n", "\\n", "true")
    else:
        code = _ONE_LINE
    axis.formatter = CustomJSTickFormatter(code=code)


_ONE_LINE = """
const d = new Date(tick), two = (n) => String(n).padStart(2, "0")
const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][d.getUTCMonth()]
if (tick % 86400000 === 0) return `${two(d.getUTCDate())} ${month}`
return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` + (tick % 60000 ? `:${two(d.getUTCSeconds())}` : "")
"""


def timed(name: str, x_range: Range1d, *, log: bool, last: bool, theme: Theme) -> figure:
    """One of several empty charts by time, one below the other: panned and zoomed along time, its times shown in the last.

    Parameters
    ----------
    name : str
    x_range : bokeh.models.Range1d
        Shared by all of them.
    log : bool
    last : bool
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
    """
    plot = figure(
        x_axis_type="datetime", y_axis_type="log" if log else "linear", x_range=x_range, tools=[],
        sizing_mode="stretch_both", name=name,
    )  # fmt: skip
    wheel = WheelZoomTool(dimensions="width")
    plot.add_tools(PanTool(dimensions="width"), wheel)
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    utc(plot.xaxis[0], plot)
    plot.xaxis[0].visible = last
    plot.min_border_left, plot.min_border_right = 56, 8
    if log:
        logs(plot.yaxis[0], plot)
    else:
        few(plot.yaxis[0], plot)
    return plot
