"""The law of changes: `changed()` in any steps adds up to `open()`, whatever happens to the files in between."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from pathlib import Path

import xarray as xr
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.catalog import small
from workbench.catalog import marks
from workbench.catalog.marks import PATIENCE
from workbench.catalog.source import Source
from workbench.core import clock, plugins

names = st.sampled_from(["a", "b", "deep/c"])
counts = st.integers(0, 3)
Row = tuple[str, str, float]


def rows(ds: xr.Dataset) -> list[Row]:
    """The rows of a dataset as comparable values."""
    if not ds.sizes.get("time"):
        return []
    return [
        (str(t), str(n), float(x))
        for t, n, x in zip(ds["time"].values, ds["name"].values, ds["number"].values, strict=True)
    ]


class Files(RuleBasedStateMachine):
    """Someone writes, appends, rewrites, replaces and compresses files while someone else follows them."""

    kind = "small_lines"
    looks = marks.FEW, marks.NEWEST, marks.ROUND

    @initialize()
    def begin(self) -> None:
        marks.FEW, marks.NEWEST, marks.ROUND = self.looks
        self.folder = Path(tempfile.mkdtemp())
        known = plugins._registered("xarray.backends")
        known["small_lines"], known["small_boxes"] = small.Point(small.Lines), small.Point(small.Boxes)  # type: ignore[assignment]
        self.source = Source(self.kind, str(self.folder)).named("followed")
        self.cursor: dict | None = None
        self.seen: list[Row] = []
        self.second = 0
        self.tick = 0
        self.rest: dict[str, str] = {}

    def lines(self, name: str, count: int) -> list[str]:
        made = []
        for _ in range(count):
            self.second += 1
            made.append(small.line(self.second, name.replace("/", "."), self.second % 7))
        return made

    def touch(self, path: Path) -> None:
        """Time stamps as far apart as those of people."""
        self.tick += 1
        os.utime(path, ns=(10**18 + self.tick * 10**9,) * 2)

    @rule()
    def look(self) -> None:
        cursor = json.loads(json.dumps(self.cursor)) if self.cursor is not None else None
        before = json.dumps(cursor)
        ds, self.cursor = self.source.changed(cursor)
        assert json.dumps(cursor) == before, "the cursor that was given is left as it was"
        for path in ds.attrs["replaces"].splitlines():
            tag = os.path.relpath(path, self.folder).replace("/", ".").removesuffix(".gz").rsplit(".", 1)[0]
            self.seen = [row for row in self.seen if row[1] != tag]
        self.seen += rows(ds)

    @rule()
    def another_process(self) -> None:
        """The cursor is all that is needed to go on."""
        self.source = Source(self.kind, str(self.folder)).named("followed")

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        turns = range(marks.ROUND if self.looks != Files.looks else 1)
        for _ in turns:
            self.look()
        real = clock.wall
        clock.wall = lambda: real() + 2 * PATIENCE  # what is half is told as refused, and takes its earlier rows along
        try:
            for _ in turns:
                self.look()
        finally:
            clock.wall = real
            marks.FEW, marks.NEWEST, marks.ROUND = Files.looks
        assert sorted(self.seen) == sorted(rows(self.source.open()))
        ds, after = self.source.changed(self.cursor)
        assert not rows(ds)
        assert after is self.cursor
        shutil.rmtree(self.folder)


class GrowingFiles(Files):
    """Files of lines."""

    kind = "small_lines"

    def path(self, name: str) -> Path:
        path = self.folder / f"{name}.lines"
        path.parent.mkdir(exist_ok=True)
        return path

    @rule(name=names, count=counts, half=st.booleans())
    def append(self, name: str, count: int, half: bool) -> None:
        text = self.rest.pop(name, "") + "".join(self.lines(name, count + half))
        cut = len(text) - 3 if half else len(text)
        with self.path(name).open("a") as file:
            file.write(text[:cut])
        self.rest[name] = text[cut:]
        self.touch(self.path(name))

    @rule(name=names, count=counts)
    def rewrite(self, name: str, count: int) -> None:
        self.rest.pop(name, None)
        self.path(name).write_text("".join(self.lines(name, count)))
        self.touch(self.path(name))

    @rule(name=names, count=counts, keep=st.booleans())
    def replace(self, name: str, count: int, keep: bool) -> None:
        self.rest.pop(name, None)
        path = self.path(name)
        old = path.read_text() if keep and path.exists() else ""
        old = old[: old.rfind("\n") + 1]
        temp = path.with_suffix(".temp")
        temp.write_text(old + "".join(self.lines(name, count)))
        self.touch(temp)
        temp.replace(path)

    @rule(name=names)
    def touched(self, name: str) -> None:
        if self.path(name).exists():
            self.touch(self.path(name))

    @rule(name=names)
    def edit(self, name: str) -> None:
        """One number in the middle, with no change of size."""
        path = self.path(name)
        if path.exists() and (lines := path.read_text().splitlines(keepends=True)) and lines[0].endswith("\n"):
            second, tag, number = lines[0].split()
            path.write_text("".join([small.line(int(second), tag, (int(number) + 1) % 10), *lines[1:]]))
            self.touch(path)


class WholeFiles(Files):
    """Boxes, plain and compressed."""

    kind = "small_boxes"

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.box"

    @rule(name=names, count=counts)
    def put(self, name: str, count: int) -> None:
        if self.path(name).with_name(self.path(name).name + ".gz").exists():
            return
        small.box(self.path(name), self.lines(name, count))
        self.touch(self.path(name))

    @rule(name=names, count=counts)
    def put_half(self, name: str, count: int) -> None:
        if self.path(name).with_name(self.path(name).name + ".gz").exists():
            return
        small.box(self.path(name), self.lines(name, count), claimed=count + 1)
        self.touch(self.path(name))

    @rule(name=names)
    def compress(self, name: str) -> None:
        path = self.path(name)
        if path.exists():
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            self.touch(packed)
            path.unlink()

    @rule(name=names)
    def compress_and_keep(self, name: str) -> None:
        path = self.path(name)
        if path.exists():
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            self.touch(packed)

    @rule(name=names)
    def remove_what_was_compressed(self, name: str) -> None:
        path = self.path(name)
        if path.with_name(path.name + ".gz").exists():
            path.unlink(missing_ok=True)


class SomeOfGrowingFiles(GrowingFiles):
    """As of so many files that only the newest one and every third are looked at."""

    looks = 1, 1, 3


class SomeOfWholeFiles(WholeFiles):
    """As of so many files that only the newest one and every third are looked at."""

    looks = 1, 1, 3


LAWS = GrowingFiles, WholeFiles, SomeOfGrowingFiles, SomeOfWholeFiles
TestGrowingFiles, TestWholeFiles, TestSomeOfGrowingFiles, TestSomeOfWholeFiles = (law.TestCase for law in LAWS)
for law in LAWS:
    law.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
