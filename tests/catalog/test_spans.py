"""Which file holds which times: what could not be asked for a moment is asked again, what is gone is forgotten."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.catalog.spans import Spans
from workbench.catalog.tree import Tree
from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers.nmea_log import NmeaLog
from workbench.readers.paths import matcher

LINE = "2024-01-01T00:00:0{}Z $INGGA,000000,4741.0,N,12224.0,W,2,9,1.0,3.0,M,-17.0,M,,*00\n"
DAY = Window(np.datetime64("2024-01-01", "ns"), np.datetime64("2024-01-02", "ns"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.log").write_text(LINE.format(number))
    return tmp_path


def spans_of(folder: Path, reader: Any) -> Spans:
    return Spans(Tree((str(folder),), matcher(("*.log",))), reader)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_that_could_not_be_read_for_a_moment_is_asked_again(folder: Path, wrapped: bool) -> None:
    """Too many open files, a share that does not answer: the file is as it was, and its rows are there again."""
    fails = [1]

    class Reader(NmeaLog):
        def files(self, named: Any) -> list[Path]:
            return [Path(path) for path in named]

        def span(self, path: Any) -> tuple[np.datetime64, np.datetime64]:
            if fails and os.fspath(path).endswith("1.log"):
                fails.pop()
                error = OSError(errno.EMFILE, "Too many open files")
                if wrapped:
                    raise ReaderError.unreadable(path, error) from error
                raise error
            time = np.datetime64(f"2024-01-01T00:00:0{Path(path).stem}", "ns")
            return time, time

    spans = spans_of(folder, Reader())
    assert [path.name for path in spans.paths(DAY)] == ["0.log", "2.log"]
    assert [path.name for path in spans.paths(DAY)] == ["0.log", "1.log", "2.log"]


def test_a_file_that_is_none_is_asked_once(folder: Path) -> None:
    asked: list[str] = []

    class Reader(NmeaLog):
        def files(self, named: Any) -> list[Path]:
            return [Path(path) for path in named]

        def span(self, path: Any) -> tuple[np.datetime64, np.datetime64]:
            asked.append(os.fspath(path))
            raise ReaderError(path, "is no log")

    spans = spans_of(folder, Reader())
    for _ in range(3):
        assert spans.paths(DAY) == []
    assert len(asked) == 3


def test_files_that_are_gone_are_forgotten(folder: Path) -> None:
    """Of a folder whose logger deletes what is old, a board that runs for weeks does not remember every name."""

    class Reader(NmeaLog):
        def files(self, named: Any) -> list[Path]:
            return [Path(path) for path in named]

        def span(self, path: Any) -> tuple[np.datetime64, np.datetime64]:
            return DAY.start, DAY.start

    spans = spans_of(folder, Reader())
    for number in range(3, 40):
        (folder / f"{number}.log").write_text(LINE.format(1))
        (folder / f"{number - 3}.log").unlink()
        assert len(spans.paths(DAY)) == 3
    assert sum(len(dated.names) for dated in spans._folders.values()) == 3
