"""Parsed files are kept up to a limit, however they are asked for and however much they become."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers.kept import Kept


@dataclass
class Text:
    end: int
    nbytes: int


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60)), max_size=40))
def test_the_newest_are_kept_as_far_as_there_is_room(tmp_path_factory, steps: list[tuple[int, int]]) -> None:
    folder: Path = tmp_path_factory.mktemp("kept")
    kept: Kept[Text] = Kept(100)
    order: list[int] = []
    lengths: dict[int, int] = {}
    for number, more in steps:
        path = folder / str(number)
        with path.open("ab") as file:
            file.write(b"x" * more)
        lengths[number] = path.stat().st_size
        value = kept.get(path, None, lambda _, path=path: Text(path.stat().st_size, path.stat().st_size))  # type: ignore[misc]
        assert value.nbytes == lengths[number]
        order = [*(n for n in order if n != number), number]
        held = {
            n: kept._entries[str(folder / str(n)), None].size
            for n in order
            if (str(folder / str(n)), None) in kept._entries
        }
        assert kept._held == sum(held.values()) and set(held) == set(order[-len(held) :])
        assert kept._held <= 100 or list(held) == [number]
        if len(held) < len(order):  # what was let go of had no room
            order = order[-len(held) :]


def test_a_file_replaced_by_one_of_its_size_and_time_is_read_anew(tmp_path: Path) -> None:
    """As `cp -p`, `rsync -t` and `tar` do it with a file that was corrected."""
    path, kept = tmp_path / "a", Kept[Text](1000)

    def read(_: Text | None) -> Text:
        return Text(3, int(path.read_text()))

    for number in (123, 456):
        path.write_text(str(number))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert kept.get(path, None, read).nbytes == number


def test_files_that_are_gone_or_cannot_be_read_leave_nothing(tmp_path: Path) -> None:
    """Of a folder whose logger deletes what is old; of files that are no logs."""
    kept = Kept[Text](1000)

    def refused(_: Text | None) -> Text:
        raise ReaderError("a", "is no log")

    for number in range(20):
        path = tmp_path / f"{number}"
        path.write_text("x")
        if number % 2:
            with pytest.raises(ReaderError, match="no log"):
                kept.get(path, None, refused)
        else:
            kept.get(path, None, lambda _: Text(1, 10))
        path.unlink()
        with pytest.raises(ReaderError, match="cannot be read"):
            kept.get(path, None, lambda _: Text(1, 10))
    assert not kept._entries and kept._held == 0
