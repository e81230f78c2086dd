"""A board while data come in, on a phone, in the dark, and when its server goes away and comes back."""

from __future__ import annotations

import json
import re
import shutil
import time
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pytest

from tests.browser.board_page import Board
from tests.server import free_port
from workbench.core.clock import Clock
from workbench.views.colours import ROLES

pytestmark = pytest.mark.timeout(400)
#: Where a new row must be seen within 5 s of being written, with what a loaded machine may take on top.
SOON = 5.0
GRACE = 40.0
#: The colours of each chart's second pixel along its upper edge and along its left one (#rrggbbaa): no axis is there.
CORNERS = """() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]))
  const charts = all(document).filter((e) => e.matches(".bk-Canvas") && e.getClientRects().length)
  return charts.map((e) => [...e.shadowRoot.querySelector("canvas").getContext("2d").getImageData(0, 0, 2, 2).data]
    .map((v) => v.toString(16).padStart(2, "0")).join("").match(/.{8}/g).slice(1, 3))
}"""


@pytest.fixture
def sailing(simulated: Path, tmp_path: Path) -> Path:
    """The catalog of a cruise that goes on: the simulated one without its end, on a clock that stands at its newest row."""
    folder = tmp_path / "cruise"
    shutil.copytree(simulated.parent, folder)
    catalog = folder / "catalog.yaml"
    text = catalog.read_text()
    end = re.search(r'\n +end: "?([^"\n]+)"?', text)
    assert end is not None
    catalog.write_text(text.replace(end[0], ""))
    record = folder / "SIM25.cruise"
    Clock(np.datetime64(end[1].removesuffix("Z"), "ns"), 1.0, time.time()).save(record)
    return catalog


def newest_evt(catalog: Path) -> Path:
    return sorted(catalog.parent.glob("evt/*/*"))[-1]


def write_evt(catalog: Path) -> str:
    """Another EVT file, three minutes later, with the particles of the newest."""
    last = newest_evt(catalog)
    stamp = np.datetime64(re.sub(r"T(\d\d)-(\d\d)-(\d\d)\+.*", r"T\1:\2:\3", last.name)) + np.timedelta64(3, "m")
    name = str(stamp).replace(":", "-") + "+00-00"
    shutil.copyfile(last, last.parent / f".{name}")
    (last.parent / f".{name}").rename(last.parent / name)
    return name


def write_position(catalog: Path, latitude: float, longitude: float) -> np.datetime64:
    """One more GGA line."""
    path = sorted(p for p in catalog.parent.glob("underway/*") if p.is_file())[-1]
    last = path.read_text().rstrip("\n").rsplit("\n", 1)[-1].split(" ", 1)[0]
    time = np.datetime64(last.removesuffix("Z")) + np.timedelta64(2, "s")

    def degrees(value: float, width: int) -> str:
        whole = int(abs(value))
        return f"{whole:0{width}d}{(abs(value) - whole) * 60:09.6f}"

    body = (
        f"GPGGA,{str(time)[11:19].replace(':', '')}.00,{degrees(latitude, 2)},{'NS'[latitude < 0]},"
        f"{degrees(longitude, 3)},{'EW'[longitude < 0]},2,10,0.8,20.0,M,30.0,M,,"
    )
    check = reduce(xor, body.encode())
    with path.open("a") as out:
        out.write(f"{np.datetime_as_string(time, unit='ms')}Z ${body}*{check:02X}\n")
    return time


def seen_within(page: Board, true: str, limit: float = SOON + GRACE) -> float:
    start = time.monotonic()
    page.until(true, timeout=limit * 1000)
    return time.monotonic() - start


def test_new_data_show_without_a_reload(board, open_tab, sailing: Path) -> None:
    page = Board(open_tab(board(sailing).address), pictures=2)
    page.comes(lambda: live(page))
    page.page.wait_for_load_state("networkidle")
    before = page.picture("fsc_small", "pe")["levels"]
    loads = len([a for a in page.tab.asked if a.how == "request"])

    name = write_evt(sailing)
    took = seen_within(page, f"[...document.querySelectorAll('*')].length && {FIND}('.files tr.first', '{name}')")
    print(f"a new EVT file stood in the table after {took:.1f} s")
    page.comes(lambda: other_levels(page, before))

    ring = page.read()["figures"]["cruise_map"]["sources"]["newest"]
    there = ring["y"][0] + 0.0003  # 33 m in 2 s: a ship, not a spike
    write_position(sailing, there, (ring["x"][0] + 180) % 360 - 180)
    took = seen_within(
        page,
        "[...Bokeh.documents[0].all_models].some(m => m.type === 'ColumnDataSource' && m.name === 'newest' && "
        f"Math.abs((m.data.get ? m.data.get('y') : m.data.y)[0] - {there}) < 1e-6)",
    )
    print(f"a new position stood on the map after {took:.1f} s")
    assert len([a for a in page.tab.asked if a.how == "request"]) == loads, "nothing was loaded again"


def live(page: Board) -> None:
    assert "Live" in page.page.locator(".head .state").inner_text()


def other_levels(page: Board, before: np.ndarray) -> None:
    assert not np.array_equal(before, page.picture("fsc_small", "pe")["levels"])


#: Look through every shadow tree: (selector, text) -> bool.
FIND = (
    "((css, text) => { const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]); "
    "return all(document).some((e) => e.matches(css) && e.innerText.includes(text)) })"
)


def test_a_note_is_written_and_marked(board, open_tab, sailing: Path) -> None:
    page = Board(open_tab(board(sailing).address), pictures=2)
    page.page.get_by_role("button", name="Notes").click()
    page.page.get_by_label("Note", exact=True).fill("pump changed <b>")
    page.page.get_by_role("button", name="Write note").click()
    page.page.get_by_text("Written.").wait_for()
    seen_within(page, f"{FIND}('.notebox li', 'pump changed <b>')")
    page.comes(lambda: marked(page))


def marked(page: Board) -> None:
    marks = page.read()["figures"]["series:sfl.par"]["sources"]["marks"]
    assert marks["text"] == ["pump changed <b> (localhost)"]


def test_hidden_tabs_do_not_ask(board, open_tab, sailing: Path) -> None:
    page = Board(open_tab(board(sailing).address), pictures=2)
    begin = revision(page)
    page.page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange')) }"
    )
    write_evt(sailing)
    seen_within(page, f"document && !{FIND_REVISION.replace('ONE', begin)}")  # what was asked before is answered
    one = revision(page)
    name = write_evt(sailing)
    seen_within(page, f"{FIND}('.files tr.first', '{name}')")
    page.page.wait_for_timeout(4000)
    assert revision(page) == one
    page.page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'visible', configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange')) }"
    )
    seen_within(page, f"document && !{FIND_REVISION.replace('ONE', one)}")


def revision(page: Board) -> str:
    """Of the first cytogram."""
    return page.page.locator(".stage[data-revision]").first.get_attribute("data-revision") or ""


FIND_REVISION = (
    "(() => { const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]); "
    "return all(document).find((e) => e.dataset?.revision)?.dataset.revision === 'ONE' })()"
)


def test_the_page_comes_back_after_its_server(serve, open_tab, sailing: Path) -> None:
    port = str(free_port())
    server = serve("board", sailing, "--port", port)
    page = Board(
        open_tab(server.address, forgive=("ERR_CONNECTION_REFUSED", "WebSocket", "ERR_EMPTY_RESPONSE", "fetch")),
        pictures=2,
    )
    page.preset("1 h")
    page.until("location.search.includes('now-1h')")
    assert server.stop(60) == 0
    page.page.get_by_text("No connection to the board").wait_for(timeout=60_000)
    page.tab.shot("lost")
    page.page.evaluate("window.before = true")
    serve("board", sailing, "--port", port)
    page.until("!window.before", timeout=60_000)
    again = Board(page.tab, pictures=2)
    assert "now-1h" in again.read()["query"]


def test_a_phone(board, open_tab, simulated: Path) -> None:
    page = Board(open_tab(board(simulated).address, phone=True), pictures=2)
    page.comes(lambda: fits_a_thumb_and_a_phone(page))
    page.tab.shot("phone", full_page=False)
    before = page.picture("fsc_small", "pe")["x"]
    box = page.page.locator(".stage[data-state]").first
    box.scroll_into_view_if_needed()
    page.page.wait_for_timeout(500)
    assert page.picture("fsc_small", "pe")["x"] == before, "scrolling past a plot does not move it"


def fits_a_thumb_and_a_phone(page: Board) -> None:
    wide = page.page.evaluate(
        "() => { const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]); "
        "return all(document).filter((e) => e.matches('.card, .tile, .head, .caption, button, select, input, td, th, h2, p') && e.offsetParent && "
        "e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + '.' + e.className).slice(0, 8) }"
    )
    assert wide == [], "nothing is wider than the phone"
    small = page.page.evaluate(
        "() => { const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]); "
        "return all(document).filter((e) => e.matches('button, select, input') && e.offsetParent && e.getBoundingClientRect().height < 40)"
        ".map((e) => e.className + ' ' + e.innerText) }"
    )
    assert [text for text in small if "Toggle" not in text] == [], "tap targets are a thumb's size"


def test_the_dark_is_remembered(board, open_tab, simulated: Path) -> None:
    page = Board(open_tab(board(simulated).address, dark=True), pictures=2)
    theme = "document.documentElement.dataset.wbTheme"
    assert page.page.evaluate(theme) == "dark"
    page.tab.shot("dark")
    page.page.get_by_label("Toggle theme").click()
    page.until(f"{theme} === 'light'")
    assert "theme=light" in page.page.evaluate("location.search")
    page.comes(lambda: light_to_the_edges(page))
    page.page.goto(page.page.url.split("?")[0])
    page = Board(page.tab, pictures=2)
    assert page.page.evaluate(theme) == "light"
    colour = page.page.evaluate(
        "[...Bokeh.documents[0].all_models].find((m) => m.type === 'Figure' && m.name === 'cytogram').background_fill_color"
    )
    assert json.dumps(colour).strip('"').lower().startswith("#ff")


def light_to_the_edges(page: Board) -> None:
    corners = page.page.evaluate(CORNERS)
    light = {f"#{colour}" for corner in corners for colour in corner}
    assert len(corners) > 3 and light <= {ROLES["light"][role] + "ff" for role in ("card", "line")}, (
        "no dark at an edge"
    )


def test_what_is_silent_is_seen_without_colour(board, open_tab, sailing: Path) -> None:
    record = sailing.parent / "SIM25.cruise"
    clock = Clock.load(record / "clock.json")
    Clock(clock.start + np.timedelta64(5, "h"), 1.0, time.time()).save(record)
    page = Board(open_tab(board(sailing).address + "?time=all"), pictures=2)
    page.comes(lambda: silent(page))


def silent(page: Board) -> None:
    assert "stale" in page.tile("stream_pressure")
    assert page.page.locator("[data-kpi=stream_pressure] .badge.stale svg").is_visible()
    assert "silent" in page.page.locator(".head .state").inner_text().lower()


#: Every cytogram is moved a little, again and again.
_MOVED = """() => {
  const figures = [...Bokeh.documents[0].all_models].filter((m) => m.class_name === "LivePicture").map((m) => m.data.figure)
  let n = 0
  const timer = setInterval(() => { for (const f of figures) f.x_range.start += 40; if (++n > 9) clearInterval(timer) }, 200)
}"""


def test_a_picture_connects_again_also_when_it_is_zoomed_meanwhile(board, open_tab, simulated: Path) -> None:
    server, tab, sockets = board(simulated), open_tab("about:blank"), []

    def between(socket) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    tab.page.route_web_socket("**/live/ws", between)
    tab.page.goto(server.address)
    Board(tab, pictures=2)
    before = len(sockets)
    tab.page.evaluate(_MOVED)
    sockets[0].close()
    note = tab.page.locator(".note:visible", has_text="Trying again")
    tab.comes(lambda: seen(note, 1))
    tab.comes(lambda: again(len(sockets), before))
    tab.comes(lambda: seen(note, 0))


def seen(note, wanted: int) -> None:
    assert note.count() == wanted


def again(now: int, before: int) -> None:
    assert now > before
