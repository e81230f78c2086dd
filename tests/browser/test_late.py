"""What changes while a browser still loads the page's scripts, and never again, is on the page all the same."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.board_page import Board
from tests.browser.chromium import Tab

pytestmark = pytest.mark.timeout(300)

#: Seconds for which the scripts are held back: the server looks for new data and tells its pages several times.
HELD = 4.0
_STRIP = "[...Bokeh.documents[0].all_models].find((m) => m.class_name === 'Strip')"
_DRAW_ANEW = f"() => Bokeh.index.find_one({_STRIP}).render_esm()"
_ALL = f"""() => {{
  const strip = {_STRIP}, {{data}} = strip
  data.setv({{tiles: data.tiles.map((_, i) => `<p class=tile>${{i}}</p>`)}}, {{sync: false}})
  return [...Bokeh.index.find_one(strip).shadow_el.querySelectorAll(".tile")].map((tile) => tile.textContent)
}}"""


@pytest.fixture
def cruise(simulated: Path, tmp_path: Path) -> Path:
    """A cruise whose engineering lines have yet to come; its catalog."""
    folder = tmp_path / "cruise"
    shutil.copytree(simulated.parent, folder)
    (folder / "sfl" / "SIM25.sfl").unlink()
    return folder / "catalog.yaml"


def test_what_comes_once_before_the_page_is_drawn(
    board: Any, open_tab: Callable[..., Tab], cruise: Path, simulated: Path
) -> None:
    lines = (simulated.parent / "sfl" / "SIM25.sfl").read_text()
    server, tab, held = board(cruise), open_tab("about:blank"), list[str]()

    def hold(route: Any) -> None:
        if not held:
            held.append(route.request.url)
            come(cruise, lines.rpartition("\n2025")[0] + "\n")
            time.sleep(HELD)
        route.continue_()

    tab.page.route("**/*.js*", hold)
    tab.page.goto(server.address)
    Board(tab, pictures=2)
    assert held
    tab.comes(lambda: told(tab))
    before = numbers(tab)
    tab.shot("late")

    come(cruise, lines.replace("\t12.", "\t13."))
    tab.comes(lambda: other(tab, before))
    after = numbers(tab)["stream_pressure"]
    tab.page.evaluate(_DRAW_ANEW)
    assert numbers(tab)["stream_pressure"] == after, "drawn anew, it shows what was true when the page was made"

    # As a server tells a browser that has not said that they are drawn.
    assert tab.page.evaluate(_ALL) == [str(i) for i in range(len(before))]


def come(cruise: Path, lines: str) -> None:
    (cruise.parent / "sfl" / "SIM25.sfl").write_text(lines)


def numbers(tab: Tab) -> dict[str, str]:
    """What stands on each tile."""
    tiles = tab.page.locator(".strip .tile").all()
    return {tile.get_attribute("data-kpi") or "": tile.locator(".value").inner_text() for tile in tiles}


def told(tab: Tab) -> None:
    words = numbers(tab)
    assert words
    assert "–" not in "".join(words.values()), words


def other(tab: Tab, before: dict[str, str]) -> None:
    assert numbers(tab)["stream_pressure"] != before["stream_pressure"]
