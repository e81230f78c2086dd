"""A feed of particles: a table of files that follows what happens on disk, and a bounded store of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live.standin import SECOND, T0, ParticleSource, at
from workbench.core.errors import ReaderError
from workbench.core.texts import Texts
from workbench.core.window import ALWAYS, Window
from workbench.live.feed import open_feed
from workbench.live.file_table import FileTable
from workbench.live.particle_feed import Columns, ParticleFeed


def feed_of(*seconds: float) -> tuple[ParticleFeed, ParticleSource]:
    source = ParticleSource()
    for s in seconds:
        source.random(f"f{s:g}", at(s), 100 + round(s))
    feed = open_feed(source)  # type: ignore[arg-type]
    assert isinstance(feed, ParticleFeed)
    feed.poll()
    return feed, source


@given(st.lists(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 50)), max_size=4), max_size=6))
def test_in_any_steps_the_table_is_what_stands_there(steps: list[list[tuple[int, int]]]) -> None:
    source = ParticleSource()
    feed = ParticleFeed(source)  # type: ignore[arg-type]
    writes: dict[str, int] = {}
    for step in steps:
        for number, size in step:
            source.random(f"f{number}", at(number), size)
        for name in {f"f{number}" for number, _ in step}:
            writes[name] = writes.get(name, -1) + 1
        feed.poll()
    names = sorted(source.held)
    table = feed.table
    assert table.names == tuple(names)
    assert table.paths == [f"/data/{n}" for n in names]
    assert len(set(table.serials.tolist())) == len(names)
    assert table.sizes.tolist() == [len(source.held[n]["pe"]) for n in names]
    assert table.versions.tolist() == [writes[n] for n in names]
    assert feed.rows == table.sizes.sum()


def test_a_window_takes_whole_files() -> None:
    feed, _ = feed_of(0, 180, 360, 540)
    table = feed.table
    assert table.within(Window(at(180), at(540))) == slice(1, 3)
    assert table.within(Window(at(181), at(360))) == slice(2, 2)
    assert table.within(Window(at(900), at(1000))) == slice(4, 4)
    assert table.within(ALWAYS) == slice(0, 4)
    assert feed.step == 180 * SECOND
    assert feed.newest == at(540)


def test_files_without_a_time_stand_first_and_lie_in_no_window() -> None:
    feed, source = feed_of(0, 180)
    source.random("old.evt", np.datetime64("NaT"))
    feed.poll()
    assert feed.table.names[0] == "old.evt"
    assert feed.table.within(Window(T0, at(1000))) == slice(1, 3)
    assert feed.table.within(ALWAYS) == slice(0, 3)
    assert feed.span == Window(T0, at(180) + np.timedelta64(1, "ns"))


def test_a_digest_names_the_content() -> None:
    a, b = (feed_of(0, 180)[0] for _ in range(2))
    assert a.table.digest(slice(0, 2)) == b.table.digest(slice(0, 2)) != a.table.digest(slice(0, 1))
    feed, source = feed_of(0, 180)
    source.write("f180", at(180), **source.held["f180"])  # the same size, once more
    feed.poll()
    assert feed.table.digest(slice(0, 2)) != a.table.digest(slice(0, 2))


def test_channels_before_and_after_the_first_file() -> None:
    source = ParticleSource(channels=("pe", "D1"))
    feed = ParticleFeed(source)  # type: ignore[arg-type]
    assert feed.channels == ("pe", "D1")
    feed.poll()
    assert (feed.channels, feed.span, feed.step, feed.rows) == (("pe", "D1"), None, None, 0)


def test_log_values_become_codes_and_no_numbers_are_left_out() -> None:
    feed, source = feed_of(0)
    x = np.array([0.0, 10.9, np.nan, 65535.9, -1.0, 65536.0, 5.0], np.float32)
    y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.inf], np.float32)
    source.write("logs", at(9), fsc_small=x, pe=y)
    feed.poll()
    a, b = feed.codes("/data/logs", 0, "fsc_small", "pe")
    assert (a.dtype, b.dtype) == (np.uint16, np.uint16)
    assert a.tolist() == [0, 10, 65535]
    assert b.tolist() == [1, 2, 4]


def test_columns_are_read_once_and_let_go_by_bytes() -> None:
    source = ParticleSource()
    for s in range(5):
        source.random(f"f{s}", at(s), 1000)
    columns = Columns(source, limit=3 * 2 * 2000)  # type: ignore[arg-type]
    for s in (0, 1, 2, 0, 1, 2):
        columns.read(f"/data/f{s}", s, ("pe", "fsc_small"), keep=True)
    assert source.reads == {"f0": 1, "f1": 1, "f2": 1}
    columns.read("/data/f3", 3, ("pe", "fsc_small"), keep=True)
    assert columns._bytes <= 12_000
    columns.read("/data/f0", 0, ("pe",), keep=True)
    assert source.reads["f0"] == 2
    columns.read("/data/f4", 4, ("pe",), keep=False)
    columns.read("/data/f4", 4, ("pe",), keep=False)
    assert source.reads["f4"] == 2
    columns.read("/data/f3", 5, ("pe",), keep=True)  # rewritten
    assert source.reads["f3"] == 2


def test_one_axis_twice() -> None:
    feed, source = feed_of(0)
    a, b = feed.codes("/data/f0", 0, "pe", "pe")
    assert np.array_equal(a, b)
    assert np.array_equal(a, source.held["f0"]["pe"])


def test_a_file_that_is_gone_is_an_error_that_names_it() -> None:
    feed, source = feed_of(0)
    del source.held["f0"]
    with pytest.raises(ReaderError, match="f0"):
        feed.codes("/data/f0", 0, "pe", "fsc_small")


def table_of(first: int, n: int) -> FileTable:
    names = [f"2024_{i // 480:03}/2024-05-01T{i:06}+00-00" for i in range(first, first + n)]
    ones = np.ones(n, np.int64)
    return FileTable(
        np.arange(first, first + n), ones, ones, ones, Texts(names), Texts(f"/ship/data/evt/{x}" for x in names)
    )


def test_sixty_days_of_files_take_a_hundred_bytes_each() -> None:
    n = 28_800
    table = table_of(0, n)
    for i in range(3):
        table = table.with_files(table_of(n + i, 1))
    assert len(table) == n + 3
    assert table.paths[-1] == "/ship/data/evt/2024_060/2024-05-01T028802+00-00"
    numbers = (table.times, table.sizes, table.versions, table.serials)
    assert sum(a.nbytes for a in numbers) + table.names.nbytes + table.paths.nbytes < 110 * n


def test_the_real_cruise(data: Path) -> None:
    from workbench.catalog.source import Source

    source = Source("seaflow_evt", str(data / "seaflow/testcruise/evt_v1")).named("seaflow")
    feed = ParticleFeed(source)
    assert feed.poll()
    assert feed.rows == 200_000
    assert [Path(p).name.removesuffix(".gz") for p in feed.table.paths] == [n.rsplit("/")[-1] for n in feed.table.names]
    assert all(Path(p).exists() for p in feed.table.paths)
    assert any("2014-07-04T01-21-02" in line for line in feed.refused)
    codes = feed.codes(feed.table.paths[0], 0, "D1", "pe")
    assert [int(c.astype(np.int64).sum()) for c in codes] == [639422192, 151654274]
