"""The board on real data, driven as people drive it; what the browser holds is compared with the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.browser.board_page import Board
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.viewport import Viewport
from workbench.core.window import ALWAYS, Window
from workbench.raster.count import count_codes
from workbench.raster.levels import levels
from workbench.views import say

pytestmark = pytest.mark.timeout(400)


def expected(cruise: Cruise, found: dict[str, Any], window: Window = ALWAYS, source: str = "seaflow") -> np.ndarray:
    """The levels of a picture, counted from the files."""
    x, y = found["question"]["x"], found["question"]["y"]
    left, low, width, height = found["box"]
    rows, cells = found["shape"]
    viewport = Viewport(left, left + width, low, low + height, cells, rows)
    counts = np.zeros((rows, cells), np.uint32)
    for path in cruise[source].files(window):
        try:
            columns = cruise[source].columns(path, [x, y])
        except Exception:  # refused: the page says so
            continue
        count_codes(columns[x], columns[y], viewport, counts)
    return np.asarray(levels(counts))


@pytest.fixture
def real(board, open_tab, root: Path, data: Path):
    def start(name: str, query: str = "", pictures: int = 1, **options: Any) -> tuple[Board, Cruise]:
        catalog = root / "catalogs" / f"{name}.yaml"
        server = board(catalog, data=data)
        cruise = open_cruise(catalog, data=data)
        return Board(open_tab(server.address + query, **options), pictures), cruise

    return start


def test_the_test_cruise(real) -> None:
    page, cruise = real("testcruise", pictures=3)
    one = page.picture("fsc_small", "pe")
    assert one["levels"].any()
    assert np.array_equal(one["levels"], expected(cruise, one))
    assert "200 000 particles 5 files" in page.captions()[0].replace("\u2009", " ")

    sfl = cruise["sfl"].open().load()
    page.comes(lambda: tile_of_the_pressure(page, sfl))
    page.comes(lambda: track_and_curve(page, sfl))

    page.comes(lambda: refused(page))
    page.tab.shot("testcruise")


def tile_of_the_pressure(page: Board, sfl: xr.Dataset) -> None:
    last = float(sfl["stream_pressure"].values[np.isfinite(sfl["stream_pressure"].values)][-1])
    assert say.number(last) in page.tile("stream_pressure")
    assert "psi" in page.tile("stream_pressure")
    assert "in range" in page.tile("stream_pressure")


def track_and_curve(page: Board, sfl: xr.Dataset) -> None:
    x0, y0 = page.column("cruise_map", "track", "x0"), page.column("cruise_map", "track", "y0")
    lon, lat = sfl["longitude"].values, sfl["latitude"].values
    assert len(x0)
    assert set(np.round(y0, 9)) <= set(np.round(lat, 9))
    assert set(np.round(x0 % 360, 9)) <= set(np.round(lon % 360, 9))

    drawn = page.column("series:sfl.sea_water_temperature", "line", "mean")
    have = sfl["sea_water_temperature"].values
    assert np.allclose(drawn[np.isfinite(drawn)], have[np.isfinite(have)])


def refused(page: Board) -> None:
    assert page.page.locator(".files tr.refused").count() >= 4
    assert "Finished" in page.page.locator(".head .state").inner_text()


def test_a_time_range_drives_everything(real) -> None:
    page, cruise = real("testcruise", pictures=3)
    page.settle(lambda: page.show("2014-07-04 00:00", "2014-07-04 00:04"), pictures=3)
    window = Window.parse("2014-07-04T00:00..2014-07-04T00:04")

    def drawn(window: Window = window) -> None:
        one = page.picture("fsc_small", "pe")
        assert np.array_equal(one["levels"], expected(cruise, one, window))

    def told() -> None:
        assert "2 files" in page.captions()[0]
        assert "Paused" in page.page.locator(".control .words").inner_text()
        assert "time=2014-07-04T00:00..2014-07-04T00:04" in page.read()["query"]
        line = page.read()["figures"]["series:sfl.par"]
        assert line["x"] == [say.milliseconds(t) for t in window]

    page.comes(drawn)
    page.comes(told)

    page.page.wait_for_timeout(1600)  # what is chosen sooner takes the place of the choice before it in the history
    page.settle(lambda: page.preset("All"), pictures=3)
    page.comes(lambda: drawn(ALWAYS))
    page.page.go_back()
    page.until("location.search.includes('00:04')")
    page.comes(drawn)


def test_back_undoes_every_choice_and_nothing_else(board, open_tab, simulated: Path) -> None:
    page = Board(open_tab(board(simulated).address), pictures=2)
    box = page.page.get_by_label("From (UTC)")
    first = box.input_value()

    def back_where_it_began() -> None:
        assert box.input_value() == first
        assert "time=" not in page.page.url

    page.preset("1 h")
    page.until("location.search.includes('time=now-1h..now')")
    page.page.wait_for_timeout(1600)
    page.show("yesterday evening", "2025-01-15 12:00")
    page.page.wait_for_selector(".control .words:has-text('is not a time')")
    page.page.go_back()
    page.comes(back_where_it_began)
    page.page.go_forward()
    page.until("location.search.includes('time=now-1h..now')")
    page.comes(lambda: page.page.wait_for_selector("button[aria-pressed=true]:has-text('1 h')", timeout=500))


def test_zoom_pan_and_back(real) -> None:
    page, cruise = real("testcruise", pictures=3)
    stage = page.page.locator(".stage[data-state]").first
    box = stage.bounding_box()
    middle = box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.5

    page.page.mouse.click(*middle)  # the page scrolls: a click hands the wheel to the picture

    def zoom() -> None:
        page.page.mouse.move(*middle)
        page.page.mouse.wheel(0, -240)

    page.settle(zoom)
    near = page.picture("fsc_small", "pe")
    assert near["x"][1] - near["x"][0] < 50_000
    assert near["box"][2] < 65536
    assert near["box"][0] <= max(0, near["x"][0])
    assert np.array_equal(near["levels"], expected(cruise, near))

    def pan() -> None:
        page.page.mouse.move(*middle)
        page.page.mouse.down()
        page.page.mouse.move(middle[0] - 140, middle[1] + 40, steps=5)
        page.page.mouse.up()

    page.settle(pan)
    moved = page.picture("fsc_small", "pe")
    assert moved["x"][0] > near["x"][0]
    assert moved["y"][0] > near["y"][0]
    assert np.array_equal(moved["levels"], expected(cruise, moved))

    begins = "Number(new URLSearchParams(location.search).get('zoom0')?.split(',')[0])"
    page.until(f"Math.abs({begins} - given.start) <= 1", start=moved["x"][0])
    page.page.reload()
    again = Board(page.tab, pictures=3)
    assert np.allclose(again.picture("fsc_small", "pe")["x"], moved["x"], atol=1), "the zoom is in the link"

    page.settle(lambda: page.page.get_by_role("button", name="Show all").click())
    back = page.picture("fsc_small", "pe")
    assert back["box"][2] == 65536
    assert np.array_equal(back["levels"], expected(cruise, back))


def test_other_channels_and_another_colour(real) -> None:
    page, cruise = real("testcruise", pictures=3)
    page.settle(lambda: page.page.get_by_label("Channel along the bottom").first.select_option("chl_small"))

    def drawn() -> None:
        one = page.picture("chl_small", "pe")
        assert np.array_equal(one["levels"], expected(cruise, one))
        assert one["labels"] == ["Chlorophyll · chl_small", "Phycoerythrin · pe"]

    page.comes(drawn)
    before = page.column("cruise_map", "track", "value")
    page.page.get_by_label("Colour of the track").select_option("sfl.salinity")
    page.until("location.search.includes('colour=sfl.salinity')")
    salinity = cruise["sfl"].open().load()["salinity"].values

    def coloured() -> None:
        after = page.column("cruise_map", "track", "value")
        assert not np.array_equal(before, after, equal_nan=True)
        good = after[np.isfinite(after)]
        assert good.min() >= np.nanmin(salinity) - 1e-9
        assert good.max() <= np.nanmax(salinity) + 1e-9

    page.comes(coloured)
    assert "plane=chl_small,pe" in page.read()["query"]


QUERY = "?time=2014-07-04T00:00..2014-07-04T00:10&plane=D1,D2&colour=sfl.par&chart=sfl.salinity,sfl.stream_pressure&theme=dark"


def test_a_link_shows_a_colleague_the_same(real) -> None:
    page, cruise = real("testcruise", QUERY, pictures=3)
    one = page.picture("D1", "D2")
    assert np.array_equal(one["levels"], expected(cruise, one, Window.parse("2014-07-04T00:00..2014-07-04T00:10")))
    state = page.read()
    assert {"series:sfl.salinity", "series:sfl.stream_pressure"} <= set(state["figures"])
    assert "series:sfl.par" not in state["figures"]
    assert page.page.evaluate("document.documentElement.dataset.wbTheme") == "dark"
    assert page.page.get_by_label("Colour of the track").input_value() == "sfl.par"
    assert page.page.get_by_role("switch").get_attribute("aria-checked") == "false"


def test_a_wrong_link_is_told_and_still_shows_the_cruise(real) -> None:
    page, _ = real("testcruise", "?time=nonsense&colour=sfl.nothing&plane=fsc_smal,pe", pictures=3)
    said = page.page.locator(".control .words").inner_text()
    assert "nonsense" in said
    assert page.picture("fsc_small", "pe")["levels"].any()


def test_nbp1406(real) -> None:
    page, cruise = real("nbp1406", pictures=0)
    ds = cruise["underway"].open().load()
    page.comes(lambda: map_and_speed(page, ds))
    page.tab.shot("nbp1406")


def map_and_speed(page: Board, ds: xr.Dataset) -> None:
    good = np.isfinite(ds["latitude"].values)
    lat, lon = ds["latitude"].values[good], ds["longitude"].values[good]
    x, y = page.column("cruise_map", "whole", "x"), page.column("cruise_map", "whole", "y")
    drawn = np.isfinite(x)
    assert set(np.round(y[drawn], 9)) <= set(np.round(lat, 9))
    assert set(np.round((x[drawn] + 180) % 360 - 180, 9)) <= set(np.round(lon, 9))
    assert (round(y[drawn][0], 7), round(x[drawn][0], 7)) == (-22.0018483, -17.9393239)
    ring = page.read()["figures"]["cruise_map"]["sources"]["newest"]
    assert (ring["y"][0], ring["x"][0]) == pytest.approx((lat[-1], lon[-1]), abs=2e-7)  # the last digit a feed gives
    speed = page.column("series:underway.speed", "line", "mean")
    assert np.nanmax(speed) <= np.nanmax(ds["speed"].values)
    assert page.page.locator(".panels").count() == 4  # the strip and three series


def test_a_series_zoom_becomes_the_pages_time(real) -> None:
    page, _ = real("nbp1406", pictures=0)
    page.page.locator(".panels").nth(3).wait_for()  # all are there: none moves any more
    panel = page.page.locator(".panels").nth(1).bounding_box()
    page.page.mouse.move(panel["x"] + panel["width"] * 0.6, panel["y"] + panel["height"] * 0.2)
    page.page.mouse.click(panel["x"] + panel["width"] * 0.6, panel["y"] + panel["height"] * 0.2)
    page.page.mouse.wheel(0, -200)
    page.until("/time=2014-08-01T00:\\d\\d/.test(location.search)")

    def told() -> None:
        shown = page.read()["figures"]["series:underway.speed"]["x"]
        fields = [page.page.get_by_label(f"{end} (UTC)").input_value() for end in ("From", "To")]
        assert fields[0] == say.moment(np.datetime64(round(shown[0]), "ms"))[: len(fields[0])]
        assert fields[1] == say.moment(np.datetime64(round(shown[1]), "ms"))[: len(fields[1])]
        assert "Paused" in page.page.locator(".control .words").inner_text()

    page.comes(told)
