"""An address that leads nowhere is a page of the house, which leads on and asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.board_page import Board

pytestmark = pytest.mark.timeout(300)
COLOUR = "getComputedStyle(document.querySelector('main')).backgroundColor"


def test_a_wrong_address_leads_on(board, open_tab, simulated: Path) -> None:
    server = board(simulated)
    tab = open_tab("about:blank", forgive=("status of 404",))
    answer = tab.page.goto(f"{server.address}/sciense/x?theme=dark&time=all")
    assert answer is not None and answer.status == 404
    assert tab.page.evaluate(COLOUR) == "rgb(18, 27, 35)"
    tab.shot("missing-dark")
    assert {one.url for one in tab.asked if one.url.startswith("http")} == {answer.url}, "nothing else is asked for"
    first = tab.page.locator("main a").first
    assert first.inner_text().startswith("Science")
    first.click()
    Board(tab, 0)
    assert tab.page.url.startswith(f"{server.address}/science?") and "time=all" in tab.page.url


@pytest.mark.parametrize("size", [{}, {"phone": True}], ids=["laptop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_has_the_colours_of_the_system_and_fits(board, open_tab, simulated: Path, size: dict, dark: bool) -> None:
    server = board(simulated)
    tab = open_tab(f"{server.address}/nothing", dark=dark, forgive=("status of 404",), **size)
    assert tab.page.evaluate(COLOUR) == ("rgb(18, 27, 35)" if dark else "rgb(255, 255, 255)")
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.page.locator("main a").count() == 5
    assert tab.page.evaluate("[...document.links].every((a) => a.getBoundingClientRect().height >= 44)")
    tab.shot(f"missing-{'-'.join(size) or 'laptop'}-{'dark' if dark else 'light'}")
