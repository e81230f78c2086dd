"""What is new since a cursor: told once, whole, and cheaply."""

from __future__ import annotations

import gc
import gzip
import json
import os
import weakref

import numpy as np
import pytest

from tests.catalog import small
from workbench.catalog import growth, marks, pieces
from workbench.catalog.derived_state import State
from workbench.catalog.folder_marks import FolderMarks
from workbench.catalog.source import Source
from workbench.catalog.tree import Folder
from workbench.core import clock
from workbench.core.errors import WorkbenchError


class Follower:
    """Someone who follows a Source."""

    def __init__(self, source):
        self.source = source
        self.cursor = None
        self.attrs = {}

    def __call__(self):
        """New rows as (second, number) pairs."""
        ds, self.cursor = self.source.changed(self.cursor)
        self.attrs = ds.attrs
        if not ds.sizes.get("time"):
            return []
        return [
            (int(t), float(n))
            for t, n in zip(ds["time"].values.astype("M8[s]").astype(int), ds["number"].values, strict=True)
        ]

    def refused(self):
        return self.attrs["refused"].splitlines()

    def replaces(self):
        return self.attrs["replaces"].splitlines()


@pytest.fixture
def wall(monkeypatch):
    """The machine's time stands where files are written now; add to wall[0] to let it pass."""
    real, ahead = clock.wall, [0.0]
    monkeypatch.setattr(clock, "wall", lambda: real() + ahead[0])
    return ahead


@pytest.fixture
def boxes(tmp_path):
    return Follower(Source("small_boxes", str(tmp_path)).named("boxes"))


@pytest.fixture
def lines(tmp_path):
    return Follower(Source("small_lines", str(tmp_path)).named("lines"))


def test_rows_come_once(boxes, tmp_path):
    small.box(tmp_path / "a.box", ["1 a 1\n", "2 a 2\n"])
    assert boxes() == [(1, 1.0), (2, 2.0)]
    assert boxes() == []
    small.box(tmp_path / "b.box", ["3 b 3\n"])
    assert boxes() == [(3, 3.0)]
    assert boxes() == []


def test_half_a_box_waits_until_it_is_whole(boxes, tmp_path, wall):
    small.box(tmp_path / "a.box", ["1 a 1\n"], claimed=2)
    assert boxes() == []
    wall[0] = marks.PATIENCE - 5
    assert boxes() == []
    assert boxes.refused() == []
    small.box(tmp_path / "a.box", ["1 a 1\n", "2 a 2\n"])
    assert boxes() == [(1, 1.0), (2, 2.0)]
    assert boxes.replaces() == []


def test_half_a_box_that_stays_half_is_told_once(boxes, tmp_path, wall):
    small.box(tmp_path / "a.box", ["1 a 1\n"], claimed=2)
    boxes()
    wall[0] = marks.PATIENCE + 1
    assert boxes() == []
    assert boxes.refused() == [f"{tmp_path}/a.box: not as many lines as it says (expected 2, found 1)"]
    assert (boxes(), boxes.refused()) == ([], [])
    small.box(tmp_path / "a.box", ["1 a 1\n", "2 a 2\n"])
    assert boxes() == [(1, 1.0), (2, 2.0)]
    assert boxes.replaces() == []


def test_an_old_broken_box_is_told_at_once(boxes, tmp_path):
    small.box(tmp_path / "a.box", ["1 a 1\n"], claimed=2)
    small.box(tmp_path / "b.box", ["1 b 1\n"])
    for path in tmp_path.iterdir():
        os.utime(path, (1e9, 1e9))
    assert boxes() == [(1, 1.0)]
    assert len(boxes.refused()) == 1
    assert (boxes(), boxes.refused()) == ([], [])
    os.utime(tmp_path / "a.box", (1.1e9, 1.1e9))
    boxes()
    assert boxes.refused() == []  # it may be being written: it is waited for


def test_one_broken_box_alone_is_told_too(boxes, tmp_path):
    small.box(tmp_path / "a.box", ["1 a 1\n"], claimed=2)
    os.utime(tmp_path / "a.box", (1e9, 1e9))
    assert boxes() == []
    assert len(boxes.refused()) == 1
    assert (boxes(), boxes.refused()) == ([], [])


def test_a_rewritten_box_comes_again_and_says_so(boxes, tmp_path):
    small.box(tmp_path / "a.box", ["1 a 1\n"])
    small.box(tmp_path / "b.box", ["2 b 2\n"])
    boxes()
    small.box(tmp_path / "a.box", ["1 a 5\n", "2 a 6\n"])
    assert boxes() == [(1, 5.0), (2, 6.0)]
    assert boxes.replaces() == [f"{tmp_path}/a.box"]
    assert (boxes(), boxes.replaces()) == ([], [])


def test_a_box_being_rewritten_keeps_its_rows_until_the_new_ones_are_whole(boxes, tmp_path, wall):
    small.box(tmp_path / "a.box", ["1 a 1\n"])
    boxes()
    small.box(tmp_path / "a.box", ["1 a 5\n"], claimed=2)
    assert (boxes(), boxes.replaces()) == ([], [])
    small.box(tmp_path / "a.box", ["1 a 5\n", "2 a 6\n"])
    assert boxes() == [(1, 5.0), (2, 6.0)]
    assert boxes.replaces() == [f"{tmp_path}/a.box"]
    small.box(tmp_path / "a.box", ["1 a 5\n"], claimed=7)
    assert (boxes(), boxes.replaces()) == ([], [])
    wall[0] = marks.PATIENCE + 1
    assert (boxes(), boxes.replaces(), len(boxes.refused())) == ([], [f"{tmp_path}/a.box"], 1)


def test_a_box_that_goes_takes_nothing_with_it_and_comes_back_quietly(boxes, tmp_path):
    small.box(tmp_path / "d" / "a.box", ["1 a 1\n"])
    boxes()
    (tmp_path / "d").rename(tmp_path / ".away")
    assert boxes() == []
    (tmp_path / ".away").rename(tmp_path / "d")
    assert boxes() == []


def test_a_box_compressed_under_its_name_replaces_itself(boxes, tmp_path):
    small.box(tmp_path / "a.box", ["1 a 1\n"])
    boxes()
    (tmp_path / "a.box.gz").write_bytes(gzip.compress((tmp_path / "a.box").read_bytes()))
    assert (boxes(), boxes.replaces()) == ([], [])
    (tmp_path / "a.box").unlink()
    assert (boxes(), boxes.replaces()) == ([(1, 1.0)], [f"{tmp_path}/a.box"])
    assert (boxes(), boxes.replaces()) == ([], [])


def test_new_lines_come_as_they_are_ended(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n2 a")
    assert lines() == [(1, 1.0)]
    with path.open("a") as file:
        file.write(" 2\n3 a 3\n4")
    assert lines() == [(2, 2.0), (3, 3.0)]
    assert lines() == []
    assert lines.replaces() == []


def test_only_the_new_bytes_are_read(lines, tmp_path, monkeypatch):
    path = tmp_path / "a.lines"
    path.write_text("".join(f"{i} a 1\n" for i in range(1000)))
    lines()
    begun = []
    read = small.Lines.rows_from

    def spy(self, path, offset, **options):
        begun.append(offset)
        return read(self, path, offset, **options)

    monkeypatch.setattr(small.Lines, "rows_from", spy)
    size = path.stat().st_size
    with path.open("a") as file:
        file.write("1000 a 1\n")
    assert lines() == [(1000, 1.0)]
    assert begun == [size]


def test_a_shorter_file_comes_again(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n2 a 2\n")
    lines()
    path.write_text("3 a 3\n")
    assert (lines(), lines.replaces()) == ([(3, 3.0)], [str(path)])


def test_a_longer_file_written_in_its_place_comes_again(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n2 a 2\n")
    lines()
    path.write_text("3 a 3\n4 a 4\n5 a 5\n")
    assert (lines(), lines.replaces()) == ([(3, 3.0), (4, 4.0), (5, 5.0)], [str(path)])


def test_a_replaced_file_that_begins_the_same_goes_on(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n" * 50)
    lines()
    (tmp_path / "new").write_text("1 a 1\n" * 50 + "2 a 2\n")
    (tmp_path / "new").replace(path)
    assert (lines(), lines.replaces()) == ([(2, 2.0)], [])


def test_a_replaced_file_with_another_middle_comes_again(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n" * 50)
    lines()
    (tmp_path / "new").write_text("1 a 1\n" * 25 + "1 a 9\n" + "1 a 1\n" * 24 + "2 a 2\n")
    (tmp_path / "new").replace(path)
    assert (len(lines()), lines.replaces()) == (51, [str(path)])


def test_a_touched_file_gives_nothing(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n")
    lines()
    os.utime(path, (2e9, 2e9))
    assert (lines(), lines.replaces()) == ([], [])


def test_a_broken_line_file_is_told_once_and_tried_again(lines, tmp_path):
    path = tmp_path / "a.lines"
    path.write_text("1 a\n")
    assert (lines(), lines.refused()) == ([], [f"{path}: a line has not three words"])
    assert (lines(), lines.refused()) == ([], [])
    path.write_text("1 a 1\n")
    assert (lines(), lines.replaces()) == ([(1, 1.0)], [])


def test_a_disk_that_fails_for_a_while_takes_no_rows_away(lines, tmp_path, monkeypatch):
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n")
    assert lines() == [(1, 1.0)]
    with path.open("a") as file:
        file.write("2 a 2\n")
    read = small.read
    monkeypatch.setattr(
        small, "open", lambda *a, **k: (_ for _ in ()).throw(OSError(5, "Input/output error")), raising=False
    )
    assert lines() == []
    assert "Input/output error" in lines.refused()[0]
    assert lines.replaces() == []
    monkeypatch.undo()
    assert small.read is read
    assert (lines(), lines.replaces()) == ([(2, 2.0)], [])


@pytest.mark.parametrize("kind", ["lines", "boxes"])
def test_a_new_file_on_a_disk_that_fails_for_a_while_is_read_later(kind, lines, boxes, tmp_path, monkeypatch, wall):
    """Too many open files, a share that does not answer: nothing changes the file afterwards, and its rows come."""
    follow, path, text = {"lines": (lines, "a.lines", "1 a 1\n"), "boxes": (boxes, "a.box", "1\n1 a 1\n")}[kind]
    assert follow() == []
    (tmp_path / path).write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(
            small, "open", lambda *a, **k: (_ for _ in ()).throw(OSError(5, "Input/output error")), raising=False
        )
        told = []
        for _ in range(4):
            assert follow() == []
            told += follow.refused()
            wall[0] += marks.PATIENCE + 1
    assert len(told) == 1 and "Input/output error" in told[0], "told once"
    assert (follow(), follow.refused()) == ([(1, 1.0)], [])
    assert (follow(), follow.refused()) == ([], [])


def test_an_empty_file_is_no_fault(lines, tmp_path, wall):
    (tmp_path / "a.lines").touch()
    assert lines() == []
    wall[0] = marks.PATIENCE + 1
    assert (lines(), lines.refused()) == ([], [])
    (tmp_path / "a.lines").write_text("1 a 1\n")
    assert lines() == [(1, 1.0)]


def test_one_look_reads_so_much_and_says_how_many_files_are_left(lines, tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "MOST", 20)
    for i in range(6):
        (tmp_path / f"{i}.lines").write_text(f"{i} a 1\n{i} a 2\n")
    seen = lines()
    assert lines.attrs["more"] > 0
    while lines.attrs["more"]:
        seen += lines()
    assert len(seen) == 12
    assert lines() == []


def test_a_reader_that_cannot_go_on_gives_the_whole_file_again(lines, tmp_path, monkeypatch):
    from workbench.readers.reader import Reader

    monkeypatch.setattr(small.Lines, "rows_from", Reader.rows_from)
    path = tmp_path / "a.lines"
    path.write_text("1 a 1\n")
    assert lines() == [(1, 1.0)]
    with path.open("a") as file:
        file.write("2 a 2\n")
    assert (lines(), lines.replaces()) == ([(1, 1.0), (2, 2.0)], [str(path)])


def test_the_cursor_is_json_and_small(boxes, tmp_path):
    for i in range(300):
        small.box(tmp_path / f"{i:03d}" / f"{i}.box", [f"{i} a 1\n"])
    boxes()
    text = json.dumps(boxes.cursor)
    assert len(text) < 300 * 150
    boxes.cursor = json.loads(text)
    assert boxes() == []
    first = boxes.cursor
    boxes()
    assert boxes.cursor is first


def test_a_cursor_of_another_version_is_refused(boxes):
    with pytest.raises(WorkbenchError, match="another version"):
        boxes.source.changed({"version": 99})


def test_of_many_files_only_some_are_looked_at_but_every_one_in_its_turn(boxes, tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "FEW", 10)
    monkeypatch.setattr(marks, "NEWEST", 5)
    for i in range(200):
        small.box(tmp_path / f"{i:03d}.box", [f"{i} a 1\n"])
        os.utime(tmp_path / f"{i:03d}.box", (1e9 + i, 1e9 + i))
    assert len(boxes()) == 200
    asked = []
    real = os.stat

    def stat(path, *args, **kwargs):
        asked.append(os.fspath(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(growth.os, "stat", stat)
    boxes()
    assert len([path for path in asked if path.endswith(".box")]) <= 5 + 200 // marks.ROUND + 1
    monkeypatch.undo()
    monkeypatch.setattr(marks, "FEW", 10)
    monkeypatch.setattr(marks, "NEWEST", 5)
    small.box(tmp_path / "050.box", ["50 a 2\n"])
    os.utime(tmp_path / "050.box", (1e9, 1e9 + 0.5))
    other = Follower(boxes.source)
    other.cursor = boxes.cursor
    came = [(boxes(), other()) for _ in range(marks.ROUND)]
    for who in range(2):
        assert [rows[who] for rows in came if rows[who]] == [[(50, 2.0)]], "each of those who look in turns"
    small.box(tmp_path / "198.box", ["198 a 2\n"])
    os.utime(tmp_path / "198.box", (1e9 + 198.5, 1e9 + 198.5))
    assert boxes() == [(198, 2.0)], "the newest ones each time"


def test_a_time_of_a_far_year_is_a_time(boxes, tmp_path):
    small.box(tmp_path / "1.box", ["1 a 1\n"])
    os.utime(tmp_path / "1.box", ns=(10**19, 10**19))
    assert boxes() == [(1, 1.0)]
    small.box(tmp_path / "2.box", ["2 a 1\n"])
    assert boxes() == [(2, 1.0)]
    assert len(boxes.source.files()) == 2


def test_a_product_of_a_folder_whose_name_is_no_text(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    os.mkdir(folder)
    small.box(tmp_path / folder / "1.box", ["1 a 1\n"])
    cursor = Source("small_boxes", str(tmp_path)).named("boxes").changed(None)[1]
    assert State().of({"boxes": cursor}) != State().of({})


def test_pieces_with_different_variables_are_put_together(tmp_path):
    import xarray as xr

    from workbench.core.variables import MISSING

    time = np.array(["2020-01-01"], "M8[ns]")
    full = xr.Dataset(
        {"a": ("time", [1.0]), "a_qc": ("time", np.array([1], np.int8)), "s": ("time", ["x"]), "t": ("time", time)},
        {"time": time}, {"rows": 1, "bad": "one: 1"},
    )  # fmt: skip
    bare = xr.Dataset({"b": ("time", [2.0])}, {"time": time}, {"rows": 2, "bad": ""})
    both = pieces.end_to_end([full, bare])
    assert both["a_qc"].values.tolist() == [1, MISSING]
    assert both["a_qc"].dtype == np.int8
    assert both["s"].values.tolist() == ["x", ""]
    assert np.isnat(both["t"].values[1])
    assert np.isnan(both["a"].values[1])
    assert both["b"].values[1] == 2.0
    assert both.attrs["rows"] == 3
    assert both.attrs["bad"] == "one: 1"


def test_text_that_one_file_lacks_is_missing_as_it_is_when_all_is_opened(tmp_path):
    """Not NaN among texts: what people search and draw is text, and missing text is none."""
    for name, column, kind, cell in (("a", "note", "text", "hello"), ("b", "depth", "integer", "5")):
        head = ["t", "p", "d", "NA\tNA", f"time\t{kind}", "NA\tNA", f"time\t{column}"]
        row = f"2024-01-01T00:0{'ab'.index(name)}:00Z\t{cell}"
        (tmp_path / f"{name}.tsdata").write_text("\n".join([*head, row]) + "\n")
    source = Source(reader="tsdata", url=str(tmp_path))
    new, _ = source.changed()
    assert new["note"].values.tolist() == source.open()["note"].values.tolist() == ["hello", ""]


def test_of_a_folder_that_is_gone_no_look_keeps_anything():
    """Of many files the newest are told by their marks; these are let go of with their folder."""
    names = tuple(f"{i:04}.x" for i in range(marks.FEW))
    folders = {path: Folder(stamp, names, ()) for stamp, path in enumerate(("/one", "/two"), 1)}
    seen = {path: _Packed(FolderMarks().with_marks({name: [1, 2, 1] for name in names}).packed) for path in folders}
    kept, look = {path: weakref.ref(packed) for path, packed in seen.items()}, marks.Look()
    assert {path for path, _ in look.due(folders, seen)} == {*folders}
    del folders["/one"], seen["/one"]
    assert {path for path, _ in look.due(folders, dict(seen))} == {"/two"}
    gc.collect()
    assert [path for path, packed in kept.items() if packed() is not None] == ["/two"]


class _Packed(list):
    """Marks of which one can see whether they are kept."""
