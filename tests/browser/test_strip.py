"""The strip of the whole cruise, taken with the mouse: what was dragged over is what the page looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.board_page import Board
from workbench.core.window import Window
from workbench.views import say

pytestmark = pytest.mark.timeout(300)

#: Where the strip lies on the screen, and which times it is from edge to edge.
_STRIP = """() => {
  const figure = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && m.name === "navigator")
  const view = Bokeh.index.find_one(figure), at = view.canvas_view.el.getBoundingClientRect(), frame = view.frame.bbox
  return {left: at.x + frame.left, width: frame.width, middle: at.y + frame.top + frame.height / 2, low: figure.x_range.start, high: figure.x_range.end}
}"""
#: Pixels that a hand, and the edge of a frame, may be off.
NEAR = 3


class Strip:
    """The strip of a page, in parts of its width."""

    def __init__(self, page: Board) -> None:
        self.page = page
        self.at: dict[str, float] = page.page.evaluate(_STRIP)

    def drag(self, start: float, stop: float) -> None:
        """From one place to another with the button held."""
        mouse, at = self.page.page.mouse, self.at
        mouse.move(at["left"] + start * at["width"], at["middle"])
        mouse.down()
        mouse.move(at["left"] + stop * at["width"], at["middle"], steps=12)
        mouse.up()

    def near(self, told: float, place: float) -> bool:
        """True where Unix milliseconds lie at this place."""
        wide = self.at["high"] - self.at["low"]
        return abs((told - self.at["low"]) / wide - place) * self.at["width"] <= NEAR

    def comes(self, start: float, stop: float) -> tuple[float, float]:
        """Wait until the page looks at what lies between these places."""
        found: list[tuple[float, float]] = []

        def check() -> None:
            found[:] = [self.looked_at()]
            assert self.near(found[0][0], start) and self.near(found[0][1], stop)

        self.page.comes(check)
        return found[0]

    def looked_at(self) -> tuple[float, float]:
        """Unix milliseconds of the range that the link has; the page shows the same."""
        read: dict[str, Any] = self.page.read()
        query = dict(part.split("=", 1) for part in read["query"].lstrip("?").split("&"))
        window = Window.parse(query["time"])
        start, stop = (say.milliseconds(t) for t in window)
        for name, figure in read["figures"].items():
            if name.startswith("series:"):
                assert np.allclose(figure["x"], (start, stop), atol=1000), name
        assert all(one["question"]["time"] == query["time"] for one in read["pictures"])
        fields = [self.page.page.get_by_label(f"{end} (UTC)").input_value() for end in ("From", "To")]
        told = [say.moment(np.datetime64(round(ms), "ms")) for ms in (start, stop)]
        assert [text[: len(field)] for text, field in zip(told, fields, strict=True)] == fields
        return start, stop


def test_dragging_over_the_strip_chooses_a_time_range(board, open_tab, simulated: Path) -> None:
    page = Board(open_tab(f"{board(simulated).address}/?time=all"), pictures=2)
    strip = Strip(page)
    page.settle(lambda: strip.drag(0.25, 0.6), pictures=2)
    strip.comes(0.25, 0.6)
    page.comes(lambda: paused(page))

    page.settle(lambda: strip.drag(0.9, 0.7), pictures=2)  # from right to left, beside the brush: another range
    start, stop = strip.comes(0.7, 0.9)

    page.page.wait_for_timeout(1600)  # what is chosen sooner takes the place of the choice before it in the history
    page.settle(lambda: strip.drag(0.8, 0.5), pictures=2)  # the brush itself is moved, and stays as wide
    moved = strip.comes(0.4, 0.6)
    assert moved[1] - moved[0] == pytest.approx(stop - start, abs=1000)

    page.page.go_back()
    page.until("!location.search.includes(given.time)", time=str(np.datetime64(round(moved[0]), "ms"))[:19])
    assert strip.comes(0.7, 0.9) == pytest.approx((start, stop), abs=1000)


def paused(page: Board) -> None:
    assert "Paused" in page.page.locator(".control .words").inner_text()


def test_a_short_click_on_the_strip_changes_nothing(board, open_tab, simulated: Path) -> None:
    page = Board(open_tab(f"{board(simulated).address}/?time=all"), pictures=2)
    strip = Strip(page)
    before = page.read()["query"]
    page.page.mouse.click(strip.at["left"] + strip.at["width"] * 0.4, strip.at["middle"])
    page.page.wait_for_timeout(1500)
    assert page.read()["query"] == before
