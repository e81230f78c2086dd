"""A cruise in a notebook: source by source, at a bounded cost, whatever is broken or slow."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.catalog import shown
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.catalog.source import Source
from workbench.core.errors import ReaderError
from workbench.core.window import Window


@pytest.fixture
def cruise(simulated: Path) -> Cruise:
    """The three sources that are files."""
    whole = open_cruise(simulated)
    return replace(whole, sources={name: whole[name] for name in ("seaflow", "sfl", "underway")})


class Text(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_each_source_with_span_rows_units_age_curve_and_the_line_that_opens_it(cruise: Cruise) -> None:
    page = Text(shown.page("SIM25", cruise, shown.glimpses(cruise, 60)))
    for name, source in cruise.items():
        assert f'cruise["{name}"].open()' in page.text
        assert f"{source.count():,}".replace(",", "\u202f") in page.text
        span = source.span()
        assert span is not None and str(span.start)[:10] in page.text
    assert "degree_Celsius" in page.text and "ago" in page.text
    assert page.tags.count("svg") == 3
    assert "script" not in page.tags


def test_the_line_of_code_works(cruise: Cruise) -> None:
    seen = shown.glimpses(cruise, 60)
    for name, source in cruise.items():
        ds = eval(shown.opening(name, source, seen[name]), {"cruise": cruise})
        assert sum(ds.sizes.values()) > 0
    long = shown.Glimpse(Window(np.datetime64("2025-01-01"), np.datetime64("2025-02-01")))
    assert shown.opening("sfl", cruise["sfl"], long) == 'cruise["sfl"].open("last 2 days")'


def test_a_broken_source_says_so_and_the_others_stand(cruise: Cruise, monkeypatch: pytest.MonkeyPatch) -> None:
    def span(source: Source) -> Window | None:
        raise ReaderError("/nowhere", "is <not> there")

    whole = Source.span
    monkeypatch.setattr(Source, "span", lambda self: span(self) if self.name == "sfl" else whole(self))
    html = shown.page("x", cruise, shown.glimpses(cruise, 60))
    assert "is &lt;not&gt; there" in html
    assert html.count("<svg") == 2


def test_a_slow_source_is_told_and_read_once(cruise: Cruise, monkeypatch: pytest.MonkeyPatch) -> None:
    shown.glimpses(cruise, 60)
    go, calls, whole = threading.Event(), [], Source.span

    def span(self: Source) -> Window | None:
        if self.name == "sfl":
            calls.append(1)
            go.wait(60)
        return whole(self)

    monkeypatch.setattr(Source, "span", span)
    only = {"sfl": cruise["sfl"]}
    assert shown.glimpses(only, 0.05) == {"sfl": None}
    assert shown.glimpses(only, 0.05) == {"sfl": None}
    assert len(calls) == 1
    assert "still being read" in shown.page("x", only, {"sfl": None})
    go.set()
    assert shown.glimpses(only, 60)["sfl"] is not None


def test_a_look_that_ends_while_it_is_looked_for_is_begun_anew(cruise: Cruise, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending(dict[int, Any]):
        def __contains__(self, key: object) -> bool:
            return True  # it was there just now

    monkeypatch.setattr(shown, "_under_way", Ending())
    seen = shown.glimpses({"sfl": cruise["sfl"]}, 60)["sfl"]
    assert seen is not None and seen.span == cruise["sfl"].span()


def test_a_long_cruise_is_not_read(simulated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cruise = open_cruise(simulated)
    monkeypatch.setattr(shown, "MOST", 1000)
    opened: list[Any] = []
    monkeypatch.setattr(Source, "open", lambda self, *args, **given: opened.append(self.name))
    monkeypatch.setattr(Source, "count", lambda self: opened.append(self.name))
    seen = shown.glimpse(cruise["underway"])
    assert not opened
    assert (seen.rows, seen.values.size, seen.fault) == (None, 0, "")
    assert seen.span == cruise["underway"].span()
    assert "many" in shown.page("x", {"underway": cruise["underway"]}, {"underway": seen})


def test_completion_and_repr(cruise: Cruise) -> None:
    assert cruise._ipython_key_completions_() == ["seaflow", "sfl", "underway"]
    assert "<table" in cruise._repr_html_()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 days")]
)
def test_ages(seconds: int, text: str) -> None:
    assert shown.ago(np.timedelta64(seconds, "s")) == text


@pytest.mark.parametrize("size", [0, 1, 79, 80, 81, 500])
def test_a_curve_has_few_points_and_keeps_the_mean(size: int) -> None:
    values = np.random.default_rng(3).normal(size=size)
    values[::7] = np.nan
    thin = shown._thin(values)
    assert thin.size <= shown.POINTS
    if size and np.isfinite(values).any():
        assert np.nanmin(values) <= np.nanmin(thin) <= np.nanmax(thin) <= np.nanmax(values)


def test_the_folder_need_not_exist(tmp_path: Path, simulated: Path) -> None:
    text = simulated.read_text().replace("{{ CATALOG_DIR }}/sfl", "{{ CATALOG_DIR }}/none")
    (tmp_path / "c.yaml").write_text(text)
    for name in ("evt", "underway"):
        os.symlink(simulated.parent / name, tmp_path / name)
    cruise = open_cruise(tmp_path / "c.yaml")
    html = shown.page("x", cruise, shown.glimpses(cruise, 60))
    assert "none" in html and "color:#c62828" in html


@pytest.mark.parametrize(
    ("number", "text"),
    [(40000.0, "40\u202f000"), (0.5, "0.5"), (12.3456, "12.35"), (-1234.6, "-1\u202f235"), (1e15, "1e+15")],
)
def test_numbers_beside_a_curve_are_read_at_a_glance(number: float, text: str) -> None:
    assert shown._short(number) == text
