"""Reports opened as a file, with the network cut off: alive, linked, sharp, light and dark, and clean on paper."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.browser.chromium import Tab
from workbench.catalog.cruise import open_cruise
from workbench.core.errors import WorkbenchError
from workbench.reports.paper import print_pdf
from workbench.reports.write import write

pytestmark = pytest.mark.timeout(600)

_STATE = """() => {
  const doc = Bokeh.documents[0], plain = (m) => (m instanceof Map ? Object.fromEntries(m) : m)
  const all = [...doc.all_models], figures = all.filter((m) => m.type === "Figure")
  const map = figures.find((f) => f.name === "cruise_map"), strip = figures.find((f) => /^series:/.test(f.name))
  const cytogram = figures.find((f) => /^cytogram:/.test(f.name))
  const image = cytogram && plain(cytogram.renderers[0].data_source.data).image[0]
  const of = (f, name) => plain(f.renderers.find((r) => r.name === name).data_source.data)
  return {
    figures: figures.length, time: strip && [strip.x_range.start, strip.x_range.end],
    track: map && of(map, "track").time.length, colour: map?.background_fill_color,
    cells: image && image.shape[0], filled: image && image.some((v) => v > 0),
    x: cytogram && [cytogram.x_range.start, cytogram.x_range.end],
  }
}"""


@pytest.fixture
def opened(open_tab: Callable[..., Tab]) -> Callable[..., Tab]:
    def open_report(path: Path, **options: Any) -> Tab:
        tab = open_tab(path.as_uri(), **options)
        tab.page.wait_for_selector("html[data-ready=true]", timeout=120_000)
        return tab

    return open_report


@pytest.fixture
def simulated_report(simulated: Path, tmp_path: Path) -> Path:
    return write(open_cruise(simulated), tmp_path / "simulated.html").path


@pytest.fixture
def real_report(root: Path, data: Path, tmp_path: Path) -> Path:
    return write(open_cruise(root / "catalogs" / "testcruise.yaml", data=data), tmp_path / "real.html").path


def alone(tab: Tab) -> None:
    """It asked for itself and for nothing else."""
    asked = {a.url.split("#")[0] for a in tab.asked if not a.url.startswith(("data:", "blob:"))}
    assert asked == {tab.page.url.split("#")[0]}


def fits(tab: Tab) -> None:
    """Nothing makes the page scroll sideways."""
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


@pytest.mark.parametrize("which", ["simulated_report", "real_report"])
@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_it_opens_with_no_network(
    which: str, look: str, request: pytest.FixtureRequest, opened: Callable[..., Tab]
) -> None:
    path = request.getfixturevalue(which)
    tab = opened(path, dark=look == "dark", phone=look == "phone")
    found = tab.page.evaluate(_STATE)
    assert found["figures"] > 10 and found["track"] > 0 and found["filled"] and found["cells"] == 512
    assert (found["colour"] == "#0e161d") == (look == "dark")
    alone(tab)
    fits(tab)
    tab.shot(f"report-{which.removesuffix('_report')}-{look}", full_page=True)


def test_one_time_range_for_all(simulated_report: Path, opened: Callable[..., Tab]) -> None:
    tab = opened(simulated_report)
    before = tab.page.evaluate(_STATE)
    middle = sum(before["time"]) / 2
    tab.page.evaluate("""([a, b]) => {
      const button = document.querySelector(".show"); button.dataset.from = a; button.dataset.to = b; button.click()
    }""", [middle, middle + 1_200_000])  # fmt: skip

    def narrowed() -> None:
        after = tab.page.evaluate(_STATE)
        assert after["time"][1] - after["time"][0] < 0.5 * (before["time"][1] - before["time"][0])
        assert 0 < after["track"] < before["track"]

    def whole() -> None:
        assert tab.page.evaluate(_STATE)["track"] == before["track"]

    tab.comes(narrowed)
    assert tab.page.locator(".timebar .all").is_enabled()
    tab.page.locator(".timebar .all").click()
    tab.comes(whole)


def test_cytograms_stay_sharp(simulated_report: Path, opened: Callable[..., Tab]) -> None:
    tab = opened(simulated_report)
    tab.page.evaluate("""() => {
      const f = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && /^cytogram:/.test(m.name))
      f.x_range.setv({start: 20000, end: 26000}); f.y_range.setv({start: 10000, end: 16000})
    }""")
    tab.page.wait_for_function(
        """() => {
      const f = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && /^cytogram:/.test(m.name))
      const d = f.renderers[0].data_source.data
      return (d instanceof Map ? d.get("image") : d.image)[0].shape[0] === 2048
    }""",
        timeout=60_000,
    )
    others = tab.page.evaluate(
        """() => [...Bokeh.documents[0].all_models].filter((m) => m.type === "Figure" && /^cytogram:.*:pe:/.test(m.name)).map((f) => f.x_range.start)"""
    )
    assert others and all(start == 20000 for start in others)


def test_light_and_dark_by_a_button(simulated_report: Path, opened: Callable[..., Tab]) -> None:
    tab = opened(simulated_report)
    light = tab.page.evaluate(_STATE)["colour"]
    tab.page.locator(".theme").click()
    tab.page.wait_for_timeout(300)
    dark = tab.page.evaluate(_STATE)["colour"]
    assert light != dark
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate(_STATE)["colour"] == light


def test_hover_tells_the_values_of_one_moment(simulated_report: Path, opened: Callable[..., Tab]) -> None:
    tab = opened(simulated_report)
    panel = tab.page.locator(".panel .plot").first
    panel.scroll_into_view_if_needed()
    panel.hover()
    tab.page.wait_for_timeout(300)
    assert "UTC" in tab.page.locator(".cursor").first.inner_text()


def test_a_sentence_opens_its_numbers(real_report: Path, opened: Callable[..., Tab]) -> None:
    tab = opened(real_report)
    sentence = tab.page.locator(".finding.fault", has_text="files could not be read")
    assert not sentence.locator("table.behind").is_visible()
    sentence.locator("summary").click(position={"x": 120, "y": 8})
    assert "no room for a header" in sentence.locator("table.behind").inner_text()


@pytest.mark.parametrize("which", ["simulated_report", "real_report"])
def test_it_prints(which: str, request: pytest.FixtureRequest, tmp_path: Path, root: Path) -> None:
    path = request.getfixturevalue(which)
    pdf = tmp_path / "report.pdf"
    print_pdf(path, pdf)
    assert pdf.read_bytes().startswith(b"%PDF") and sorted(p.suffix for p in tmp_path.iterdir() if p.is_file()) == [
        ".html",
        ".pdf",
    ]
    if not shutil.which("pdftoppm"):
        pytest.skip("no pdftoppm; as root: apt-get install -y poppler-utils")
    from PIL import Image

    (root / "test-output").mkdir(exist_ok=True)
    stem = root / "test-output" / f"report-{which.removesuffix('_report')}-page"
    for old in stem.parent.glob(f"{stem.name}-*.png"):
        old.unlink()
    subprocess.run(["pdftoppm", "-r", "60", "-png", pdf, stem], check=True)
    pages = sorted(stem.parent.glob(f"{stem.name}-*.png"))
    assert 3 <= len(pages) <= 12
    for page in pages:
        with Image.open(page) as image:
            grey = np.asarray(image.convert("L"))
        inked = np.flatnonzero((grey[:-60] < 200).any(axis=1))  # its foot holds the number of the page
        assert inked.size > 0.05 * grey.shape[0], f"{page.name} is blank, or holds the last words of the one before"
        assert (grey[:, -8:] > 200).all() and (grey[:, :8] > 200).all(), f"{page.name} is cut off at the side"
        assert grey.mean() > 150, f"{page.name} is dark"


def test_a_page_that_is_not_drawn_is_not_printed(tmp_path: Path) -> None:
    """A PDF without its pictures would be worse than none; no Chromium stays behind."""
    page = tmp_path / "never.html"
    page.write_text("<title>never</title><p>waiting")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WorkbenchError, match=r"it was not done within 5 s"):
        print_pdf(page, tmp_path / "never.pdf", patience=5)
    assert [p.name for p in tmp_path.iterdir()] == ["never.html"]
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [p for p in psutil.Process().children(recursive=True) if ".printing-" in " ".join(p.cmdline())]
