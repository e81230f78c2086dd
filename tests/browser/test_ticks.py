"""Ticks of axes, run where they run: round numbers in view, apart from each other, whatever the range and the size."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.browser.chromium import Tab
from workbench.views import axes

_RUN = """([code, cases]) => cases.map(([lo, hi, size]) => {
  const plot = {inner_height: size, inner_width: size}
  return new Function("cb_data", "plot", code)({range: {start: lo, end: hi}}, plot)
})"""


def run(open_tab: Callable[..., Tab], site: Any, code: str, cases: list[list[float]]) -> list[list[float]]:
    tab = open_tab(site({"/": ("text/html", b"<title>ticks</title><link rel=icon href=data:,>")}))
    return json.loads(json.dumps(tab.page.evaluate(_RUN, [code, cases])))  # type: ignore[no-any-return]


def digits(value: float) -> int:
    """Significant digits of a number."""
    return len(f"{value:.10e}".split("e")[0].replace(".", "").strip("-").rstrip("0"))


def test_ticks_of_logarithmic_axes_are_round_in_view_and_apart(open_tab: Any, site: Any) -> None:
    seed = random.Random(8)
    cases = []
    for _ in range(2000):
        lo, wide, high = seed.uniform(-6, 6), 10 ** seed.uniform(-2, 1), seed.uniform(40, 700)
        cases.append([10**lo, 10 ** (lo + wide), high])
    alone = low = 0
    for (lo, hi, high), ticks in zip(cases, run(open_tab, site, axes._LOGS, cases), strict=True):
        places = [(math.log10(t) - math.log10(lo)) / (math.log10(hi) - math.log10(lo)) * high for t in ticks]
        assert 1 <= len(ticks) <= 6
        assert all(-1e-6 <= place <= high + 1e-6 for place in places)
        assert all(b - a >= 22 - 1e-6 for a, b in pairwise(places))
        if len(ticks) > 1:
            assert max(map(digits, ticks)) <= 4
        alone += len(ticks) == 1 and high > 150
        low += len(ticks) == 1 and 50 < high <= 150
    assert alone < 20  # of 2,000
    assert low < 20, "two numbers in a panel as low as a thumb say how wide it is"


def test_ticks_along_a_width_have_room_for_their_labels(open_tab: Any, site: Any) -> None:
    seed = random.Random(9)
    cases = []
    for _ in range(2000):
        lo, wide = seed.uniform(-90, 90), 10 ** seed.uniform(-3, 2)
        cases.append([lo, lo + wide, seed.uniform(160, 900)])
    code = axes._FEW % ("inner_width", *axes._ROOM["inner_width"])
    for (lo, hi, size), ticks in zip(cases, run(open_tab, site, code, cases), strict=True):
        places = [(t - lo) / (hi - lo) * size for t in ticks]
        assert all(b - a >= 70 for a, b in pairwise(places))
