"""The first second of a page: what is seen before its library is there is what is seen afterwards."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.board_page import Board

pytestmark = pytest.mark.timeout(300)

VEIL = """
globalThis.veiled = 0
const look = () => {
  const loader = document.getElementById("loader")
  if (loader && document.querySelector(".glance") && getComputedStyle(loader).display !== "none") veiled += 1
  requestAnimationFrame(look)
}
look()
"""
PAINTED = "document.querySelector('.glance[data-painted=true]') !== null"


#: Within the frames of the map and of the first cytogram, of a page of 1500 by 950.
MAP, CYTOGRAM = np.s_[370:540, 90:500], np.s_[330:500, 720:1040]


def blurred(image: np.ndarray, by: int = 10) -> np.ndarray:
    """Means of squares: a pixel more to the left is no difference."""
    rows, columns = (size // by for size in image.shape[:2])
    return image[: rows * by, : columns * by].mean(axis=2).reshape(rows, by, columns, by).mean(axis=(1, 3))


def shot(page) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_map_and_cytograms_are_seen_without_the_library(board, open_tab, simulated: Path, dark: bool) -> None:
    server = board(simulated)
    tab = open_tab("about:blank", dark=dark, forgive=(r"Failed to load resource", r"Bokeh", r"resources"))
    tab.page.route("**/static/**", lambda route: route.abort())
    tab.page.goto(f"{server.address}/?time=all", wait_until="commit")
    tab.page.wait_for_function(PAINTED, timeout=60_000)
    first = shot(tab.page)
    tab.shot(f"glance-{'dark' if dark else 'light'}")
    tab.page.unroute("**/static/**")

    # The same page with its library: what both show is the same, but for letters.
    other = open_tab(f"{server.address}/?time=all", dark=dark)
    page = Board(other, 2)
    page.until("document.querySelector('.glance') === null", timeout=20_000)  # before it goes whatever happens
    then = shot(page.page)
    for where in (MAP, CYTOGRAM):
        a, b = (blurred(image[where]) for image in (first, then))
        assert b.std() > 2, "there is something to see"
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.7


def test_the_pictures_of_a_glance_are_taken_over(board, open_tab, simulated: Path) -> None:
    server = board(simulated)
    tab = open_tab("about:blank")
    asked: list[dict] = []

    def told(socket) -> None:
        if socket.url.endswith("live/ws"):
            socket.on("framesent", lambda text: asked.append(json.loads(text)))

    tab.page.on("websocket", told)
    tab.page.add_init_script(VEIL)
    tab.page.goto(f"{server.address}/?time=all")
    page = Board(tab, 2)

    def first() -> dict:
        return next(one for one in asked if one["level"] == 256 and not one.get("by"))

    page.comes(first)
    assert first()["have"]
    assert tab.page.evaluate("veiled") == 0, "nothing lies over the glance while the page is made"
    assert not tab.trouble()
