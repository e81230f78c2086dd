"""The board as a test reads it: what the browser holds, not what the server meant to send."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.browser.chromium import Tab

#: What is in the browser's own models. NaN travels as null.
_READ = """() => {
  const plain = (m) => (m instanceof Map ? Object.fromEntries(m) : m)
  const numbers = (a) => Array.from(a ?? [], (v) => (typeof v === "number" && !Number.isFinite(v) ? null : v))
  const columns = (source) => Object.fromEntries(Object.entries(plain(source.data)).map(([k, v]) => [k, numbers(v)]))
  const out = {figures: {}, pictures: [], query: location.search}
  for (const model of Bokeh.documents[0].all_models) {
    if (model.type === "Figure") {
      const range = (r) => [r.start, r.end]
      const figure = {x: range(model.x_range), y: range(model.y_range), sources: {}, labels: model.below[0]?.axis_label}
      if (model.name !== "cytogram") {
        for (const r of model.renderers) figure.sources[r.name] = columns(r.data_source)
        out.figures[model.name] = figure
      }
    }
    if (model.class_name === "LivePicture") {
      const figure = model.data.figure, data = plain(figure.renderers[0].data_source.data), image = data.image[0]
      out.pictures.push({
        question: plain(model.data.question), levels: Array.from(image), shape: image.shape, box: [data.x[0], data.y[0], data.dw[0], data.dh[0]],
        x: [figure.x_range.start, figure.x_range.end], y: [figure.y_range.start, figure.y_range.end],
        labels: [figure.below[0].axis_label, figure.left[0].axis_label],
      })
    }
  }
  return out
}"""

#: What is looked at first is drawn first; the page is whole once no card has its name alone.
_DRAWN = """() => {
  const page = window.Bokeh?.documents[0]
  const empty = (m) => m.css_classes?.includes("card") && !m.css_classes.includes("empty") && m.children?.length < 2
  return page?.is_idle && [...page.all_models].some((m) => m.type === "Figure") && ![...page.all_models].some(empty)
}"""

#: Note what each cytogram shows; how many of those noted show something else. Others that come meanwhile do not count.
_NOTE = "els => els.forEach(e => { e.noted = e.dataset.revision })"
_ANEW = "els => els.filter(e => e.noted && e.noted !== e.dataset.revision).length"


class Board:
    """One opened board.

    Parameters
    ----------
    tab : Tab
    pictures : int
        How many cytograms there are to wait for.
    """

    def __init__(self, tab: Tab, pictures: int = 1, timeout: float = 90_000) -> None:
        self.tab, self.page = tab, tab.page
        self.page.wait_for_function(_DRAWN, timeout=timeout)
        for i in range(pictures):
            self.page.wait_for_selector(f".stage[data-state=shown] >> nth={i}", timeout=timeout)
        self.page.wait_for_timeout(500)

    def read(self) -> dict[str, Any]:
        """Figures by name, pictures, and the URL's query."""
        found: dict[str, Any] = self.page.evaluate(_READ)
        return found

    def column(self, figure: str, source: str, name: str) -> npt.NDArray[np.float64]:
        """One column of a data source in the browser."""
        values = self.read()["figures"][figure]["sources"][source][name]
        return np.array([np.nan if v is None else v for v in values], float)

    def picture(self, x: str, y: str, by: str = "") -> dict[str, Any]:
        """The cytogram of these channels (by population: its shades): question, levels (y, x), box, ranges."""
        for found in self.read()["pictures"]:
            asked = found["question"]
            if (asked["x"], asked["y"], asked.get("by", "")) == (x, y, by):
                found["levels"] = np.array(found["levels"], np.uint8).reshape(found["shape"])
                return found  # type: ignore[no-any-return]
        raise AssertionError(f"no cytogram of {x} and {y}")

    def until(self, true: str, timeout: float = 30_000, **given: Any) -> None:
        """Wait until a JavaScript expression over ``given`` holds."""
        self.page.wait_for_function(f"(given) => {true}", arg=given, timeout=timeout)

    def comes(self, check: Callable[[], object], timeout: float = 60_000) -> None:
        """Wait until what `check` asserts holds."""
        self.tab.comes(check, timeout)

    def settle(self, change: Any, pictures: int = 1, timeout: float = 60_000) -> None:
        """Do `change` and wait until `pictures` of the cytograms were answered anew."""
        self.page.eval_on_selector_all(".stage[data-revision]", _NOTE)
        change()
        for _ in range(int(timeout / 100)):
            self.page.wait_for_timeout(100)
            if self.page.eval_on_selector_all(".stage[data-revision]", _ANEW) >= pictures:
                break
        else:
            raise AssertionError("no new picture came")
        self.page.wait_for_timeout(700)

    def preset(self, name: str) -> None:
        """Press one of 1 h, 6 h, 1 day, All."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def show(self, start: str, stop: str) -> None:
        """Write a time range."""
        self.page.get_by_label("From (UTC)").fill(start)
        self.page.get_by_label("To (UTC)").fill(stop)
        self.page.keyboard.press("Enter")

    def tile(self, name: str) -> str:
        """What a KPI tile says."""
        return re.sub(r"\s+", " ", self.page.locator(f"[data-kpi={name}]").inner_text())

    def captions(self) -> list[str]:
        """What stands below each cytogram."""
        return [re.sub(r"\s+", " ", text) for text in self.page.locator(".caption").all_inner_texts()]
