"""What people write in the time control: ``now-1d..now``, ``last 2 days``, ``all``, ``FROM..TO``."""

from __future__ import annotations

import numpy as np

from workbench.core.errors import WindowError
from workbench.core.window import MAX, MIN, Window

DAY = np.timedelta64(86_400_000_000_000, "ns")
_SECOND = 1_000_000_000
#: Seconds by which a window that follows the clock moves on, so that everybody looks at the same one.
_STRIDES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
#: A stride is at most this part of the window: less than a pixel or two.
_PART = 1000


def parse(text: str, now: np.datetime64) -> Window:
    """The window that `text` means at `now`; open sides are MIN and MAX. WindowError when it means none."""
    try:
        return Window.parse(text, now=now)
    except (OverflowError, ValueError) as error:
        raise WindowError(f"'{text}' is not a time range: {error}") from error


def follows(text: str) -> bool:
    """True when the range goes on with time: it ends in ``now``, is open to the right, or is all there is."""
    plain = text.strip()
    return plain in ("all", "") or plain.startswith("last ") or plain.split("..")[-1].strip() in ("", "now")


def resolve(text: str, now: np.datetime64, known: Window | None) -> Window:
    """The window that `text` means, with two finite ends, for the axes of pictures.

    Parameters
    ----------
    text : str
    now : numpy.datetime64[ns]
        The cruise's now.
    known : Window or None
        First to last time of what there is; open sides end there ("all" is all there is, not until now).

    Returns
    -------
    Window
        Where it follows the clock, its ends are rounded outward to a stride of at most a thousandth of its length:
        the newest row is inside, it does not move for less than a pixel, and it is the same for everybody.

    Raises
    ------
    WindowError
        When the text is no time range.
    """
    window = parse(text, now)
    start, stop = window
    if stop == MAX:
        stop = known.stop if known else now
    if start == MIN:
        start = known.start if known and known.start < stop else stop - DAY
    if not follows(text):
        return Window(start, stop)
    stride = _stride(stop - start)
    first, last = (int(t.astype("datetime64[ns]").astype(np.int64)) for t in (start, stop))
    if text.strip().startswith(("now", "last ")):
        first -= first % stride
    return Window(np.datetime64(first, "ns"), np.datetime64(last - last % stride + stride, "ns"))


def _stride(length: np.timedelta64) -> int:
    seconds = float(length / np.timedelta64(_SECOND, "ns")) / _PART
    return max((s for s in _STRIDES if s <= seconds), default=1) * _SECOND
