"""What is chosen can be read whole, on every screen: in the head of a card, and beside the time range."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.board_page import Board

pytestmark = pytest.mark.timeout(300)

#: Of each choice: what is written, whether it is whole, whether it lies within its card, what the list calls it.
_READ = """() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e])
  return all(document).filter((e) => e.matches(".pick") && e.getBoundingClientRect().width).map((e) => {
    const shown = e.querySelector(".shown"), select = e.querySelector("select"), head = e.closest(".head").getBoundingClientRect(), at = e.getBoundingClientRect()
    return {shown: shown.innerText, whole: shown.scrollWidth <= shown.clientWidth, inside: at.left >= head.left - 1 && at.right <= head.right + 1,
            value: select.value, text: select.selectedOptions[0].text, over: select.getBoundingClientRect().width >= at.width - 3}
  })
}"""


@pytest.mark.parametrize("size", [{"width": 1500}, {"width": 900}, {"phone": True}], ids=["laptop", "half", "phone"])
def test_names_are_whole(board, open_tab, simulated: Path, size: dict) -> None:
    page = Board(open_tab(f"{board(simulated).address}/?time=all&plane=fsc_small,chl_small", **size), pictures=2)
    page.comes(lambda: whole(page))
    page.tab.shot(f"choices-{size.get('width', 'phone')}")

    page.page.get_by_label("Channel up the side").first.select_option("pe")
    page.until("location.search.includes('plane=fsc_small,pe')")
    assert "pe" in {one["shown"] for one in page.page.evaluate(_READ)}


def whole(page: Board) -> None:
    found = page.page.evaluate(_READ)
    assert len(found) >= 5
    assert [one["shown"] for one in found if not (one["whole"] and one["inside"] and one["over"])] == []
    channels = [one for one in found if " – " in one["text"]]
    assert {"fsc_small", "chl_small"} <= {one["shown"] for one in channels}
    assert all(one["shown"] == one["value"] for one in channels)


@pytest.mark.parametrize(
    "query", ["?time=2025-01-14T20:30..2025-01-14T21:00", "?time=nonsense"], ids=["paused", "wrong"]
)
def test_what_is_said_of_time_lies_under_nothing(board, open_tab, simulated: Path, query: str) -> None:
    page = Board(open_tab(f"{board(simulated).address}/{query}", phone=True), pictures=0).page
    words, notes = page.locator(".control .words"), page.get_by_role("button", name="Notes")
    assert words.inner_text()
    said, button, follow = (one.bounding_box() for one in (words, notes, page.get_by_role("switch")))
    assert said["y"] + said["height"] <= min(button["y"], follow["y"]) + 1
    assert said["x"] + said["width"] <= 390 and follow["x"] + follow["width"] <= button["x"]
