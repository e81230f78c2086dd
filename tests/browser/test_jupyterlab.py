"""JupyterLab after ``pip install`` of the wheel: no configuration, no internet, nobody outside is asked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.browser.board_page import Board
from tests.browser.chromium import Tab
from tests.browser.lab import Lab, Notebook, environment, wheel
from workbench.catalog.cruise import open_cruise
from workbench.core.codes import linear
from workbench.core.window import Window
from workbench.products.seaflow.classify import classify

BOOKS = ("00-first-map", "01-the-catalog", "02-cytograms-and-populations", "03-your-own-reader-and-product")
#: A prefix as JupyterHub gives one.
HUB = "/hub/user/ana/"
#: JupyterLab looks for a notebook that was open the last time.
LOOKED_FOR = (r"404 \(Not Found\)",)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def clean(_cut_off: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("clean")
    return environment(folder / "venv", wheel(root, folder / "dist"))


@pytest.fixture(scope="session")
def home(root: Path, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jupyter's root: the notebooks, and a catalog."""
    folder = tmp_path_factory.mktemp("root")
    shutil.copytree(root / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("demo-data", ".*"))
    (folder / "catalogs").mkdir()
    text = simulated.read_text().replace("{{ CATALOG_DIR }}", str(simulated.parent))
    (folder / "catalogs" / "ours.yaml").write_text(text)
    (folder / "catalogs" / "wrong.yaml").write_text(text.replace("reader: seaflow_sfl", "reader: seaflow_sfll"))
    return folder


@pytest.fixture(scope="module")
def lab(clean: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(clean, home, tmp_path_factory.mktemp("home"), HUB) as started:
        yield started


@pytest.mark.parametrize("name", BOOKS)
def test_notebooks_run_and_draw(lab: Lab, home: Path, open_tab: Callable[..., Tab], name: str) -> None:
    tab = open_tab(
        lab.url(f"lab/workspaces/{name}/tree/notebooks/{name}.ipynb"), width=1400, height=5200, forgive=LOOKED_FOR
    )
    book = Notebook(tab)
    book.run()
    assert not book.errors(), book.errors()
    tab.comes(lambda: _drawn(tab, name))
    tab.shot(f"lab-{name}")
    book.save()
    stored = (home / "notebooks" / f"{name}.ipynb").read_text()
    assert len(stored) < 3_000_000
    assert not re.search(r"https?://(cdn\.|unpkg)", stored), "addresses of others are stored"


def _drawn(tab: Tab, name: str) -> None:
    assert tab.page.locator(".bk-Figure").count() >= 1
    for canvas in tab.page.locator(".bk-Canvas").all():
        box = canvas.bounding_box()
        assert box is not None and box["width"] > 100 and box["height"] > 50
    if name.startswith("00"):
        assert tab.page.locator(".stage .bk-Figure, .stage").count() >= 1  # the board's own views
        assert tab.page.locator(".widget-toggle-buttons").count() == 1
        assert tab.page.locator("svg[role=img]").count() >= 3  # sparklines of the cruise


def test_controls_and_views_are_linked_both_ways(lab: Lab, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(
        lab.url("lab/workspaces/controls/tree/notebooks/00-first-map.ipynb"),
        width=1400,
        height=5200,
        forgive=LOOKED_FOR,
    )
    book = Notebook(tab)
    book.run()
    page, text = tab.page, tab.page.locator(".widget-text input")
    assert text.input_value() == "now-2h..now"
    tab.comes(lambda: _two_hours(tab))
    page.locator(".widget-toggle-button", has_text="1 h").click()
    page.wait_for_function("() => document.querySelector('.widget-text input').value === 'now-1h..now'")
    before = _x_range(tab)
    page.locator(".widget-toggle-button", has_text="all").click()
    page.wait_for_function("() => document.querySelector('.widget-text input').value === 'all'")
    tab.comes(lambda: _wider(tab, before))


def _two_hours(tab: Tab) -> None:
    assert _x_range(tab)[1] - _x_range(tab)[0] < 3 * 3_600_000  # the last cell's two hours, drawn


def _wider(tab: Tab, before: list[float]) -> None:
    after = _x_range(tab)
    assert after[1] - after[0] > 2 * (before[1] - before[0])


def _x_range(tab: Tab) -> list[float]:
    """Of the panels of the time series."""
    found = tab.page.evaluate("""() => {
      for (const document of Bokeh.documents) for (const model of document.all_models)
        if (model.type === "Figure" && /^series:/.test(model.name ?? "")) return [model.x_range.start, model.x_range.end]
      return null
    }""")
    assert found
    return list(found)


def _launch(lab: Lab, open_tab: Callable[..., Tab]) -> Tab:
    """Open JupyterLab and click on the card; the page that opens."""
    tab = open_tab(lab.url("lab/workspaces/launcher"), forgive=LOOKED_FOR)
    card = tab.page.locator(".jp-LauncherCard", has_text="Cruise board")
    card.wait_for(timeout=90_000)
    icon = card.locator("img, svg").first
    assert icon.count() == 1
    tab.shot("lab-launcher")
    with tab.page.context.expect_page(timeout=90_000) as opened:
        card.click()
    page = opened.value
    page.set_viewport_size({"width": 1500, "height": 950})
    page.set_default_navigation_timeout(90_000)
    made = Tab(page, tab.asked, tab.shots)
    page.on("pageerror", lambda error: tab.errors.append(f"uncaught: {error}"))
    return made


def _all_told(tab: Tab) -> None:
    """No tile is without a number for long: those of populations come a moment after the page."""
    words = [tile.inner_text() for tile in tab.page.locator(".tile").all()]
    assert words
    assert not [text for text in words if "no data" in text]


def test_the_card_lets_choose_and_opens_the_board(lab: Lab, open_tab: Callable[..., Tab]) -> None:
    tab = _launch(lab, open_tab)
    tab.page.wait_for_selector("h1:has-text('Cruise boards')", timeout=90_000)
    assert urlsplit(tab.page.url).path == f"{HUB}cruise-board/"
    wrong = tab.page.locator("li.bad").inner_text()
    assert "wrong.yaml" in wrong and "seaflow_sfl" in wrong
    tab.shot("lab-chooser")
    tab.page.click("li a:has-text('ours.yaml')")
    board = Board(tab, pictures=2)
    tab.comes(lambda: _all_told(tab))
    tab.shot("lab-board")
    assert urlsplit(tab.page.url).path == f"{HUB}cruise-board/board"
    raw = board.read()["pictures"][:2]  # the third is of particles in focus, and no engine ever ran
    assert len(raw) == 2 and all(picture["levels"] and max(picture["levels"]) > 0 for picture in raw)
    sockets = {a.url for a in tab.asked if a.how == "websocket" and "live/ws" in a.url}
    assert sockets and all(urlsplit(url).path == f"{HUB}cruise-board/live/ws" for url in sockets)
    board.until("location.search.includes('catalog=')")
    tab.page.reload()
    Board(tab, pictures=2)


def test_nobody_gets_in_without_jupyters_token(lab: Lab, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(f"{lab.address}cruise-board/", forgive=LOOKED_FOR)
    assert "login" in tab.page.url


def test_a_catalog_given_before_opens_at_once(
    clean: Path, home: Path, tmp_path: Path, open_tab: Callable[..., Tab]
) -> None:
    with Lab(clean, home, tmp_path / "home", "/", {"WORKBENCH_CATALOG": "catalogs/ours.yaml"}) as lab:
        tab = _launch(lab, open_tab)
        Board(tab, pictures=2)
        assert urlsplit(tab.page.url).path == "/cruise-board/board"
        assert "catalogs/ours.yaml" in tab.page.url or "catalogs%2Fours.yaml" in tab.page.url
        tab.page.context.close()  # before the server goes


def test_the_wheel_brings_its_configuration(clean: Path) -> None:
    folder = clean.parents[1] / "etc" / "jupyter" / "jupyter_server_config.d"
    found = json.loads((folder / "sciops-workbench.json").read_text())
    assert found["ServerApp"]["jpserver_extensions"] == {"workbench.apps.jupyter": True}


def test_a_gate_is_redrawn_in_a_notebook(lab: Lab, home: Path, open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    record = tmp_path / "record"
    code = (
        f"import workbench\ncruise = workbench.open_cruise('catalogs/ours.yaml', record={str(record)!r})\n"
        "editor = cruise.gates.at('2025-01-14T21:00').edit()\neditor"
    )
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": code}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    book = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (home / "gates.ipynb").write_text(json.dumps(book))
    tab = open_tab(lab.url("lab/workspaces/gates/tree/gates.ipynb"), width=1500, height=1500, forgive=LOOKED_FOR)
    opened = Notebook(tab)
    opened.run()
    assert not opened.errors(), opened.errors()
    page = tab.page
    try:
        page.wait_for_selector(".editor[data-state=shown]", timeout=60_000)
    finally:
        tab.shot("lab-editor")
    page.locator(".list li[data-population=synecho] .pick").click()
    row = page.locator(".list li[data-population=synecho] b")
    for _ in range(300):
        page.wait_for_timeout(200)
        if row.inner_text().replace("\u2009", "").isdigit():  # no ~: every particle was counted
            break
    before = row.inner_text()
    box = page.locator(".gates .handle .dot").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 12 * step, y - 8 * step)
        page.wait_for_timeout(40)
    page.mouse.up()
    for _ in range(300):
        page.wait_for_timeout(200)
        if (text := row.inner_text().replace("\u2009", "")).isdigit() and text != before.replace("\u2009", ""):
            break
    tab.shot("lab-gates")
    page.locator(".saving input[aria-label=Author]").fill("Ann")
    page.get_by_role("button", name="Save from there on").click()
    page.wait_for_selector(".says[data-kind=good]")
    cruise = open_cruise(home / "catalogs" / "ours.yaml", record=record)
    old, new = cruise.gates.history()
    assert new.who == "Ann"
    ds = linear(cruise["seaflow"].open(Window(new.start, new.start + np.timedelta64(1, "ns")))).load()
    label = classify({name: ds[name].values for name in ("fsc_small", "pe", "chl_small")}, new.value)
    found = int((label == new.value.populations.index("synecho") + 1).sum())
    tab.comes(lambda: _counted(row, found))
    assert new.value.gates != old.value.gates


def _counted(row: Any, found: int) -> None:
    assert found == int(row.inner_text().replace("\u2009", ""))


def test_the_filter_is_moved_in_a_notebook(lab: Lab, home: Path, open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    record = tmp_path / "record"
    code = (
        f"import workbench\ncruise = workbench.open_cruise('catalogs/ours.yaml', record={str(record)!r})\n"
        "editor = cruise.filters.at('2025-01-14T21:00').edit()\neditor"
    )
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": code}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    book = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (home / "filter.ipynb").write_text(json.dumps(book))
    tab = open_tab(lab.url("lab/workspaces/filter/tree/filter.ipynb"), width=1500, height=1500, forgive=LOOKED_FOR)
    opened = Notebook(tab)
    opened.run()
    assert not opened.errors(), opened.errors()
    page = tab.page
    page.wait_for_selector(".editor.filter[data-state=shown][data-frame]", timeout=60_000)
    handle = page.locator(".plane[data-kind=evt][data-detector=D1] .handle[data-quantile='50']")
    handle.scroll_into_view_if_needed()
    box = handle.locator(".dot").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x, y - 3 * step)
        page.wait_for_timeout(40)
    page.mouse.up()
    page.wait_for_selector(".outcome tr[data-quantile='50'] td.was:not(:empty)")
    tab.shot("lab-filter")
    page.locator(".saving input[aria-label=Author]").fill("Ann")
    page.get_by_role("button", name="Save from there on").click()
    page.wait_for_selector(".says[data-kind=good]")
    cruise = open_cruise(home / "catalogs" / "ours.yaml", record=record)
    new = next(entry for entry in cruise.filters.history() if not entry.from_file)
    assert new.who == "Ann"
    cruise.filters.withdraw(new.id, who="Ann")
    old = cruise.filters.at(new.start).entry
    assert cruise.filters.diff(old, new).changed.keys() >= {"beads_D1", "notch_small_D1", "offset_large_D1"}
    assert np.array_equal(new.value.array[:, 2], old.value.array[:, 2])  # D2 did not move
