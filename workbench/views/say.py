"""How numbers, times, places and ages are written, the same everywhere."""

from __future__ import annotations

import math
from html import escape as escape  # one name for all who make HTML

import numpy as np

from workbench.core.variables import SHORT_UNITS, VARIABLES

THIN = "\u2009"
MINUS = "\u2212"

#: Words of names that people write otherwise, and names that are none.
_SHORT = {"opp": "OPP", "evt": "EVT", "vct": "VCT", "se": "(standard error)", "sd": "(standard deviation)"}
_PLAIN = {"n_count": "count", "opp_evt_ratio": "OPP/EVT ratio", "all_count": "count of all particles"}


def number(value: float | None, digits: int = 4) -> str:
    """About `digits` significant figures, thin spaces between thousands, a dash for what is missing."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        mantissa, power = f"{value:.2e}".split("e")
        text = f"{mantissa}×10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    elif size >= 1000 or size == 0:
        text = f"{value:,.0f}".replace(",", THIN)
    else:
        before = max(1, math.floor(math.log10(size)) + 1) if size else 1
        text = f"{value:.{max(0, min(digits - before, 3))}f}"
    return text.replace("-", MINUS)


def plain(value: float) -> str:
    """A limit as it was written: no padding zeros."""
    text = f"{value:,.10g}" if abs(value) < 1e7 else number(value)
    return text.replace(",", THIN).replace("-", MINUS)


def count(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{int(value):,}".replace(",", THIN)


def unit(text: str | None) -> str:
    """A UDUNITS unit as people write it."""
    return SHORT_UNITS.get(text or "", text or "")


def name(variable: str, attrs: dict[str, object] | None = None) -> str:
    """What a variable is called on a screen, starting with a capital."""
    spec = VARIABLES.get(variable)
    text = (
        spec.long_name if spec else str((attrs or {}).get("long_name") or _of_population(variable) or _words(variable))
    )
    return text[:1].upper() + text[1:]


def _of_population(variable: str) -> str:
    """``abundance of Prochlorococcus`` for ``abundance_prochloro``; nothing for what is of none."""
    from workbench.views.colours import NAMES

    quantity, _, population = variable.rpartition("_")
    return f"{_words(quantity)} of {NAMES[population]}" if quantity and population in NAMES else ""


def _words(variable: str) -> str:
    """The words of a name: ``OPP/EVT ratio`` for ``opp_evt_ratio``."""
    return _PLAIN.get(variable) or " ".join(_SHORT.get(word, word) for word in variable.split("_"))


def milliseconds(time: np.datetime64) -> float:
    """Unix milliseconds, as Bokeh and browsers count."""
    return float(time.astype("datetime64[ns]").astype(np.int64)) / 1e6


def moment(time: np.datetime64, *, seconds: bool = True) -> str:
    """``2014-07-04 00:12:33``; whoever shows it says UTC beside it."""
    if np.isnat(time):
        return "–"
    return np.datetime_as_string(time.astype("datetime64[ns]"), unit="s" if seconds else "m").replace("T", " ")


def period(start: np.datetime64, stop: np.datetime64) -> str:
    """``2014-07-04 00:00 – 01:00`` (the day once when it is the same)."""
    a, b = moment(start, seconds=False), moment(stop, seconds=False)
    return f"{a} – {b[11:] if a[:10] == b[:10] else b}"


def age(span: np.timedelta64) -> str:
    """``4 s``, ``12 min``, ``3 h 05``, ``6 d``: the same steps as the browser's own ticking ages."""
    s = max(0, round(span / np.timedelta64(1, "s")))
    if s < 100:
        return f"{s} s"
    if s < 6000:
        return f"{round(s / 60)} min"
    if s < 172_800:
        return f"{s // 3600} h {s // 60 % 60:02d}"
    return f"{round(s / 86400)} d"


def place(latitude: float, longitude: float) -> str:
    """Degrees and decimal minutes, as on a chart: ``21°18.20′N 157°52.61′W``."""
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return "–"
    east = (longitude + 180) % 360 - 180
    return f"{_minutes(latitude, 2, 'NS')} {_minutes(east, 3, 'EW')}"


def angle(value: float, unit_name: str) -> str | None:
    """One coordinate as on a chart, for values whose unit is degrees north or east; else None."""
    if not math.isfinite(value):
        return None
    if unit_name == "degrees_north":
        return _minutes(value, 2, "NS")
    if unit_name == "degrees_east":
        return _minutes((value + 180) % 360 - 180, 3, "EW")
    return None


def _minutes(value: float, width: int, sides: str) -> str:
    hundredths = round(abs(value) * 6000)
    degrees, rest = divmod(hundredths, 6000)
    return f"{degrees:0{width}d}°{rest / 100:05.2f}′{sides[value < 0]}"
