"""The instrument's page and the scientist's, in a browser: marks on every chart, a file's cytograms, files taken out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.browser import instrument
from tests.browser.board_page import Board
from tests.browser.test_board import expected
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.window import Window
from workbench.views import say

pytestmark = pytest.mark.timeout(600)
#: A file with particles: the second of the cruise.
PICKED = "2014_185/2014-07-04T00-03-02+00-00"


@pytest.fixture
def real(board, open_tab, root: Path, data: Path, tmp_path: Path):
    def start(page: str, *args: str, pictures: int = 0, **options: Any) -> tuple[Board, Cruise]:
        catalog = instrument.write(tmp_path, root)
        server = board(catalog, *args, data=data)
        tab = open_tab(f"{server.address}/{page}", **options)
        tab.page.wait_for_selector(".marks .mark", state="attached", timeout=90_000)
        return Board(tab, pictures), open_cruise(catalog, data=data)

    return start


def place(page: Board, chart: str, time: np.datetime64) -> tuple[float, float]:
    """Where a chart has this time, on the page."""
    x, y = page.page.evaluate(
        """([name, time]) => {
          const figure = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && m.name === name)
          const view = Bokeh.index.find_one_by_id(figure.id), box = view.el.getBoundingClientRect()
          return [box.left + view.frame.x_scale.compute(time), box.top + (view.frame.bbox.top + view.frame.bbox.bottom) / 2]
        }""",
        [chart, say.milliseconds(time)],
    )
    return x, y


def click_at(page: Board, chart: str, time: np.datetime64) -> None:
    """Click on a chart at this time."""
    page.page.mouse.click(*place(page, chart, time))


def charts(page: Board) -> dict[str, Any]:
    return {name: found for name, found in page.read()["figures"].items() if name.startswith("chart:")}


def files_are_there(page: Board) -> None:
    """The log was read, and the files: what a click on a chart asks for."""
    sources = charts(page)["chart:counts"]["sources"]
    assert sources["faults"]["time"] and sources["files"]["time"]


def test_marks_stand_on_every_chart(real) -> None:
    page, cruise = real("instrument", pictures=2)
    populations = cruise["populations"].open().load()
    page.comes(lambda: every_mark(page, populations))
    page.tab.shot("instrument")


def every_mark(page: Board, populations: xr.Dataset) -> None:
    shown = charts(page)
    assert [name.partition(":")[2] for name in shown] == [
        "event_rate", "counts", "opp_evt_ratio", "left_out", "stream_pressure", "background", "volume", "drift", "gains",
        "trigger",
    ]  # fmt: skip
    faults = [say.milliseconds(np.datetime64(f"2014-07-04T00:{m}:00", "ns")) for m in (25, 31, 40)]
    pause = [say.milliseconds(np.datetime64(t, "ns")) for t in ("2014-07-04T00:20", "2014-07-04T01:10")]
    flagged = populations["time"].values[populations["file_flag"].values != 0]
    assert len(flagged)
    broken = [np.datetime64(f"2014-07-04T{t}:02", "ns") for t in ("00:06", "00:09", "00:12", "01:21", "01:27")]
    for name, chart in shown.items():
        sources = chart["sources"]
        assert sources["faults"]["time"] == faults, name
        assert [sources["spans"]["left"], sources["spans"]["right"]] == [[pause[0]], [pause[1]]], name
        assert sources["files"]["time"] == [say.milliseconds(t) for t in sorted([*flagged, *broken])], name
    counted = shown["chart:event_rate"]["sources"]["line:counted"]
    rate = populations["all_count"].values / populations["file_duration"].values
    drawn = [v for v in counted["mean"] if v is not None]
    assert np.allclose(drawn, rate[np.isfinite(rate)])
    assert max(counted["mean"], key=lambda v: v or 0) == pytest.approx(40_000 / 180, rel=1e-3)
    labels = page.page.locator(".marks .mark").all_inner_texts()
    assert [" ".join(text.split()) for text in labels] == [
        "Inlet fault 1", "Pump fault 1", "Syringe pump fault 1", "Not writing files 1", f"File with a flag {len(flagged)}",
        "File that cannot be read 5",
    ]  # fmt: skip


def readouts(page: Board) -> list[str]:
    """The numbers beside the charts."""
    return [text for text in page.page.locator(".readout, .key-line b").all_inner_texts() if text]


def test_readouts_tell_what_is_in_view(real) -> None:
    page, _ = real("instrument?time=2014-07-04T00:00..2014-07-04T01:33")
    page.comes(lambda: files_are_there(page))
    page.comes(lambda: numbers(page))
    page.show("2014-07-05 00:00", "2014-07-05 01:00")  # a feed that stopped: what it last said is not what is now
    page.comes(lambda: nothing(page))
    page.show("2014-07-04 00:00", "2014-07-04 06:00")
    page.comes(lambda: numbers(page))
    page.comes(lambda: numbers(page, "no data", at="2014-07-04T04:00"))  # nor what stands under the mouse long after
    page.comes(lambda: numbers(page, "12.", at="2014-07-04T01:29"))


def numbers(page: Board, start: str = "12.", at: str = "") -> None:
    if at:
        page.page.mouse.move(*place(page, "chart:stream_pressure", np.datetime64(at)))
    told = page.page.locator(".panel", has_text="Stream pressure").locator(".readout").inner_text()
    assert told.startswith(start), told


def nothing(page: Board) -> None:
    told = readouts(page)
    assert told, "there are charts"
    assert set(told) == {"no data", "–"}


def test_what_has_nothing_to_show_says_so(real) -> None:
    page, _ = real("science?time=2014-07-05T00:00..2014-07-05T01:00")
    words = page.page.locator(".cover:visible", has_text="No data in this time range")
    stacks = page.page.locator(".stack")
    page.comes(lambda: words.nth(2).wait_for(timeout=500))
    assert words.count() == stacks.count()
    page.preset("All")
    page.comes(lambda: words.first.wait_for(state="detached", timeout=500))


def test_a_mark_says_what_it_is(real) -> None:
    page, _ = real("instrument")
    page.comes(lambda: files_are_there(page))
    click_at(page, "chart:stream_pressure", np.datetime64("2014-07-04T00:31:00"))
    tip = page.page.locator(".marktip").first
    tip.wait_for(state="visible")
    assert "2014-07-04 00:31:00" in tip.inner_text()
    assert "fluid leak" in tip.inner_text()
    assert "Not writing files" in tip.inner_text()


def test_a_click_on_a_point_shows_the_cytograms_of_that_file(real) -> None:
    page, cruise = real("instrument", pictures=2)
    start = np.datetime64("2014-07-04T00:03:02", "ns")
    window = Window(start, start + np.timedelta64(1, "s"))
    page.comes(lambda: files_are_there(page))
    newest = page.picture("fsc_small", "pe")

    def drawn() -> None:
        for y in ("pe", "chl_small"):
            found = page.picture("fsc_small", y)
            assert np.array_equal(found["levels"], expected(cruise, found, window))
        assert not np.array_equal(newest["levels"], page.picture("fsc_small", "pe")["levels"])

    def told() -> None:
        assert page.page.locator(".file .name").inner_text() == PICKED.rpartition("/")[2]
        assert "file=2014_185/2014-07-04T00-03-02" in page.read()["query"]
        assert charts(page)["chart:volume"]["sources"]["picked"]["time"] == [say.milliseconds(start)]

    def told_before() -> None:
        assert page.page.locator(".file .name").inner_text() == "2014-07-04T00-00-02+00-00"

    page.settle(lambda: click_at(page, "chart:counts", start), pictures=2)
    page.comes(drawn)
    page.comes(told)
    page.settle(lambda: page.page.get_by_label("The file before").click(), pictures=2)
    page.comes(told_before)
    page.page.get_by_label("Let this file go").click()
    page.page.wait_for_function("() => !location.search.includes('file=')")


def test_a_file_is_taken_out_and_brought_back(real) -> None:
    page, cruise = real("instrument")
    start = np.datetime64("2014-07-04T00:03:02", "ns")
    page.comes(lambda: files_are_there(page))
    click_at(page, "chart:counts", start)
    page.page.wait_for_selector(".file form .send:not([disabled])")
    page.page.get_by_label("Reason").fill("air in the line")
    page.page.get_by_role("button", name="Take out").click()
    page.page.wait_for_selector(".file .out:has-text('air in the line')")
    assert [each.file for each in cruise.excluded] == [PICKED]
    assert next(iter(cruise.excluded)).who == "localhost"
    page.page.wait_for_selector(".mark[data-kind=excluded]")
    ms = say.milliseconds(start)

    def out() -> None:
        shown = charts(page)
        assert ms in shown["chart:stream_pressure"]["sources"]["hollow"]["time"], "it is drawn hollow"
        assert ms not in shown["chart:stream_pressure"]["sources"]["line"]["time"], "and counts for nothing"
        assert all(ms in chart["sources"]["files"]["time"] for chart in shown.values()), "it is marked everywhere"

    def back() -> None:
        assert ms in charts(page)["chart:stream_pressure"]["sources"]["line"]["time"]

    page.comes(out)
    page.tab.shot("instrument-out")

    page.page.get_by_role("button", name="Bring back").click()
    page.page.wait_for_selector(".mark[data-kind=excluded]", state="detached")
    assert len(cruise.excluded) == 0
    page.comes(back)


def test_only_a_scientist_takes_files_out(real, tmp_path: Path) -> None:
    secret = "ahoy"
    people = tmp_path / "people.txt"
    people.write_text(f"night-watch scientist {hashlib.sha256(secret.encode()).hexdigest()}\n")
    page, cruise = real("instrument", "--tokens", str(people))
    page.comes(lambda: files_are_there(page))
    click_at(page, "chart:counts", np.datetime64("2014-07-04T00:03:02", "ns"))
    page.page.wait_for_selector(".file form:visible")
    assert page.page.get_by_role("button", name="Take out").count() == 0
    page.page.get_by_label("Token").last.fill(secret)
    page.page.get_by_role("button", name="Sign in").click()
    page.page.get_by_label("Reason").fill("bubbles")
    page.page.get_by_role("button", name="Take out").click()
    page.page.wait_for_selector(".file .out:has-text('bubbles')")
    assert next(iter(cruise.excluded)).who == "night-watch"


def test_a_phone_never_scrolls_sideways(real) -> None:
    page, _ = real("instrument", phone=True, dark=True)
    high, room = page.page.locator(".file:has(> .hint)").evaluate("e => [e.scrollHeight, e.clientHeight]")
    assert high <= room, "the card of the file shows its words whole"
    for name in ("instrument", "science"):
        if name == "science":
            page.page.locator(".pages a", has_text="Science").click()
            page.page.wait_for_url("**/science?*")
            page.page.wait_for_selector(".marks", state="attached", timeout=90_000)
            page = Board(page.tab, 0)
        page.comes(lambda name=name, page=page: fits(page, name))
        page.tab.shot(f"{name}-phone")


def fits(page: Board, name: str) -> None:
    wide = page.page.evaluate(
        """() => {
          const found = [], walk = (root) => { for (const e of root.querySelectorAll("*")) {
            const box = e.getBoundingClientRect(), meant = e.matches("button, input, select, label, a, .mark, .name, p, h2")
            if (meant && box.width && box.right > innerWidth + 1 && e.offsetParent) found.push(e.className || e.textContent)
            if (e.shadowRoot) walk(e.shadowRoot) } }
          walk(document)
          return [document.documentElement.scrollWidth, found.slice(0, 5)]
        }"""
    )
    assert wide[0] <= 390, f"{name}: {wide}"
    assert not wide[1], f"{name}: beyond the edge of the screen: {wide[1]}"


def test_the_scientists_page_splits_where_the_ship_turned(real) -> None:
    page, cruise = real("science")
    populations = cruise["populations"].open().load().sel(population="synecho", quantile=50)
    values = populations["abundance"].values

    def curves() -> None:
        shown = charts(page)
        abundances = {name for name in shown if "abundance" in name}
        assert abundances == {"chart:abundance_prochloro", "chart:abundance_synecho"}
        raw, best = (shown["chart:abundance_synecho"]["sources"][f"line:{n}"]["mean"] for n in ("raw", "corrected"))
        assert np.allclose([v for v in best if v is not None], values[np.isfinite(values)])
        assert [v for v in raw if v is not None] != [v for v in best if v is not None]

    page.comes(curves)
    box = page.page.get_by_label("Turn-around (UTC)")
    box.fill("2014-07-04 01:00")
    box.press("Enter")
    page.page.wait_for_function("() => location.search.includes('turn=2014-07-04T01:00')")
    page.comes(lambda: both_ways(page))
    page.tab.shot("science")


def both_ways(page: Board) -> None:
    clouds = page.page.evaluate(
        """() => [...Bokeh.documents[0].all_models].filter((m) => m.type === "Figure" && m.name === "against")
          .map((f) => f.renderers.filter((r) => r.name === "cloud").length)"""
    )
    assert len(clouds) > 2
    assert set(clouds) == {2}
    names = page.page.evaluate(
        """() => [...Bokeh.documents[0].all_models].filter((m) => m.type === "LegendItem").map((m) => m.label.value)"""
    )
    assert set(names) <= {"northbound", "southbound"}
    assert len(set(names)) == 2
