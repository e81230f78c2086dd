"""What a Source and those who follow it keep of each file is little."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.catalog.cruise import open_cruise
from workbench.catalog.folder_marks import FolderMarks
from workbench.catalog.source import Source
from workbench.readers.seaflow_evt import V2, write_evt
from workbench.simulate import cruise as simulation
from workbench.simulate.continuation import Continuation

#: Bytes of a file: its name and path, its times, its mark; three follow it (a feed and two products).
EACH = 180
T0 = np.datetime64("2025-01-14T00:00", "s")
#: Bytes of a file that are held for a moment while a product is made again because one more came: its own rows, some
#: of them twice; no path, header, key or name of each as an object.
AGAIN = {"populations": 1300, "drift": 700}


def written(folder: Path, first: int, last: int) -> None:
    """Files of one particle, one every three minutes."""
    columns = {name: np.ones(1, np.uint16) for name in V2}
    for number in range(first, last):
        time = (T0 + np.timedelta64(180 * number, "s")).astype(str).replace(":", "-")
        day = folder / f"2025_{14 + number // 480:03}"
        day.mkdir(exist_ok=True, parents=True)
        write_evt(day / f"{time}+00-00", columns)


class Followers:
    """Three who follow one Source, as a feed and the inputs of two products do."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.cursors: list[Any] = [None] * 3

    def look(self) -> None:
        for i, cursor in enumerate(self.cursors):
            _, self.cursors[i] = self.source.changed(cursor)
        self.source.files()


@pytest.mark.slow
def test_what_is_kept_of_a_file_is_little(tmp_path: Path) -> None:
    """From 60 files on to 4 times as many, a few at a time."""
    step, few = 10, 60
    followers = Followers(Source("seaflow_evt", str(tmp_path)))
    held = []
    tracemalloc.start()
    try:
        for count in (few, 4 * few):
            for first in range(len(list(tmp_path.glob("*/*"))), count, step):
                written(tmp_path, first, first + step)
                followers.look()
            gc.collect()
            mine = [tracemalloc.Filter(True, f"*/workbench/{room}/*", all_frames=False) for room in ("catalog", "core")]
            held.append(sum(t.size for t in tracemalloc.take_snapshot().filter_traces(mine).traces))
    finally:
        tracemalloc.stop()
    assert all(sum(map(len, map(FolderMarks, cursor["folders"].values()))) == 4 * few for cursor in followers.cursors)
    each = (held[1] - held[0]) / (3 * few)
    assert each < EACH, f"{each:.0f} bytes a file"


def peaks(folder: Path, days: float) -> dict[str, int]:
    """What is taken for a moment at most, by product, for one more file of a cruise of so many days."""
    simulation.write(folder, days=days, particles=300, length=2.0)
    cruise = open_cruise(folder / "catalog.yaml")
    cursors = {name: cruise[name].changed(None)[1] for name in AGAIN}
    found: dict[str, list[int]] = {name: [] for name in AGAIN}
    with Continuation(folder) as going_on:
        for _ in range(4):
            going_on.until(going_on.newest + np.timedelta64(180, "s"))
            for name in AGAIN:
                gc.collect()
                tracemalloc.start()
                try:
                    _, cursors[name] = cruise[name].changed(cursors[name])
                    found[name].append(tracemalloc.get_traced_memory()[1])
                finally:
                    tracemalloc.stop()
    return {name: min(last) for name, (_, *last) in found.items()}  # others, in this process, take some, too


@pytest.mark.slow
def test_a_product_that_is_made_again_takes_little_of_each_file(tmp_path: Path) -> None:
    few, many = peaks(tmp_path / "few", 0.25), peaks(tmp_path / "many", 1.0)
    for name, most in AGAIN.items():
        each = (many[name] - few[name]) / (0.75 * 480)
        assert each < most, f"{name}: {each:.0f} bytes a file"
