"""What a feed keeps of each file is little, however often an hour is written anew."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.alone import FRAMES, held
from workbench.core.variables import VariableSpec
from workbench.core.window import Window
from workbench.live.indexed import Marks
from workbench.live.numbered import Numbered
from workbench.live.particle_feed import STALE, ParticleFeed

T0 = np.datetime64("2025-01-14T20:00", "ns")
#: Files in an hour, and bytes that a feed may keep of each: its row of the table, its place, its mark in the index.
HOUR, EACH = 20, 400


class Hours:
    """A Source of hourly files: an hour is written anew with each EVT file that it gets, as the engine does it."""

    name, is_particles, product = "vct", True, None

    def __init__(self) -> None:
        self.files_written = 0

    def path(self, hour: int) -> Path:
        start = str((T0 + np.timedelta64(hour, "h")).astype("M8[h]"))
        return Path(f"/cruise/particles/vct/{start}-00-00+00-00.1H.vct.parquet")

    def changed(self, cursor: Any = None) -> tuple[xr.Dataset, Any]:
        hour, count = divmod(self.files_written, HOUR)
        self.files_written += 1
        number = hour * HOUR + np.arange(count + 1)
        time = T0 + number * np.timedelta64(180, "s")
        names = np.array([f"2025_014/{t}+00-00" for t in time.astype("M8[s]").astype(str)])
        data = {
            "file_id": ("file", names),
            "row_size": ("file", np.full(count + 1, 7)),
            "pe": ("particle", np.empty(0)),
        }
        replaced = str(self.path(hour)) if count else ""
        return xr.Dataset(data, {"time": ("file", time)}, {"replaces": replaced}), self.files_written

    def files(self, window: Window) -> list[Path]:
        hour = int((window.start.astype("M8[ns]") - T0) / np.timedelta64(1, "h"))
        return [self.path(hour)]

    def variables(self) -> dict[str, VariableSpec]:
        return {}


def kept(files: int) -> int:
    """Bytes that a feed and the marks of its index hold after so many files."""
    source = Hours()
    feed, marks = ParticleFeed(source), Marks(lambda path: (1, 1))  # type: ignore[arg-type]
    for _ in range(files):
        feed.poll()
        marks.of(feed.table)
    assert len(feed.table) == files and feed.fault is None
    place = feed.place(int(feed.table.serials[-1]))
    assert place is not None and place.total == 7 * HOUR and place.rows == slice(7 * HOUR - 7, 7 * HOUR)
    return held("live", "core", __file__) if tracemalloc.is_tracing() else 0


@pytest.mark.slow
def test_what_is_kept_of_a_file_is_little() -> None:
    """From N files on to 4 N, between two steps of the tables (`workbench.core.room`): beyond the places of hours written anew,
    which are at most so many."""
    n = 160
    kept(HOUR)
    tracemalloc.start(FRAMES)
    try:
        base = held("live", "core", __file__)
        few = kept(n) - base
        base = held("live", "core", __file__)
        many = kept(4 * n) - base
    finally:
        tracemalloc.stop()
    assert few > 0
    assert (many - few - 40 * 2 * STALE) / (3 * n) < EACH, f"{few} bytes of {n} files, {many} of {4 * n}"


def test_who_took_a_table_before_the_feed_begins_anew_reads_on() -> None:
    """Else all particles of an hour would be counted as those of each of its files."""
    source = Hours()
    feed = ParticleFeed(source)  # type: ignore[arg-type]
    for _ in range(HOUR):
        feed.poll()
    for _ in range(3):
        table = feed.table
        places = [feed.place(serial) for serial in table.serials.tolist()]
        feed._cursor = None  # as after a disk that could not be read: everything comes again
        source.files_written -= 1
        feed.poll()
        assert feed.table is not table and None not in places
        assert [feed.place(serial) for serial in table.serials.tolist()] == places
        assert len(feed._runs) == 2 * HOUR, "of the tables before that one nothing is kept"


@given(st.lists(st.tuples(st.sets(st.integers(0, 40), max_size=6), st.sets(st.integers(0, 40)), st.booleans())))
def test_numbered_is_a_dict_of_rows(steps: list[tuple[set[int], set[int], bool]]) -> None:
    numbered, plain = Numbered(2), dict[int, tuple[int, int]]()
    for more, some, forget in steps:
        new = sorted(more - plain.keys(), reverse=True)
        numbered.add(new, [(key, len(plain)) for key in new])
        plain |= {key: (key, len(plain)) for key in new}
        if forget:
            numbered.forget_others([*some], 2)
            plain = {key: row for key, row in plain.items() if key in some or key in sorted(plain)[-2:]}
        there, rows = numbered.find([*some])
        assert there.tolist() == [key in plain for key in some]
        assert list(map(tuple, rows.tolist())) == [plain[key] for key in some if key in plain]
        assert len(numbered) == len(plain)
