"""A cruise that has not begun: every card says that there is nothing, or why, and no axis has numbers of nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.board_page import Board
from tests.browser.chromium import Tab

pytestmark = pytest.mark.timeout(300)

_CARDS = ".card:has(h2:text-is('{}')) .cover:visible"
_LABELS = """() => [...Bokeh.documents[0].all_models].filter((m) => m.type === "Figure" && /^series:/.test(m.name ?? ""))
  .map((m) => m.left[0].major_label_text_alpha)"""


@pytest.fixture
def cruise(simulated: Path, tmp_path: Path) -> Path:
    """The catalog of one without a file."""
    folder = tmp_path / "cruise"
    shutil.copytree(simulated.parent, folder)
    for name in ("evt", "log", "plan", "sfl", "underway"):
        shutil.rmtree(folder / name)
        (folder / name).mkdir()
    return folder / "catalog.yaml"


def test_an_empty_cruise(board: Any, open_tab: Callable[..., Tab], cruise: Path, simulated: Path) -> None:
    tab = open_tab(board(cruise).address)
    Board(tab, 0)
    why = "Cannot read populations: there are no filter parameters in the plan yet."
    tab.comes(lambda: says(tab, "Populations", why))
    tab.comes(lambda: says(tab, "By latitude", why))
    tab.comes(lambda: says(tab, "T-S diagram", "No data in this time range"))
    tab.comes(lambda: numbered(tab, 0))
    tab.shot("empty")

    shutil.copytree(simulated.parent / "sfl", cruise.parent / "sfl", dirs_exist_ok=True)
    tab.comes(lambda: numbered(tab, 1))
    tab.comes(lambda: gone(tab, "T-S diagram"))


def says(tab: Tab, card: str, words: str) -> None:
    assert tab.page.locator(_CARDS.format(card)).inner_text() == words


def gone(tab: Tab, card: str) -> None:
    assert not tab.page.locator(_CARDS.format(card)).count()


def numbered(tab: Tab, wanted: int) -> None:
    told = tab.page.evaluate(_LABELS)
    assert told
    assert set(told) == {wanted}


def test_the_science_page_of_one_says_why_once(board: Any, open_tab: Callable[..., Tab], cruise: Path) -> None:
    tab = open_tab(f"{board(cruise).address}/science")
    Board(tab, 0)
    why = "populations cannot be read: there are no filter parameters in the plan yet"
    missing = tab.page.locator(".card:has(h2:text-is('Abundance by time')) .missing p")
    tab.comes(lambda: only(missing.all_inner_texts(), why))


def only(told: list[str], words: str) -> None:
    assert told == [words]
