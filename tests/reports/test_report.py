"""The whole document: what went wrong is in it, what did not is not; it asks nobody, and everybody can read it."""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from contextlib import suppress
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from tests.reports.numbers import untold
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.record.state import State
from workbench.reports import paper
from workbench.reports.content import gather
from workbench.reports.findings import findings
from workbench.reports.mosaic import FINE, PART, coarser, count, split
from workbench.reports.page import POLICY, asked_for
from workbench.reports.write import Report, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faulty_report(faulty: Cruise, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write(faulty, tmp_path_factory.mktemp("report") / "faulty.html")


@pytest.fixture(scope="module")
def calm_report(calm: Cruise, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write(calm, tmp_path_factory.mktemp("report") / "calm.html")


class Page(HTMLParser):
    """Ids, addresses, and what images say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.alts: list[str] = []
        self.words: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag in ("script", "style")
        self.ids.add(given.get("id") or "")
        for key in ("src", "href", "data", "action", "srcset", "poster"):
            if given.get(key):
                self.links.append(str(given[key]))
        if given.get("role") == "img":
            self.alts.append(given.get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        if not self._script:
            self.words.append(data)


def test_the_simulated_faults_are_in_it(faulty: Cruise, faulty_report: Report) -> None:
    truth = json.loads((faulty.path.parent / "truth" / "events.json").read_text())["events"]
    told = [f for f in faulty_report.findings if f.kind == "fault"]
    text = " ".join(f.text for f in told)
    for event in truth:
        start = event["start"][:16].replace("T", " ")
        if event["kind"] == "pressure_fault":
            (found,) = [f for f in told if f.topic == "Stream pressure" and "below 11.5 psi" in f.text]
            begun = np.datetime64(event["start"].rstrip("Z"), "ns")
            assert abs((found.window.start - begun) / np.timedelta64(1, "m")) < 10
            assert found.numbers[4].value == pytest.approx(event["lowest_psi"], abs=0.6)
        elif event["kind"] == "truncated":
            assert event["file_id"].rsplit("/", 1)[-1] in text
        elif event["kind"] == "spike":
            assert start in text
        elif event["kind"] == "clock_offset":
            (found,) = [f for f in told if f.topic == "Clocks"]
            assert found.numbers[0].value == pytest.approx(41.25 + 0.4 * 1.8, abs=0.3)
            assert "behind and loses 0.8" in found.text
        elif event["kind"] == "garbled":
            assert "1 line of underway could not be understood" in text
        elif event["kind"] in ("gap", "feed_gap"):
            source = "sfl" if event["kind"] == "gap" else "underway"
            assert f"No rows came from {source}" in text
    assert {e["kind"] for e in truth} >= {"pressure_fault", "truncated", "spike", "clock_offset", "garbled", "gap"}
    assert "No files came from seaflow" in text


def test_a_calm_cruise_mentions_no_fault(calm_report: Report) -> None:
    assert [f.text for f in calm_report.findings if f.kind == "fault"] == []
    words = " ".join(f.text for f in calm_report.findings)
    assert not re.search(
        r"fell below|rose above|could not|spike|off the track|clock|behind|No (rows|files) came|gap", words
    )
    assert {"Track", "Stream pressure", "Gaps", "Files"} <= {f.topic for f in calm_report.findings}
    page = Page(calm_report.path.read_text())
    assert "files" not in page.ids and "to look at" in " ".join(page.words)
    assert "nothing" in page.words


@pytest.mark.parametrize("report", ["faulty_report", "calm_report"])
def test_every_number_in_a_sentence_can_be_found_again(report: str, request: pytest.FixtureRequest) -> None:
    done: Report = request.getfixturevalue(report)
    page = Page(done.path.read_text())
    for i, finding in enumerate(done.findings, 1):
        assert not untold(finding), finding.text
        assert f"note-{i}" in page.ids


@pytest.mark.parametrize("report", ["faulty_report", "calm_report"])
def test_it_stands_alone(report: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(report).path.read_text()
    page = Page(text)
    assert page.links and all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert asked_for(text) == []
    assert f'content="{POLICY}"' in text and "http" not in POLICY
    assert "@@" not in text
    assert not re.search(r"<script[^>]*\bsrc\b|<link\b|<iframe\b|@import|<base\b", text)


def test_addresses_are_found_where_there_are_some() -> None:
    for bad in (
        '<script src="https://x/y.js">',
        "<img alt='' src=//x/y>",
        "url(http://x/y)",
        '@import "x"',
        '<link rel=x href="a.css">',
    ):
        assert asked_for(bad), bad


def test_every_picture_has_words(faulty_report: Report) -> None:
    alts = Page(faulty_report.path.read_text()).alts
    assert len(alts) >= 8 and all(len(alt) > 30 for alt in alts)
    assert any("Stream pressure from" in alt for alt in alts)


def test_levels_are_embedded_and_exact(faulty: Cruise, faulty_report: Report) -> None:
    from workbench.raster.levels import levels

    told = json.loads(re.search(r'id="told">(.*?)</script>', faulty_report.path.read_text(), re.DOTALL)[1])  # type: ignore[index]
    pictures = [p for p in told.values() if p["kind"] == "cytogram"]
    names = [name for p in pictures for name in p["levels"]]
    assert [name.count(":") for name in names].count(3) == len(pictures) == 2, "none of a source without particles"
    mosaic = count(faulty["seaflow"], faulty_report.window, [("fsc_small", "pe")], 3)
    (levels_told,) = (v for p in pictures for k, v in p["levels"].items() if k.endswith("seaflow:fsc_small:pe"))
    for told_one in levels_told:
        raw = np.frombuffer(zlib.decompress(base64.b64decode(told_one["data"])), np.uint8)
        cells = told_one["width"]
        assert np.array_equal(raw.reshape(cells, cells), levels(coarser(mosaic.whole["fsc_small", "pe"], cells)))
    assert [t["width"] for t in levels_told] == [512, FINE]


def test_particles_are_counted_once(faulty: Cruise) -> None:
    plane = ("fsc_small", "pe")
    source = faulty["seaflow"]
    window = Window(source.span().start, source.span().stop)  # type: ignore[union-attr]
    mosaic = count(source, window, [plane, ("nothing", "pe")], 5)
    total = int(source.open(window)["row_size"].sum())
    assert list(mosaic.whole) == [plane]
    assert int(mosaic.whole[plane].sum()) == total == sum(part.particles for part in mosaic.parts)
    assert np.array_equal(sum(part.counts[plane] for part in mosaic.parts), coarser(mosaic.whole[plane], PART))
    assert len(mosaic.refused) == 1


def test_what_is_indexed_is_not_read_again(calm: Cruise, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.cli import main
    from workbench.live import indexed

    plane, source = ("fsc_small", "pe"), calm["seaflow"]
    window = Window(source.span().start, source.span().stop)  # type: ignore[union-attr]
    read = count(source, window, [plane], 5)
    assert main(["index", str(calm.path)]) == 0
    assert calm.folder.joinpath(*indexed.PLACE, "seaflow").is_dir()

    def refuse(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(source, "columns", refuse)
    found = count(source, window, [plane], 5)
    assert np.array_equal(found.whole[plane], read.whole[plane]) and read.whole[plane].any()
    for one, other in zip(found.parts, read.parts, strict=True):
        assert (one.window, one.files, one.particles) == (other.window, other.files, other.particles)
        assert np.array_equal(one.counts[plane], other.counts[plane])


def test_windows_split_without_a_seam() -> None:
    window = Window(np.datetime64("2025-01-01", "ns"), np.datetime64("2025-01-03", "ns"))
    parts = split(window, 7)
    assert (parts[0].start, parts[-1].stop) == (window.start, window.stop)
    assert all(a.stop == b.start for a, b in pairwise(parts))


def test_a_daily_report_is_the_last_day(faulty: Cruise, tmp_path: Path) -> None:
    done = write(faulty, tmp_path / "day.html", template="daily")
    assert done.window.stop - done.window.start <= np.timedelta64(1, "D")
    assert "Daily report" in done.path.read_text()
    with pytest.raises(WorkbenchError, match="'weekly' is not a template"):
        write(faulty, tmp_path / "x.html", template="weekly")


def test_a_window_is_kept(faulty: Cruise, tmp_path: Path) -> None:
    window = Window(np.datetime64("2025-01-14T21", "ns"), np.datetime64("2025-01-14T22", "ns"))
    done = write(faulty, tmp_path / "x.html", window)
    assert window.start <= done.window.start and done.window.stop <= window.stop
    with pytest.raises(WorkbenchError, match="nothing to report"):
        write(faulty, tmp_path / "y.html", Window(np.datetime64("2024-12-30", "ns"), np.datetime64("2024-12-31", "ns")))
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_notes_stand_in_it_and_run_nothing(calm_path: Path, tmp_path: Path) -> None:
    cruise = open_cruise(calm_path, record=tmp_path / "cruise")
    evil = "</script><img src=https://evil.example/x onerror=alert(1)>"
    State(cruise.folder).note(f"pump changed {evil}", who="Mia", time=cruise.start + np.timedelta64(30, "m"))  # type: ignore[operator]
    text = write(cruise, tmp_path / "x.html").path.read_text()
    page = Page(text)
    assert "events" in page.ids and any("pump changed" in word for word in page.words)
    assert all(link.startswith("#") for link in page.links)
    assert "</script><img" not in text


def test_populations_by_time_and_latitude(faulty: Cruise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.reports import write as module

    content = gather(faulty)
    time = content.rows["sfl"]["time"].values
    data = np.abs(np.sin(np.arange(time.size * 2).reshape(-1, 2) / 50)) * [100, 10] + 1
    made = xr.Dataset(
        {"abundance": (("time", "population"), data, {"units": "uL-1"})},
        {"time": time, "population": ["prochloro", "synecho"]},
    )
    from dataclasses import replace

    monkeypatch.setattr(module, "gather", lambda *a, **k: replace(content, populations={"cells": made}))
    done = module.write(faulty, tmp_path / "x.html")
    text = done.path.read_text()
    assert any(f.topic == "Populations" and f.text.startswith("Prochlorococcus: median") for f in done.findings)
    assert "abundance of Prochlorococcus from" in text and "Prochlorococcus from" in text
    assert "names no source with populations" not in text
    assert text.count("northbound") >= 2


def test_real_cruises(data: Path, root: Path, tmp_path: Path) -> None:
    cruise = open_cruise(root / "catalogs" / "testcruise.yaml", data=data)
    done = write(cruise, tmp_path / "x.html")
    text = " ".join(f.text for f in done.findings)
    assert "5 files could not be read" in text and "2014-07-04T01-24-02+00-00" in text
    assert asked_for(done.path.read_text()) == []
    nbp = open_cruise(root / "catalogs" / "nbp1406.yaml", data=data)
    done = write(nbp, tmp_path / "y.html")
    assert "The clock of pcode is 7168 d behind, 1024 weeks" in " ".join(f.text for f in done.findings)


def test_a_source_that_cannot_be_read_is_told(calm_path: Path, tmp_path: Path) -> None:
    text = yaml.safe_load(calm_path.read_text())
    text["sources"]["lost"] = {"driver": "workbench", "args": {"reader": "nmea_log", "url": "/nowhere/at/all"}}
    path = calm_path.parent / "lost.yaml"
    path.write_text(yaml.safe_dump(text))
    found = findings(gather(open_cruise(path), ALWAYS))
    assert any("lost could not be read" in f.text and f.kind == "fault" for f in found)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\necho no screen here >&2\nexit 3\n", "it ended: no screen here"),
        ("#!/bin/sh\nexec 3<&- 4>&-\nsleep 60\n", "it ended: status -9"),
        ("#!/no/such/shell\n", "it cannot be started: No such file or directory"),
    ],
)
def test_a_chromium_that_ends_is_told(
    calm_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    """And nothing of it is left: no half PDF, no open pipe, no process."""
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    before = _pipes()
    with pytest.raises(WorkbenchError, match=rf"could not print \({why}\)\. .* is written"):
        paper.print_pdf(calm_report.path, tmp_path / "x.pdf")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".", "x"))) == []
    assert _pipes() <= before


def _pipes() -> set[str]:
    """The pipes and sockets of this process."""
    found = set()
    for handle in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed since it was listed
            found.add(os.readlink(f"/proc/self/fd/{handle}"))
    return {name for name in found if name.startswith(("pipe:", "socket:"))}


def test_without_chromium_the_html_stays(calm_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkbenchError, match=r"no Chromium here.*apt-get install chromium"):
        paper.print_pdf(calm_report.path, tmp_path / "x.pdf")
    assert calm_report.path.exists() and not (tmp_path / "x.pdf").exists()
