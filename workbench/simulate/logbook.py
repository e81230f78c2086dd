"""The instrument's log of a simulated cruise: what was set at its begin, what failed and when no files were written."""

from __future__ import annotations

import numpy as np

from workbench.simulate.chance import uniform
from workbench.simulate.happenings import Happenings

#: Usual volts of the photomultipliers, and the trigger's.
GAINS = (0.95, 1.12, 0.85, 1.40, 0.70, 2.05, 2.12, 2.00)
TRIGGER = -2.10
#: The photomultiplier that is turned up after each fault of the pressure, and by how much.
_TURNED, _STEP = 2, 0.05


def gains(seed: int) -> list[float]:
    """Volts of the photomultipliers when a cruise begins."""
    about = 0.2 * (uniform(seed, "gains", np.arange(len(GAINS))) - 0.5)
    return [round(float(volts), 2) for volts in np.array(GAINS) + about]


def text(start: np.datetime64, happenings: Happenings, second: int) -> bytes:
    """The whole lines of the log before `second` of a cruise; a later text begins with an earlier one.

    Parameters
    ----------
    start : numpy.datetime64
        When the cruise begins (UTC).
    happenings : Happenings
    second : int
        Seconds since then.

    Returns
    -------
    bytes
        For the reader ``seaflow_log``: a stamp, and what happened below it.
    """
    volts_of = gains(happenings.seed)
    said: list[tuple[float, str]] = [(k, f"PMT{k + 1}:{volts:.2f}") for k, volts in enumerate(volts_of)]
    said += [(8, f"trigger level:{TRIGGER:.2f}"), (9, "stream pressure locked"), (10, "write evt: 1")]
    for gap in happenings.of("gap"):
        said += [(gap.start, "write evt: 0"), (gap.stop, "write evt: 1")]
    for number, fault in enumerate(happenings.of("pressure_fault"), start=1):
        said += [
            (fault.start + 60, "stream pressure unlocked"),
            (fault.start + 420, "pump over 12.00 psi for too long"),
            (fault.start + 900, f"Fluid leak or inlet valve is shut, {_stamp(start, fault.start + 900)}"),
            (fault.stop, "stream pressure locked"),
            (fault.stop + 300, f"PMT{_TURNED}:{volts_of[_TURNED - 1] + number * _STEP:.2f}"),
        ]
    said += [(cut.start, "syringe pump not communicating with labview") for cut in happenings.of("truncated")]
    due = sorted(one for one in said if one[0] < second)
    return "".join(f"{_line(start, at)}\n{words}\n" for at, words in due).encode("ascii")


def _moment(start: np.datetime64, second: float) -> str:
    return str(start.astype("datetime64[s]") + np.timedelta64(int(second), "s"))


def _line(start: np.datetime64, second: float) -> str:
    return f"{_moment(start, second).replace(':', '-')}+0000"


def _stamp(start: np.datetime64, second: float) -> str:
    """As faults of the instrument say when they happened: ``23:16:05, 16052014``."""
    day, _, time = _moment(start, second).partition("T")
    year, month, number = day.split("-")
    return f"{time}, {number}{month}{year}"
