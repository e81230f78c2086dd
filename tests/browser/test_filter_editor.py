"""The filter changed by a real mouse on the real cruise: counts as the product says, saved, reloaded, compared, withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.chromium import Tab
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.window import Window
from workbench.products.seaflow.filter import focus
from workbench.products.seaflow.parameters import derive

pytestmark = pytest.mark.timeout(400)
HOUR = Window(np.datetime64("2014-07-04T01:00"), np.datetime64("2014-07-04T02:00"))
LAST = "2014-07-04T01:30:02"

_READ = """() => {
  const plain = (v) => (v instanceof Map ? plain(Object.fromEntries(v)) : Array.isArray(v) ? v.map(plain) : v && v.constructor === Object ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)])) : v)
  const {table, base, told, state, frame, drawn, asked} = [...Bokeh.documents[0].all_models].find((m) => m.class_name === "FilterStage").data
  return plain({table, base, told, state, drawn, asked, sent: frame?.byteLength ?? 0})
}"""


class Editor:
    """The filter editor in a tab, worked by mouse and keys."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page = tab, tab.page
        self.page.wait_for_selector(".editor.filter[data-state=shown]", timeout=90_000)
        self.settle()

    def read(self) -> dict[str, Any]:
        """What the browser was told."""
        return self.page.evaluate(_READ)  # type: ignore[no-any-return]

    def settle(self) -> dict[str, Any]:
        """Wait until the newest answer is there, its pictures drawn, and nothing is on its way."""
        before: dict[str, Any] = {}
        for _ in range(240):
            self.page.wait_for_timeout(250)
            now = self.read()
            drawn = self.page.locator(".editor.filter").get_attribute("data-frame")
            answered = now["told"].get("n", -1) >= max(now[what].get("n", 0) for what in ("drawn", "asked"))
            if now == before and answered and now["told"].get("opp") and drawn == str(now["told"].get("frame")):
                return now
            before = now
        raise AssertionError(f"still counting: {before}")

    def until(self, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """As `settle`, once what was asked for has come about."""
        for _ in range(120):
            now = self.settle()
            if check(now):
                return now
        raise AssertionError(f"it did not come about: {now}")

    def handle(self, detector: str = "D1", quantile: str = "50") -> Any:
        """The beads of a quantile on the chart of all events."""
        return self.page.locator(f".plane[data-kind=evt][data-detector={detector}] .handle[data-quantile='{quantile}']")

    def lines(self) -> list[str]:
        """The lines on the charts of all events, as they are drawn."""
        return self.page.locator(".plane[data-kind=evt] .gate .line").evaluate_all(
            "all => all.map((e) => e.getAttribute('d'))"
        )  # type: ignore[no-any-return]

    def drag(self, handle: Any, dx: float, dy: float) -> list[str]:
        """Move beads by mouse; the lines just before it is let go."""
        box = handle.locator(".dot").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(1, 9):
            self.page.mouse.move(x + dx * step / 8, y + dy * step / 8)
            self.page.wait_for_timeout(30)
        drawn = self.lines()
        self.page.mouse.up()
        return drawn

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def save(self, who: str) -> None:
        """Save from the hour on."""
        self.page.get_by_label("Begin with").select_option(label="this hour")
        if self.page.get_by_label("Author").get_attribute("readonly") is None:
            self.page.get_by_label("Author").fill(who)
        self.page.locator(".saving input[aria-label=Note]").fill("beads moved")
        self.press("Save from there on")
        self.page.wait_for_selector(".says[data-kind=good]:has-text('Saved')", timeout=60_000)


def counted(cruise: Cruise, table: list[list[float]]) -> list[int]:
    """OPP of each quantile in the hour, by the product's filter."""
    parameters = FilterParameters("", tuple(tuple(row) for row in table))
    ds = cruise["seaflow"].open(HOUR).load()
    ends = np.cumsum(ds["row_size"].to_numpy())
    found = [
        focus(*(ds[name].to_numpy()[start:stop] for name in ("D1", "D2", "fsc_small")), parameters).opp_count
        for start, stop in zip([0, *ends[:-1]], ends, strict=True)
    ]
    return np.sum(found, axis=0).tolist()


@pytest.fixture
def real(board: Any, open_tab: Callable[..., Tab], root: Path, tmp_path: Path, data: Path) -> Any:
    catalog = tmp_path / "testcruise.yaml"
    catalog.write_text((root / "catalogs" / "testcruise.yaml").read_text())

    def start(*args: str, **options: Any) -> tuple[Editor, Cruise, Any]:
        server = board(catalog, *args, data=data)
        tab = open_tab(f"{server.address}/filter", **{"width": 1500, "height": 1100, **options})
        return Editor(tab), open_cruise(catalog, data=data), server

    return start


def test_the_filter_is_moved_counted_saved_reloaded_compared_and_withdrawn(real: Any, picture: Any) -> None:
    editor, cruise, _ = real()
    begin = editor.read()
    assert begin["table"] == [list(row) for row in cruise.filters.at(LAST).parameters.table]
    assert begin["told"]["opp"] == counted(cruise, begin["table"])
    drawn = editor.drag(editor.handle(), 14, -18)
    told = editor.until(lambda now: now["told"]["opp"] != begin["told"]["opp"] and now["state"]["undo"])
    table = told["table"]
    moved = np.array(table) - np.array(begin["table"])
    assert (moved[:, :2] > 100).all()  # the three together, along fsc_small and D1
    assert not moved[:, FIELDS.index("beads_D2")].any()
    fsc, d1, d2 = (np.array(table)[:, i] for i in range(3))
    assert [list(row) for row in derive(fsc, d1, d2, "740").table] == table  # as the product derives it
    assert drawn == editor.lines()  # and the browser while the hand moved
    assert len(set(drawn)) == 6
    assert told["told"]["opp"] == counted(cruise, table) != begin["told"]["opp"]
    assert told["told"]["was"] == begin["told"]["opp"]
    cell = editor.page.locator(".outcome tr[data-quantile='50'] .opp")
    assert int(cell.inner_text()) == told["told"]["opp"][1]
    assert editor.page.locator(".plane[data-kind=evt][data-detector=D1] .before").count() == 3
    editor.tab.shot("filter-moved")
    picture(editor.tab, "filter")

    width = editor.page.get_by_label("Width", exact=True)
    width.fill("4500")
    width.press("Enter")
    narrow = editor.until(lambda now: [row[3] for row in now["table"]] == [4500.0] * 3)
    assert narrow["told"]["opp"] == counted(cruise, narrow["table"])
    editor.page.locator(".editor.filter").focus()
    editor.page.keyboard.press("Control+z")
    editor.until(lambda now: now["table"] == table)

    editor.save("Ann")
    entry = cruise.filters.at(LAST).entry
    assert (entry.who, entry.note, str(entry.start)[:19]) == ("Ann", "beads moved", "2014-07-04T01:00:00")
    assert [list(row) for row in entry.value.table] == table  # to the last bit
    made = cruise["populations"].open(HOUR).load()["opp_count"]
    assert np.nansum(made.to_numpy(), axis=0).tolist() == told["told"]["opp"]  # the product follows, to the particle

    editor.page.reload()
    again = Editor(editor.tab)
    assert again.read()["table"] == table
    again.page.locator("ol.entries li", has_text="00:03:02").get_by_role("button", name="Compare").click()
    again.page.wait_for_selector(".outcome td.was:not(:empty)")
    again.until(lambda now: (now["base"], now["told"]["was"]) == (begin["table"], begin["told"]["opp"]))
    assert again.page.locator(".parameters tr[data-field=beads_D1] .was").count() == 3
    assert cruise.filters.diff(entry, "2014-07-04T00:03:02").changed.keys() >= {"beads_D1", "beads_fsc_small"}
    again.press("Withdraw")
    again.page.wait_for_selector("ol.entries li.gone")
    again.until(lambda now: now["table"] == begin["table"])
    assert cruise.filters.at(LAST).entry.from_file


def test_a_proposal_goes_through_the_beads_and_all_ways_of_looking_are_there(real: Any) -> None:
    editor, cruise, _ = real(dark=True)
    editor.press("Range")
    told = editor.until(lambda now: now["state"]["scope"] == "range" and now["told"]["files"] > 3)
    editor.press("Propose from the beads")
    editor.page.wait_for_selector(".says:has-text('Proposed from')")
    want, beads = cruise.filters.propose(width=told["table"][0][FIELDS.index("width")])
    proposed = editor.until(lambda now: now["table"] == [list(row) for row in want.table])
    assert proposed["told"]["beads"]["count"] == told["told"]["beads"]["count"] == beads.count
    shown = {"Over each other": 2, "EVT": 2, "OPP": 2, "Side by side": 4}
    for name, charts in shown.items():
        editor.press(name)
        editor.page.wait_for_timeout(400)
        assert editor.page.locator(".filter .plane:visible").count() == charts
        editor.tab.shot(f"filter-{name.split()[0].lower()}-dark")
    editor.page.locator(".quantile", has_text="2.5").first.click()
    editor.until(lambda now: now["state"]["quantile"] == 0)
    assert editor.page.locator(".tag", has_text="OPP 2.5").first.is_visible()


def test_only_a_scientist_changes_it_and_two_are_told_of_each_other(
    real: Any, open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"Ann scientist {hashlib.sha256(b'secret').hexdigest()}\n")
    phone, cruise, server = real("--tokens", str(tokens), phone=True)
    begin = phone.read()
    assert "Read-only" in phone.page.locator(".says").inner_text()
    assert not phone.page.get_by_role("button", name="Propose from the beads").is_visible()
    assert phone.page.locator(".parameters input").count() == 0
    phone.handle().scroll_into_view_if_needed()
    phone.drag(phone.handle(), 5, -5)
    assert phone.settle()["table"] == begin["table"]
    phone.tab.shot("filter-phone", full_page=True)
    desk = Editor(open_tab(f"{server.address}/filter", width=1500, height=1100))
    desk.page.get_by_label("Token").last.fill("secret")
    desk.press("Sign in")
    desk.page.wait_for_selector(".editor[data-may=true]")
    desk.handle().focus()
    for _ in range(3):
        desk.page.keyboard.press("Shift+ArrowUp")
    desk.until(lambda now: now["table"] != begin["table"])
    phone.page.wait_for_selector(".says:has-text('Ann is changing this filter too')")
    desk.until(lambda now: bool(now["state"]["undo"]))
    desk.save("Somebody else")
    assert cruise.filters.at(LAST).entry.who == "Ann"


@pytest.mark.parametrize("size", [{"phone": True}, {"width": 1500, "height": 950}], ids=["phone", "laptop"])
def test_what_was_saved_scrolls_by_itself_to_what_holds(
    board: Any, open_tab: Callable[..., Tab], simulated: Path, size: dict[str, Any]
) -> None:
    """Forty filters, most for later: they do not make the page long, and the one that holds is in sight."""
    tab = open_tab(f"{board(simulated).address}/filter", **size)
    tab.page.wait_for_selector("ol.entries li.holds", timeout=90_000)
    assert tab.page.locator("ol.entries li").count() > 20
    tab.comes(lambda: in_sight(tab))
    tab.shot(f"filter-saved-{'phone' if 'phone' in size else 'laptop'}")


def in_sight(tab: Tab) -> None:
    seen = tab.page.locator("ol.entries").evaluate(
        """(list) => {
          const box = [list, list.parentNode].find((e) => e.scrollHeight > e.clientHeight + 1), top = box.getBoundingClientRect().top
          const li = list.querySelector(".holds").getBoundingClientRect()
          return {high: box.clientHeight, head: box === list ? 0 : box.firstChild.offsetHeight, from: li.top - top, to: li.bottom - top}
        }"""
    )
    assert seen["high"] <= 440
    assert seen["head"] - 1 <= seen["from"] and seen["to"] <= seen["high"] + 2, seen
