"""Pages on narrow screens: nothing is cut, nothing lies on anything else, and curves keep room to be seen."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.browser.board_page import Board

pytestmark = pytest.mark.timeout(400)
SIZES = [{"width": 900}, {"width": 1024, "height": 768}, {"phone": True}]
#: The caption of each picture, each span of it, and the lowest edge of its figure.
_CAPTIONS = """() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const box = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom] }
  return all(document).filter((e) => e.matches(".stage[data-state=shown] > .caption")).map((e) => ({
    box: box(e), figure: box(e.parentNode.firstChild), words: [...e.querySelectorAll(".told > span")].map((s) => [s.textContent, box(s)]),
  }))
}"""
#: Of the map: where the newest position is on the screen, the buttons that lie on it, and its ticks along the width.
_MAP = """() => {
  const figure = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && m.name === "cruise_map")
  const view = Bokeh.index.find_one_by_id(figure.id), frame = view.frame, at = view.el.getBoundingClientRect()
  const data = figure.renderers.find((r) => r.name === "newest").data_source.data
  const one = (name) => (data.get ? data.get(name) : data[name])[0]
  const all = (r) => [...r.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const fits = all(document).filter((e) => e.matches(".fits")).at(-1).getBoundingClientRect()
  const axis = figure.below[0]
  const code = new Function("cb_data", "plot", axis.ticker.major_code)({range: figure.x_range}, figure)
  return {
    ship: [at.left + frame.x_scale.compute(one("x")), at.top + frame.y_scale.compute(one("y"))],
    fits: [fits.left, fits.top, fits.right, fits.bottom], ticks: code.map((t) => frame.x_scale.compute(t)), wide: frame.bbox.width,
  }
}"""


#: Of the curves on this page: how wide each is.
_CURVES = """() => [...Bokeh.documents[0].all_models].filter((m) => m.type === "Figure" && /^(series|populations):/.test(m.name)).map((m) => [m.name, m.inner_width])"""


@pytest.fixture
def narrow(board: Any, open_tab: Any, simulated: Path) -> Any:
    def start(**size: Any) -> Board:
        return Board(open_tab(f"{board(simulated).address}/?time=all", **size), pictures=2)

    return start


def whole_captions(found: list[dict[str, Any]]) -> None:
    """What a picture shows is said whole, below it."""
    assert len(found) >= 2
    for one in found:
        left, top, right, bottom = one["box"]
        assert one["figure"][3] <= top, "the caption lies on its figure"
        assert any("UTC" in text for text, _ in one["words"])
        for text, (a, b, c, d) in one["words"]:
            assert left <= a and top - 1 <= b and c <= right + 0.5 and d <= bottom + 1, f"{text!r} is cut"


def seen_ship(told: dict[str, Any], ring: float = 10) -> None:
    """No button lies on the newest position, and the map has two longitudes or more, apart."""
    (x, y), (left, top, right, bottom) = told["ship"], told["fits"]
    hidden = left - ring < x < right + ring and top - ring < y < bottom + ring
    assert not hidden, f"a button lies on the ship: {told}"
    assert len(told["ticks"]) >= 2
    assert all(b - a >= 70 for a, b in pairwise(told["ticks"]))


def wide_curves(curves: list[tuple[str, float]]) -> None:
    """Curves have room."""
    assert len(curves) >= 4
    assert all(width >= 130 for _, width in curves), curves


@pytest.mark.parametrize("size", SIZES, ids=["900", "1024", "phone"])
def test_nothing_is_cut_or_covered_and_curves_have_room(narrow: Any, size: dict[str, Any]) -> None:
    page = narrow(**size)
    page.tab.shot(f"narrow-{'-'.join(map(str, size.values()))}")
    page.comes(lambda: whole_captions(page.page.evaluate(_CAPTIONS)))
    page.comes(lambda: seen_ship(page.page.evaluate(_MAP)))
    page.comes(lambda: wide_curves(page.page.evaluate(_CURVES)))
    if "phone" in size:
        head_of_a_phone(page)


@pytest.mark.parametrize("size", [{}, {"phone": True}], ids=["wide", "phone"])
def test_of_many_curves_each_is_reached(board: Any, open_tab: Any, simulated: Path, size: dict[str, Any]) -> None:
    names = [
        "latitude",
        "longitude",
        "sea_water_temperature",
        "salinity",
        "conductivity",
        "par",
        "bulk_red",
        "stream_pressure",
        "event_rate",
    ]
    asked = (
        ",".join(f"sfl.{name}" for name in names)
        + ",underway.latitude,underway.longitude,underway.speed,underway.course"
    )
    page = Board(open_tab(f"{board(simulated).address}/?time=all&chart={asked}", **size), pictures=2)
    panels = page.page.locator(".body:not(.navigator) .panel:not(.many)")
    assert panels.count() >= 12
    page.comes(lambda: high_curves(page))
    card = page.page.locator(".card.series").first
    card.scroll_into_view_if_needed()
    panels.last.scroll_into_view_if_needed()
    page.comes(lambda: within(panels.last.bounding_box(), card.bounding_box()))
    page.tab.shot(f"many-{'phone' if size else 'wide'}")


def high_curves(page: Board) -> None:
    high = page.page.evaluate(_CURVES.replace("m.inner_width", "m.inner_height"))
    assert all(height >= 18 for _, height in high), high


def within(a: dict[str, float], b: dict[str, float]) -> None:
    assert b["y"] <= a["y"]
    assert a["y"] + a["height"] <= b["y"] + b["height"]


def head_of_a_phone(page: Board) -> None:
    """Whatever the state says, the time is beside it and not under the sun."""
    said = page.page.locator(".head .state")
    said.evaluate("(e) => { e.lastChild.textContent = 'Silent: populations and underway' }")
    time, pill = page.page.locator(".head .time").bounding_box(), said.bounding_box()
    assert time and pill
    assert pill["x"] + pill["width"] <= time["x"]
    assert time["x"] + time["width"] <= 390 - 48
