"""What a cursor says of a folder's files: little, JSON, and a mapping like any other."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.folder_marks import FolderMarks

NAMES = st.one_of(
    st.from_regex(r"2025-01-14T0[0-9]-[0-5]0-00\+00-00", fullmatch=True),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
    st.binary(min_size=1, max_size=4).map(lambda raw: raw.translate(None, b"/\0").decode("utf-8", "surrogateescape")),
)
MARK = st.lists(st.integers(-3, 2**63), min_size=1, max_size=6)


@given(st.lists(st.dictionaries(NAMES, st.one_of(MARK, st.none()), max_size=9), max_size=4))
def test_marks_are_a_mapping_whatever_is_put_into_it(steps):
    plain, marks = {}, FolderMarks()
    for changes in steps:
        marks = marks.with_marks(changes)
        plain = {name: mark for name, mark in {**plain, **changes}.items() if mark is not None}
        assert dict(marks) == plain
        assert marks.columns(0) == [[plain[name][0] for name in marks]]
        assert list(marks) == sorted(plain) == list(map(marks.name, marks.places())) and len(marks) == len(plain)
        assert dict(FolderMarks(json.loads(json.dumps(marks.packed)))) == plain
        assert all(name in marks for name in plain)
    assert marks.packed == FolderMarks().with_marks(plain).packed, "equal marks are packed alike, however they came"


@given(st.dictionaries(NAMES, MARK, min_size=1), NAMES)
def test_a_name_that_is_not_there_has_no_mark(plain, name):
    marks = FolderMarks().with_marks(plain)
    for other in (name, "", *(f"{known}x" for known in plain), *(known[:-1] for known in plain)):
        assert (other in marks) == (other in plain)
        assert marks.get(other) == plain.get(other)


@pytest.mark.parametrize("odd", ["", "x" * 255, "水" * 80], ids=["", "long", "another alphabet"])
def test_a_file_takes_little_whatever_another_one_is_called(odd):
    names = [f"2025-01-14T{i // 20:02}-{i % 20 * 3:02}-00+00-00" for i in range(480)]
    marks = FolderMarks().with_marks({name: [4_800_000 + i, 10**18 + i, 4_800_000 + i] for i, name in enumerate(names)})
    marks = marks.with_marks({odd: [1, 10**18, 1]} if odd else {})
    assert len(json.dumps(marks.packed)) < 65 * len(names)
    assert sys.getsizeof(marks.packed[2]) < 60 * len(names)
