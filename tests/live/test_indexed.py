"""Pictures out of the index are the pictures that counting makes, and the board's come out of it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live.standin import Item, ParticleSource, StandInCruise, at
from workbench.catalog.cruise import open_cruise
from workbench.live import indexed
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.live.index_builder import groups_of, layers_of, planes_of, update_index
from workbench.live.indexed import PLACE, Indexed, Marks
from workbench.live.particle_feed import ParticleFeed
from workbench.live.picture import Picture
from workbench.live.question import Question
from workbench.raster import tiles, time_index

CHANNELS = ("fsc_small", "pe", "chl_small")


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a thousand particles use the index, and its checkpoints."""
    monkeypatch.setattr(indexed, "MANY", 500)
    monkeypatch.setattr(time_index, "FEW", 0)
    monkeypatch.setattr(tiles, "STEPS", {512: 2000, 2048: 4000})


class Marked(ParticleSource):
    """Files in memory that change their mark when they are written."""

    def look(self, path: str) -> tuple[int, int]:
        return 0, self.marks.get(Path(path).name, 0)


def feed_of(source: Marked, folder: Path) -> ParticleFeed:
    feed = ParticleFeed(source)  # type: ignore[arg-type]
    feed.index = Indexed(folder.joinpath(*PLACE, source.name), feed.labels)
    feed.index.marks = Marks(source.look)
    feed.poll()
    return feed


def drawn(feed: ParticleFeed, question: Question, part: slice, picture: Picture | None = None) -> tuple[Any, bytes]:
    with ThreadPoolExecutor(1) as pool:
        frame = (picture or Picture(question, feed)).draw(feed.table, part, "", pool, lambda: False)
    assert frame is not None
    return frame.header, frame.packed


def raw(feed: ParticleFeed, question: Question, part: slice) -> tuple[Any, bytes]:
    index, feed.index = feed.index, None
    try:
        return drawn(feed, question, part)
    finally:
        feed.index = index


def question(feed: ParticleFeed, **more: Any) -> Question:
    given = {"source": "seaflow", "x": "fsc_small", "y": "pe", **more}
    return Question.parse(given, {"seaflow": feed}, at(0))


PAIRS = (("fsc_small", "pe"), ("fsc_small", "chl_small"))


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_picture_equals_the_raw_one(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """While files come, late and in order, are rewritten and vanish, and the index is behind by some of it."""
    source, clock = Marked(channels=CHANNELS), 0
    feed = feed_of(source, tmp_path_factory.mktemp("i"))
    moving: dict[Question, Picture] = {}
    for _ in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(0, 12))):
            clock += 10
            source.random(f"f{clock}", at(clock), data.draw(st.integers(1, 900)), clock)
        if source.held and data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(source.held)))
            source.random(name, source.times[name], data.draw(st.integers(1, 900)), 5)
        if data.draw(st.booleans()):
            source.random(f"late{clock}", at(clock * data.draw(st.floats(0, 1))), 300, clock)
        feed.poll()
        if data.draw(st.booleans()):
            update_index(feed, layers_of(feed, PAIRS))
        edges = data.draw(st.sampled_from([[0, 65536, 0, 65536], [1000, 9000, 0, 30000], [5, 300, 7, 900]]))
        x, y = data.draw(st.sampled_from([*PAIRS, ("pe", "fsc_small"), ("pe", "chl_small")]))
        q = question(feed, x=x, y=y, range=edges, level=data.draw(st.sampled_from([256, 512])))
        first = data.draw(st.integers(0, len(feed.table)))
        part = slice(first, data.draw(st.integers(first, len(feed.table))))
        picture = moving.setdefault(q, Picture(q, feed))
        assert drawn(feed, q, part, picture) == raw(feed, q, part)


def test_it_is_asked_when_there_is_much_to_count(tmp_path: Path) -> None:
    source = Marked(channels=CHANNELS)
    for i in range(30):
        source.random(f"f{i:02}", at(10 * i), 400, i)
    feed = feed_of(source, tmp_path)
    assert feed.index is not None
    update_index(feed, layers_of(feed, PAIRS))
    source.reads.clear()
    q = question(feed)
    drawn(feed, q, slice(3, 28))
    assert feed.index.answered == 1 and not source.reads, "no file is read"
    drawn(feed, q, slice(3, 4))
    assert feed.index.answered == 1 and set(source.reads) == {"f03"}, "a short range is counted"
    source.random("f30", at(300), 400, 30)
    feed.poll()
    source.reads.clear()
    drawn(feed, q, slice(3, 31))
    assert set(source.reads) == {"f30"}, "of what is not indexed yet, only that"


def test_a_picture_that_moves_far_asks_again(tmp_path: Path) -> None:
    source = Marked(channels=CHANNELS)
    for i in range(30):
        source.random(f"f{i:02}", at(10 * i), 400, i)
    feed = feed_of(source, tmp_path)
    update_index(feed, layers_of(feed, PAIRS))
    q = question(feed)
    picture = Picture(q, feed)
    for part in (slice(0, 20), slice(2, 22), slice(10, 30), slice(0, 30), slice(0, 5)):
        assert drawn(feed, q, part, picture) == raw(feed, q, part)


def test_a_late_file_is_no_reason_to_count_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.record import picture_index_update as update

    monkeypatch.setattr(update, "REDO", 0)
    source = Marked(channels=CHANNELS)
    for i in range(30):
        source.random(f"f{i:02}", at(10 * i), 400, i)
    feed = feed_of(source, tmp_path)
    update_index(feed, layers_of(feed, PAIRS))
    source.random("late", at(55), 100, 1)
    source.random("f07", at(70), 300, 99)
    feed.poll()
    update_index(feed, layers_of(feed, PAIRS))
    source.reads.clear()
    q = question(feed)
    got = drawn(feed, q, slice(0, 31))
    assert set(source.reads) == {"late", "f07"}
    assert got == raw(feed, q, slice(0, 31))


def test_files_that_look_the_same_are_told_apart() -> None:
    source = Marked()
    for i in range(3):
        source.random(f"f{i}", at(i), 10, i)
    feed = ParticleFeed(source)  # type: ignore[arg-type]
    feed.poll()
    marks = Marks(source.look)
    table = feed.table
    same = type(table)(
        table.times, table.sizes, table.versions, table.serials, feed.table.names.take(np.zeros(3, int)), table.paths
    )
    assert len(set(marks.of(same).tolist())) == 3
    assert np.array_equal(marks.of(same), Marks(source.look).of(same))


def test_the_planes_of_a_board() -> None:
    items = (
        Item("cytogram", "seaflow", {"x": "fsc_small", "y": "pe"}), Item("map"),
        Item("cytogram", "vct", {"x": "fsc_small", "y": "pe", "by": "pop_q97.5"}),
        Item("cytogram", "vct", {"x": "D1", "y": "D2", "by": "population"}),
    )  # fmt: skip
    cruise: Any = StandInCruise(board=items)
    assert planes_of(cruise) == (("fsc_small", "pe"), ("D1", "D2"))
    assert groups_of(cruise) == ("pop_q97.5",)
    assert planes_of(StandInCruise()) == (("fsc_small", "pe"), ("fsc_small", "chl_small"))  # type: ignore[arg-type]


CATALOG = """
metadata:
  cruise: {id: testcruise, title: Test, start: 2014-07-04, end: 2014-07-05}
  record: "{{ CATALOG_DIR }}/c.cruise"
sources:
  evt: {driver: workbench, description: Raw., args: {reader: seaflow_evt, url: $WORKBENCH_DATA/seaflow/testcruise/evt_v2}}
  vct: {driver: workbench, description: Sorted., args: {reader: seaflow_vct, url: $WORKBENCH_DATA/seaflow/testcruise/vct_plan}}
"""


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("evt", {}),
        ("evt", {"range": [10000, 20000, 10000, 20000]}),
        ("vct", {"by": "pop_q50"}),
        ("vct", {"by": "pop_q50", "level": 256, "range": [0, 30000, 0, 30000]}),
        ("vct", {"by": "pop_q97.5"}),
    ],
)
def test_real_files_through_the_gallery(tmp_path: Path, data: Path, source: str, more: dict[str, Any]) -> None:
    """What the board's tabs get is the same frame, byte for byte, and comes out of the index."""
    (tmp_path / "c.yaml").write_text(CATALOG)
    cruise = open_cruise(tmp_path / "c.yaml", data=data)
    asked = {"source": source, "x": "fsc_small", "y": "pe", "time": "all", **more}

    def ask(feeds: Feeds) -> Any:
        gallery = Gallery(feeds)

        async def once() -> Any:
            return await gallery.ask(Question.parse(asked, feeds, feeds.now()))

        try:
            return asyncio.run(once())
        finally:
            gallery.close()

    feeds = Feeds(cruise)
    feeds.poll()
    plain = ask(feeds)
    feed = feeds[source]
    assert isinstance(feed, ParticleFeed) and feed.index is not None
    assert update_index(feed, layers_of(feed, planes_of(cruise), ("pop_q97.5",)))
    again = Feeds(cruise)
    again.poll()
    other = again[source]
    assert isinstance(other, ParticleFeed) and other.index is not None
    through = ask(again)
    assert other.index.answered == 1
    assert json.dumps(through.header) == json.dumps(plain.header) and through.packed == plain.packed
