"""The demo, as a newcomer sees it first; with ``make picture`` it becomes README's picture."""

from __future__ import annotations

import os
import time

import pytest

from tests.browser.chromium import Tab


@pytest.mark.timeout(400)
def test_the_demo_is_painted(serve, open_tab, picture, tmp_path) -> None:
    start = time.monotonic()
    server = serve("demo", tmp_path / "demo-data", "--days", "2", "--port", "0", wait=180)
    print(f"address printed after {time.monotonic() - start:.1f} s, two days of cruise written included")
    start = time.monotonic()
    tab = open_tab(server.address)
    tab.page.wait_for_selector("canvas", timeout=90_000)
    print(f"painted {time.monotonic() - start:.1f} s after the address was opened")
    tab.page.wait_for_timeout(30_000 if os.environ.get("WORKBENCH_PICTURE") else 8000)  # populations follow the files
    tab.comes(lambda: painted(tab), timeout=90_000)
    picture(tab, "board")


def painted(tab: Tab) -> None:
    assert tab.page.locator("canvas").count() >= 3
    size = tab.shot("demo").stat().st_size
    assert size > 60_000, "a page with a map, a cytogram and series is no blank sheet"
