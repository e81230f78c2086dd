"""The documentation in a browser without a network: found, read, on a phone, from a server and from a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.chromium import Tab
from tests.server import Server
from workbench import cli

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def address(serve: Callable[..., Server]) -> str:
    # A screen is there as on a desk; nobody opens it.
    return serve("docs", "--port", "0", "--no-browser").address.rstrip("/")


def test_found_and_read(address: str, open_tab: Callable[..., Tab]) -> None:
    page = open_tab(f"{address}/index.html").page
    page.keyboard.press("/")
    page.keyboard.type("bead drift")
    first = page.locator("#found a").first
    first.wait_for()
    assert "bead_drift" in page.locator("#found").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "#" in url and "index.html" not in url)
    page.fill("#search", "zzzz")
    assert "Nothing says that" in page.locator("#found").inner_text()


def test_the_theme_stays(address: str, open_tab: Callable[..., Tab]) -> None:
    page = open_tab(f"{address}/index.html").page
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("#theme")
    assert page.evaluate(background) != light
    page.goto(f"{address}/clocks.html")
    assert page.evaluate(background) != light


def test_every_page_fits_a_phone(address: str, open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    cli.main(["docs", "--build", str(tmp_path / "site")])
    page = open_tab(f"{address}/index.html", width=390, height=844, phone=True).page
    for path in sorted((tmp_path / "site").rglob("*.html")):
        page.goto(f"{address}/{path.relative_to(tmp_path / 'site')}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.name
    page.click("#menu")
    page.click("nav a >> text=Your first cruise")
    page.wait_for_url("**/tutorial.html")


def test_from_a_folder(open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    cli.main(["docs", "--build", str(tmp_path / "site")])
    page = open_tab(f"file://{os.fspath(tmp_path)}/site/index.html").page
    page.fill("#search", "fsync")
    assert page.locator("#found a").count() >= 1
