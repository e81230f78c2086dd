"""Pictures by population: every plane exact, and the same particles as the plain picture."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.codes import SIZE, to_codes
from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.live.labels import KNOWN, MOST, NOBODY, Labels, order
from workbench.live.picture import Picture
from workbench.live.question import Question, QuestionError
from workbench.live.tally import Tally, plus
from workbench.raster.count import count_codes
from workbench.raster.encode import decode, frame
from workbench.raster.levels import levels

CATALOG = """
metadata:
  cruise: {id: testcruise, title: Test, start: 2014-07-04, end: 2014-07-05}
sources:
  vct:
    driver: workbench
    description: Particles with populations.
    args: {reader: seaflow_vct, url: $WORKBENCH_DATA/seaflow/testcruise/vct_plan}
"""
RAW = {"source": "vct", "x": "fsc_small", "y": "pe", "by": "pop_q2.5", "time": "all", "level": 128}


@pytest.fixture
def cruise(tmp_path: Path, data: Path) -> Cruise:
    (tmp_path / "c.yaml").write_text(CATALOG)
    return open_cruise(tmp_path / "c.yaml", data=data)


@pytest.fixture
def feeds(cruise: Cruise) -> Feeds:
    found = Feeds(cruise)
    found.poll()
    return found


def wanted(ds: xr.Dataset, question: Question, names: list[str]) -> np.ndarray:
    """Counts of each population, from the dataset."""
    x, y = to_codes(ds[question.x].values), to_codes(ds[question.y].values)
    label = ds[question.by].values
    return np.stack([count_codes(x[label == name], y[label == name], question.viewport) for name in names])


def asked(feeds: Feeds, **more: Any) -> tuple[Question, dict[str, Any], np.ndarray, bytes]:
    question = Question.parse({**RAW, **more}, feeds, feeds.now())
    gallery = Gallery(feeds)

    async def ask() -> Any:
        return await gallery.ask(question)

    made = asyncio.run(ask())
    gallery.close()
    _, got = decode(frame(made.header, made.packed))
    return question, made.header, got, made.packed


@pytest.mark.parametrize("by", ["pop_q2.5", "pop_q50", "pop_q97.5"])
def test_the_planes_are_the_files_own(feeds: Feeds, cruise: Cruise, by: str) -> None:
    question, header, got, _ = asked(feeds, by=by)
    ds = cruise["vct"].open().load()
    names = header["populations"]
    assert names == [name for name in KNOWN if (ds[by].values == name).any()]
    want = wanted(ds, question, names)
    assert header["each"] == want.sum(axis=(1, 2)).tolist()
    assert header["shown"] == want.sum() == (ds[by].values != "").sum()
    assert header["particles"] == ds.sizes["particle"]
    assert np.array_equal(got, levels(want).reshape(got.shape))


def test_a_range_of_time_cuts_inside_an_hour(feeds: Feeds, cruise: Cruise) -> None:
    question, header, _, _ = asked(feeds, time="2014-07-04T00:01..2014-07-04T01:20")
    ds = cruise["vct"].open(Window.parse("2014-07-04T00:01..2014-07-04T01:20")).load()
    assert ds.sizes["file"] == header["files"] == 2
    assert header["each"] == wanted(ds, question, header["populations"]).sum(axis=(1, 2)).tolist()


def test_who_asks_the_same_gets_the_same_bytes(feeds: Feeds, cruise: Cruise) -> None:
    again = Feeds(cruise)
    again.poll()
    assert asked(feeds)[3] == asked(again)[3]


def test_moving_the_window_equals_counting_anew(feeds: Feeds) -> None:
    question = Question.parse(RAW, feeds, feeds.now())
    feed: Any = feeds["vct"]
    table = feed.table
    with ThreadPoolExecutor(1) as pool:
        moved = Picture(question, feed)
        for part in (slice(0, 3), slice(1, 4), slice(2, 4), slice(0, 4), slice(3, 4)):
            there = moved.draw(table, part, "", pool, lambda: False)
            anew = Picture(question, feed).draw(table, part, "", pool, lambda: False)
            assert (there.header, there.packed) == (anew.header, anew.packed)


def test_channels_are_channels_and_populations_are_asked_by_name(feeds: Feeds) -> None:
    assert "fsc_small" in feeds["vct"].channels
    assert not {name for name in feeds["vct"].channels if name.startswith(("pop", "q", "diam", "Qc"))}
    with pytest.raises(QuestionError, match=r"no populations 'pop_q5'.*pop_q50"):
        Question.parse({**RAW, "by": "pop_q5"}, feeds, feeds.now())


def test_linear_values_become_codes_once(feeds: Feeds) -> None:
    feed: Any = feeds["vct"]
    path, serial = feed.table.paths[1], int(feed.table.serials[1])
    first = feed.codes(path, serial, "fsc_small", "pe")
    again = feed.codes(path, serial, "fsc_small", "pe")
    assert first[0].dtype == np.uint16
    assert first[0].base is again[0].base is not None


# laws

NAMES = st.sampled_from([*KNOWN, "other", "another", ""])
PARTICLES = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), NAMES), max_size=40)
VIEW = Viewport(0, SIZE, 0, SIZE, 16, 16)


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTICLES, min_size=1, max_size=4))
def test_populations_add_up_to_all_labelled_particles(files: list[list[tuple[int, int, str]]]) -> None:
    labels, by, plain = Labels(), Tally(VIEW, by=True), Tally(VIEW)
    for rows in files:
        x, y = (np.array([row[i] for row in rows], np.uint16) for i in (0, 1))
        names = np.array([row[2] for row in rows], object)
        by.add(x, y, labels.codes(names))
        plain.add(x[names != ""], y[names != ""])
        by.flush()
    plain.flush()
    assert np.array_equal(by.counts.sum(axis=0), plain.counts)
    every = [row for rows in files for row in rows]
    for i, plane in enumerate(by.counts):
        assert plane.sum() == sum(row[2] == labels.names[i] for row in every)
    twice = plus(by.counts, by.counts)
    assert np.array_equal(plus(twice, by.counts, -1), by.counts)


@given(st.permutations(["zeta", "alpha", *KNOWN]))
def test_who_came_first_does_not_matter(names: list[str]) -> None:
    labels = Labels()
    codes = labels.codes(np.array(names, object))
    assert [labels.names[code] for code in codes] == names
    assert [labels.names[i] for i in order(labels.names)] == [*KNOWN, "alpha", "zeta"]


def test_nobody_has_no_number_and_there_is_an_end_to_numbers() -> None:
    labels = Labels()
    assert labels.codes(np.array(["", None, "beads"], object)).tolist() == [NOBODY, NOBODY, 4]
    with pytest.raises(WorkbenchError, match="one too many"):
        labels.codes(np.array([f"p{i}" for i in range(MOST)], object))
