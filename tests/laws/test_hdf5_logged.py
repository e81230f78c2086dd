"""The law of HDF5 that is being written: whatever becomes of files and loggers, what is read is what was flushed.

Loggers in other processes make files in SWMR mode, append with and without flushing, close them, are killed idle or in the
middle of it, begin again; files arrive from another machine by copies, whole or broken off. Each look, through
`Source.changed` with nothing but the cursor and through `open`, finds of each file its first rows, each once: none fewer than
were flushed, none that was never written, no zeros in their place. A file may be refused while it is half; when the copy is
mended all its rows are there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.readers.hdf5_loggers import NAMES, Logger, Loggers
from workbench.catalog.marks import PATIENCE
from workbench.catalog.source import Source
from workbench.core import clock
from workbench.core.errors import ReaderError
from workbench.readers import hdf5_superblock

T0, SECOND = np.datetime64("2024-01-01", "ns"), np.timedelta64(1, "s")
names = st.sampled_from(["a", "deep/b", "far/c"])
counts = st.one_of(st.integers(1, 9), st.sampled_from([60, 300]))
styles = st.fixed_dictionaries(
    {
        "chunk": st.sampled_from([1, 4, 16]),
        "last": st.booleans(),
        "kept": st.booleans(),
        "ahead": st.sampled_from([0, 0, 5]),
    }
)
told: Counter[str] = Counter()


@dataclass
class File:
    """What is known of one file: who made it, and how many rows it may hold.

    Attributes
    ----------
    least, most : int
        Rows that were flushed, rows that were written.
    half : bool
        A part of a copy: it may have fewer, or be refused.
    """

    who: int
    style: dict[str, Any]
    least: int = 0
    most: int = 0
    half: bool = False
    logger: Logger | None = None
    killed: bool = False


def rows(ds: xr.Dataset) -> dict[int, list[int]]:
    """Row numbers by who wrote them; every value of a row is what was written."""
    if not ds.sizes.get("time"):
        return {}
    made = {name: ds[name].to_numpy() for name in (*NAMES, "time")}
    number = made["number"].astype(int)
    assert (number > 0).all() and (made["who"] > 0).all(), "rows that nobody wrote"
    np.testing.assert_array_equal(made["counts"], number)
    np.testing.assert_array_equal(made["spectrum"], number[:, None] + [0, 1])
    np.testing.assert_array_equal(made["time"], T0 + (number + 3600 * made["who"].astype(int)) * SECOND)
    out: dict[int, list[int]] = {}
    for who, each in zip(made["who"].astype(int).tolist(), number.tolist(), strict=True):
        out.setdefault(who, []).append(each)
    return out


class Logged(RuleBasedStateMachine):
    """Loggers write, a network copies, somebody reads."""

    loggers: ClassVar[Loggers]

    @initialize(style=styles, other=styles)
    def begin(self, style: dict[str, Any], other: dict[str, Any]) -> None:
        self.folder = Path(tempfile.mkdtemp())
        for each in ("in/deep", "in/far", "elsewhere/far"):
            (self.folder / each).mkdir(parents=True)
        self.files: dict[str, File] = {}  # where loggers write
        self.copies: dict[str, File] = {}  # those of elsewhere, as they arrived
        self.seen: dict[Path, list[int]] = {}
        self.refused: dict[Path, str] = {}
        self.cursor: Any = None
        self.count = 0
        self.another_process()
        self.create("a", style, 3)
        self.create("far/c", other, 3)
        told["runs"] += 1

    # where things are

    def place(self, name: str) -> Path:
        """Where it is written."""
        return self.folder / ("elsewhere" if name.startswith("far/") else "in") / f"{name}.h5"

    def read(self) -> dict[Path, File]:
        """The files that are followed."""
        near = {name: file for name, file in self.files.items() if not name.startswith("far/")}
        return {self.folder / "in" / f"{name}.h5": file for name, file in {**near, **self.copies}.items()}

    # loggers

    @rule(name=names, style=styles, count=st.integers(0, 6))
    def create(self, name: str, style: dict[str, Any], count: int) -> None:
        """A new file, in the place of one that is no longer written."""
        if (old := self.files.get(name)) is not None and old.logger is not None:
            return
        self.count += 1
        style["last"] |= bool(style["ahead"])  # rows made ahead are told by their time, which is written last
        file = self.files[name] = File(self.count, style, logger=self.loggers.start())
        file.logger.do(make=str(self.place(name)), who=file.who, style=style)
        if count:
            self.append(name, count, "all")

    def logger(self, name: str) -> tuple[File, Logger] | None:
        file = self.files.get(name)
        return None if file is None or file.logger is None else (file, file.logger)

    @rule(name=names, count=counts, flush=st.sampled_from(["all", "each", "each", "none", 1, 2, 4]))
    def append(self, name: str, count: int, flush: Any) -> None:
        if found := self.logger(name):
            file, logger = found
            logger.do(append=count, flush=flush)
            file.most += count
            file.least = file.most if flush in ("all", "each") else file.least
            told["appends"] += 1

    @rule(name=names)
    def flush(self, name: str) -> None:
        if found := self.logger(name):
            file, logger = found
            logger.do()
            file.least = file.most

    @rule(name=names, count=st.integers(1, 400))
    def append_while_looking(self, name: str, count: int) -> None:
        if found := self.logger(name):
            file, logger = found
            logger.tell(append=count)
            file.most += count
            self.look()
            self.check_open()
            logger.heard()
            file.least = file.most
            told["looks while writing"] += 1

    @rule(name=names)
    def close(self, name: str) -> None:
        if found := self.logger(name):
            file, logger = found
            logger.close()
            file.logger, file.least = None, file.most

    @rule(name=names, count=st.integers(0, 400))
    def kill(self, name: str, count: int) -> None:
        """Idle, or in the middle of writing so many rows."""
        if found := self.logger(name):
            file, logger = found
            if count:
                logger.tell(append=count)
                file.most += count
            logger.kill()
            file.logger, file.killed = None, True
            told["kills"] += 1

    @rule(name=names)
    def go_on(self, name: str) -> None:
        """A logger opens a file that another one left, in the state in which we read it."""
        file = self.files.get(name)
        if file is None or file.logger is not None:
            return
        path = self.place(name)
        there = rows(xr.open_dataset(path, engine="hdf5")).get(file.who, [])
        assert there == [*range(1, len(there) + 1)] and file.least <= len(there) <= file.most
        if file.killed:
            _mend(path)
        file.logger = self.loggers.start()
        file.logger.do(open=str(path), rows=len(there), who=file.who, style=file.style)
        file.least = file.most = len(there)
        file.killed = False
        told["begun again"] += 1

    # the network

    @rule(part=st.integers(40, 99), inplace=st.booleans(), whole=st.booleans())
    def written_and_copied(self, part: int, inplace: bool, whole: bool) -> None:
        """A long copy is looked at before anything else happens."""
        self.append("far/c", 300, "each")
        self.arrive("far/c", part, inplace, whole)
        self.look()
        self.check_open()

    @rule(name=names, part=st.integers(0, 99), inplace=st.booleans(), whole=st.booleans())
    def arrive(self, name: str, part: int, inplace: bool, whole: bool) -> None:
        """A copy from elsewhere, over the one before or moved into its place; perhaps broken off."""
        file = self.files.get(name)
        if file is None or not name.startswith("far/"):
            return
        raw = self.place(name).read_bytes()
        raw = raw if whole else raw[: part * len(raw) // 100]
        target = self.folder / "in" / f"{name}.h5"
        if inplace:
            target.write_bytes(raw)
        else:
            temp = target.with_suffix(".part")
            temp.write_bytes(raw)
            temp.replace(target)
        half = not whole
        self.refused.pop(target, None)  # that was told of the copy before
        self.copies[name] = File(file.who, file.style, 0 if half else file.least, file.most, half)
        told["half copies" if half else "whole copies"] += 1

    # the reader

    @rule()
    def another_process(self) -> None:
        """The cursor is all that is needed to go on."""
        self.source = Source("hdf5", str(self.folder / "in")).named("logged")

    @rule()
    def look(self) -> None:
        ds, self.cursor = self.source.changed(json.loads(json.dumps(self.cursor)))
        whose = {file.who: path for path, file in self.read().items()}
        refused = _refused(ds)
        for path in map(Path, ds.attrs["replaces"].splitlines()):
            self.seen.pop(path, None)
        self.refused |= refused
        for who, numbers in rows(ds).items():
            self.seen.setdefault(whose[who], []).extend(numbers)
            self.refused.pop(whose[who], None)
        for path, file in self.read().items():
            self.check(path, file, self.seen.get(path, []), self.refused.get(path, ""))
        told["looks"] += 1
        told["refusals"] += len(refused)

    @rule()
    def look_later(self) -> None:
        """What is half for so long is told as refused, and takes its earlier rows along."""
        real = clock.wall
        clock.wall = lambda: real() + 2 * PATIENCE
        try:
            self.look()
        finally:
            clock.wall = real

    @rule()
    def check_open(self) -> None:
        """All at once; lazily opened, a half copy may be refused when its rows are read."""
        ds = self.source.open()
        refused = _refused(ds)
        try:
            found = rows(ds.load())
        except ReaderError as error:
            if not any(file.half and str(path) in str(error) for path, file in self.read().items()):
                raise
            told["half copies refused when read"] += 1
            return
        for path, file in self.read().items():
            self.check(path, file, found.get(file.who, []), refused.get(path, ""))

    def check(self, path: Path, file: File, numbers: list[int], refused: str) -> None:
        assert numbers == [*range(1, len(numbers) + 1)], f"{path.name}: not the first rows, each once"
        assert len(numbers) <= file.most, f"{path.name}: rows that nobody wrote"
        if file.half:
            told["looks at a half copy with rows"] += bool(numbers)
        else:
            assert not refused, refused
            assert len(numbers) >= file.least, f"{path.name}: rows that were flushed are lost"

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.mended()
        finally:
            for file in self.files.values():
                if file.logger is not None:
                    file.logger.kill()
            shutil.rmtree(self.folder)

    def mended(self) -> None:
        """Loggers have closed, copies are whole: all is there, by steps as at once."""
        for name in self.files:
            self.close(name)
            self.arrive(name, 0, True, True)
        self.look()
        self.look_later()
        self.check_open()
        files, there = self.read(), rows(self.source.open().load())
        assert {files[path].who: numbers for path, numbers in self.seen.items() if numbers} == there
        ds, after = self.source.changed(self.cursor)
        assert not ds.sizes.get("time") and after is self.cursor
        told["rows"] += sum(map(len, there.values()))


def _refused(ds: xr.Dataset) -> dict[Path, str]:
    """What is said of each file that is refused."""
    return {Path(line.partition(": ")[0]): line for line in ds.attrs.get("refused", "").splitlines()}


def _mend(path: Path) -> None:
    """What `h5clear` does to a file whose writer was killed."""
    block = hdf5_superblock.find(path)
    assert block is not None
    raw = bytearray(path.read_bytes())
    raw[block.at : block.at + len(block.raw)] = hdf5_superblock.closed(block, len(raw))
    path.write_bytes(raw)


def _run(folder: Path, examples: int, steps: int) -> None:
    told.clear()
    with Loggers(folder) as loggers:
        Logged.loggers = loggers
        machine = Logged.TestCase
        machine.settings = settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        )
        machine("runTest").runTest()
    print(", ".join(f"{n:,} {what}" for what, n in told.items()))


def test_what_is_read_is_what_was_flushed(tmp_path: Path) -> None:
    _run(tmp_path, 8, 20)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_read_is_what_was_flushed_many_times(tmp_path: Path) -> None:
    _run(tmp_path, 60, 30)
