"""Ticks of axes, run where they run: round numbers in view, apart from each other, whatever the range and the size."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from bokeh.plotting import figure

from tests.browser.chromium import Tab
from workbench.views import axes

_RUN = """([code, cases]) => cases.map(([lo, hi, size]) => {
  const plot = {inner_height: size, inner_width: size}
  return new Function("cb_data", "plot", code)({range: {start: lo, end: hi}}, plot)
})"""

_LABELS = """([code, all]) => all.map((ticks) => ticks.map((tick, index) => new Function("tick", "index", "ticks", code)(tick, index, ticks)))"""


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
    alone = 0
    for (lo, hi, high), ticks in zip(cases, run(open_tab, site, axes._LOGS, cases), strict=True):
        places = [(math.log10(t) - math.log10(lo)) / (math.log10(hi) - math.log10(lo)) * high for t in ticks]
        assert 1 <= len(ticks) <= 6
        assert all(-1e-6 <= place <= high + 1e-6 for place in places)
        assert all(b - a >= (22 if len(ticks) > 2 else 16) - 1e-6 for a, b in pairwise(places))
        if len(ticks) > 1:
            assert max(map(digits, ticks)) <= 4
        assert len(ticks) > 1 or hi < 2 * lo, f"one number does not say how far {lo:g} to {hi:g} is in {high:g} pixels"
        alone += len(ticks) == 1
    assert alone < 20  # of 2,000


def few_of(size: str) -> str:
    return axes._FEW % (size, *axes._ROOM[size])


def test_ticks_up_a_side_are_two_or_more_in_view_and_apart(open_tab: Any, site: Any) -> None:
    seed = random.Random(10)
    cases = []
    for _ in range(2000):
        lo, wide = seed.uniform(-1, 1) * 10 ** seed.uniform(-1, 4), 10 ** seed.uniform(-3, 5)
        cases.append([lo, lo + wide, seed.uniform(32, 700)])
    for (lo, hi, high), ticks in zip(cases, run(open_tab, site, few_of("inner_height"), cases), strict=True):
        places = [(t - lo) / (hi - lo) * high for t in ticks]
        assert 2 <= len(ticks) <= 8
        assert all(3 <= place <= high - 3 for place in places), "a label lies on the next panel"
        assert all(b - a >= 16 - 1e-6 for a, b in pairwise(places))


def test_ticks_along_a_width_have_room_for_their_labels(open_tab: Any, site: Any) -> None:
    """A map as narrow as a phone's, too: at least two wherever two have room."""
    seed = random.Random(9)
    cases = []
    for _ in range(2000):
        lo, wide = seed.uniform(-90, 90), 10 ** seed.uniform(-3, 2)
        cases.append([lo, lo + wide, seed.uniform(160, 900)])
    for (lo, hi, size), ticks in zip(cases, run(open_tab, site, few_of("inner_width"), cases), strict=True):
        places = [(t - lo) / (hi - lo) * size for t in ticks]
        assert all(b - a >= 70 for a, b in pairwise(places))
        assert len(ticks) >= 2, f"{lo} to {hi} in {size} pixels"
        assert len(ticks) <= max(2, size / 76 + 1)


def test_a_label_of_degrees_says_where_its_tick_is(open_tab: Any, site: Any) -> None:
    plot = figure()
    axes.longitudes(plot.xaxis[0])
    axes.latitudes(plot.yaxis[0])
    seed = random.Random(11)
    cases = [
        [lo := seed.uniform(-80, 60), lo + 10 ** seed.uniform(-2, 1.3), seed.uniform(160, 600)] for _ in range(500)
    ]
    tab = open_tab(site({"/": ("text/html", b"<title>ticks</title><link rel=icon href=data:,>")}))
    all_ticks = tab.page.evaluate(_RUN, [few_of("inner_width"), cases])
    for axis, sides in ((plot.xaxis[0], "WE"), (plot.yaxis[0], "SN")):
        labels = tab.page.evaluate(_LABELS, [axis.formatter.code, all_ticks])
        for ticks, said in zip(all_ticks, labels, strict=True):
            for tick, label in zip(ticks, said, strict=True):
                size, side = label.split("°")
                assert abs((-1 if side == sides[0] else 1) * float(size) - tick) < 1e-5, f"{tick} is labelled {label}"


def test_a_time_axis_has_two_ticks_however_narrow(open_tab: Any, site: Any) -> None:
    seed = random.Random(12)
    cases = []
    for _ in range(2000):
        lo, wide = seed.uniform(1.4e12, 1.8e12), 10 ** seed.uniform(4.5, 10.5)
        cases.append([lo, lo + wide, seed.uniform(160, 1200)])
    alone = 0
    for (lo, hi, size), ticks in zip(cases, run(open_tab, site, axes._TIMES % axes._STEPS, cases), strict=True):
        places = [(t - lo) / (hi - lo) * size for t in ticks]
        assert all(b - a >= 50 - 1e-6 for a, b in pairwise(places))
        assert ticks and (len(ticks) >= 2 or size < 300), f"{(hi - lo) / 3.6e6} h in {size} pixels"
        alone += len(ticks) == 1
    assert alone < 40  # of 2,000, where a second time has no room beside a date
