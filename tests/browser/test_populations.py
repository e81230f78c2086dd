"""Populations on the board: the shades of each cell are those of the files, and the legend hides and shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.browser.board_page import Board
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.codes import to_codes
from workbench.core.viewport import Viewport
from workbench.core.window import ALWAYS, Window
from workbench.raster.count import count_codes
from workbench.raster.levels import levels
from workbench.views.paint import POPULATIONS

pytestmark = pytest.mark.timeout(400)
BY = "pop_q50"
SHADES = 32


def expected(
    cruise: Cruise, found: dict[str, Any], window: Window = ALWAYS, hidden: tuple[str, ...] = ()
) -> tuple[np.ndarray, list[str]]:
    """The shades of a picture by population, from the files, and who is in it."""
    ds = cruise["vct"].open(window).load()
    asked = found["question"]
    x, y, label = to_codes(ds[asked["x"]].values), to_codes(ds[asked["y"]].values), ds[asked["by"]].values
    left, low, width, height = found["box"]
    rows, cells = found["shape"]
    viewport = Viewport(left, left + width, low, low + height, cells, rows)
    planes = {name: count_codes(x[label == name], y[label == name], viewport) for name in POPULATIONS}
    planes = {name: plane for name, plane in planes.items() if plane.any()}
    shown = np.asarray(levels(np.stack([*planes.values()])))
    for i, name in enumerate(planes):
        shown[i] *= name not in hidden
    shades = min(SHADES, 255 // len(planes))
    most, who = shown.max(axis=0).astype(int), shown.argmax(axis=0)
    return np.where(most > 0, 1 + who * shades + (most - 1) * shades // 255, 0), list(planes)


@pytest.fixture
def real(board, open_tab, root: Path, data: Path):
    def start(**options: Any) -> tuple[Board, Cruise]:
        catalog = root / "catalogs" / "testcruise.yaml"
        server = board(catalog, data=data)
        return Board(open_tab(server.address, **options), pictures=3), open_cruise(catalog, data=data)

    return start


def palette(page: Board) -> list[str]:
    """The colours of the picture by population, as the browser holds them."""
    colours: list[Any] = page.page.evaluate(
        """() => {
          const model = Bokeh.documents[0].all_models
          const found = [...model].find((m) => m.class_name === "LivePicture" && (m.data.question.by ?? m.data.question.get?.("by")))
          return [...found.data.figure.renderers[0].glyph.color_mapper.palette]
        }"""
    )
    return [c if isinstance(c, str) else f"#{c >> 8:06x}" for c in colours]


def test_each_cell_has_the_colour_of_the_population_of_which_it_has_most(real) -> None:
    page, cruise = real()
    found = page.picture("fsc_small", "pe", BY)
    want, names = expected(cruise, found)
    assert want.any()
    assert np.array_equal(found["levels"], want)
    buttons = page.page.locator(".groups .key-line")
    assert [b.get_attribute("data-population") for b in buttons.all()] == names
    ds = cruise["vct"].open().load()
    for name, text in zip(names, buttons.all_inner_texts(), strict=True):
        assert str((ds[BY].values == name).sum()) in text.replace("\u2009", "")
    colours = palette(page)
    strongest = [colours[(i + 1) * SHADES - 1] for i in range(len(names))]
    assert strongest == [POPULATIONS[name]["light"] for name in names]

    page.page.get_by_label("Toggle theme").click()
    page.until("document.documentElement.dataset.wbTheme === 'dark'")
    page.comes(lambda: dark_too(page, names))
    page.tab.shot("populations")


def dark_too(page: Board, names: list[str]) -> None:
    strongest = [palette(page)[(i + 1) * SHADES - 1] for i in range(len(names))]
    assert strongest == [POPULATIONS[name]["dark"] for name in names]


def test_hiding_a_population_asks_nobody_and_shows_what_is_beneath(real) -> None:
    page, cruise = real()
    asked = len(page.tab.asked)
    button = page.page.locator(".groups [data-population=unknown]")
    button.click()
    page.page.wait_for_timeout(300)
    found = page.picture("fsc_small", "pe", BY)
    want, _ = expected(cruise, found, hidden=("unknown",))
    assert np.array_equal(found["levels"], want)
    assert not np.array_equal(want, expected(cruise, found)[0])
    assert button.get_attribute("aria-pressed") == "false"
    page.settle(lambda: page.show("2014-07-04 00:00", "2014-07-04 00:04"), pictures=3)
    window = Window.parse("2014-07-04T00:00..2014-07-04T00:04")

    def hidden() -> None:
        found = page.picture("fsc_small", "pe", BY)
        assert np.array_equal(found["levels"], expected(cruise, found, window, ("unknown",))[0]), "it stays hidden"

    page.comes(hidden)
    button.click()
    page.page.wait_for_timeout(300)
    found = page.picture("fsc_small", "pe", BY)
    assert np.array_equal(found["levels"], expected(cruise, found, window)[0])
    assert len(page.tab.asked) == asked


@pytest.mark.parametrize("phone", [False, True], ids=["laptop", "phone"])
def test_where_there_are_no_populations_axes_stand_and_say_so(board, open_tab, simulated: Path, phone: bool) -> None:
    query = "/?time=2030-01-14T00:00..2030-01-15T00:00"
    page = Board(open_tab(board(simulated).address + query, phone=phone), pictures=0)
    panels = page.page.locator(".panel.many")

    def told() -> None:
        assert [text.count("no data") for text in panels.all_inner_texts()] == [1, 1]
        found = page.read()["figures"]
        assert 0 < found["populations:abundance"]["y"][0] < found["populations:abundance"]["y"][1]
        assert found["populations:diameter"]["y"] == [-1, 1]

    page.comes(told)
    panels.last.scroll_into_view_if_needed()
    page.tab.shot(f"populations-none-{'phone' if phone else 'laptop'}")
    page.preset("All")
    page.comes(lambda: there(page, panels.all_inner_texts()))


def there(page: Board, texts: list[str]) -> None:
    low, high = page.read()["figures"]["populations:diameter"]["y"]
    assert 0 < low < high < 10
    assert not any("no data" in text for text in texts)


def test_another_quantile_and_all_together(real) -> None:
    page, cruise = real()
    choice = page.page.get_by_label("Populations that have a colour of their own")

    def drawn() -> None:
        found = page.picture("fsc_small", "pe", "pop_q2.5")
        assert np.array_equal(found["levels"], expected(cruise, found)[0])

    page.settle(lambda: choice.select_option("pop_q2.5"))
    page.comes(drawn)
    page.settle(lambda: choice.select_option(""))
    ds = cruise["vct"].open().load()
    page.comes(lambda: all_together(page, ds))


def all_together(page: Board, ds: xr.Dataset) -> None:
    assert page.page.locator(".groups .key-line").count() == 0
    of_vct = next(p for p in page.read()["pictures"] if p["question"]["source"] == "vct")
    rows, cells = of_vct["shape"]
    left, low, width, height = of_vct["box"]
    viewport = Viewport(left, left + width, low, low + height, cells, rows)
    counts = count_codes(to_codes(ds["fsc_small"].values), to_codes(ds["pe"].values), viewport)
    assert np.array_equal(np.array(of_vct["levels"]).reshape(rows, cells), levels(counts))


def test_a_t_s_diagram_holds_the_files_numbers_and_a_phone_has_it_all(real) -> None:
    page, cruise = real(phone=True)
    sfl = cruise["sfl"].open().load()
    page.comes(lambda: numbers_of_the_files(page, sfl))
    card = page.page.locator(".stack")
    card.scroll_into_view_if_needed()
    page.comes(lambda: has_room(page))
    groups = page.page.locator(".groups [data-population=beads]")
    groups.scroll_into_view_if_needed()
    page.page.wait_for_timeout(300)
    page.tab.shot("populations-phone")
    page.page.locator(".groups [data-population=synecho]").tap()
    page.page.wait_for_selector(".groups [data-population=synecho][aria-pressed=false]")


def numbers_of_the_files(page: Board, sfl: xr.Dataset) -> None:
    x, y = page.column("against", "cloud", "x"), page.column("against", "cloud", "y")
    assert x.size == int((np.isfinite(sfl["salinity"]) & np.isfinite(sfl["sea_water_temperature"])).sum())
    assert set(np.round(x, 6)) <= set(np.round(sfl["salinity"].values, 6))
    assert set(np.round(y, 6)) <= set(np.round(sfl["sea_water_temperature"].values, 6))


def has_room(page: Board) -> None:
    box = page.page.locator(".stack").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 200
