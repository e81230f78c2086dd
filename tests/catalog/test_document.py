"""A YAML file becomes plain values with lines, or mistakes; nothing runs, nothing explodes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog import document

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "c.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return document.read(path)

    return write


@given(values=plain)
def test_plain_values_come_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("document") / "c.yaml"
    path.write_text(yaml.safe_dump({"k": values}), encoding="utf-8")
    doc = document.read(path)
    assert not doc.problems
    assert doc.values == {"k": values}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("document") / "c.yaml"
    path.write_bytes(raw)
    doc = document.read(path)
    assert doc.values is not None or doc.problems or not raw.strip() or yaml.safe_load(raw) is None


def test_every_key_and_item_has_its_line(file):
    doc = file("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n")
    assert doc.lines == {
        ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5, ("a", "c", 1, "d"): 5,
    }  # fmt: skip
    assert doc.line(("a", "c", 1, "missing", "deeper")) == 5


def test_dates_become_text_in_utc(file):
    doc = file("a: 2023-01-12\nb: 2023-01-12T10:00:00+02:00\nc: 2023-01-12 10:00:00Z\nd: '2023-01-12'")
    assert doc.values == {"a": "2023-01-12", "b": "2023-01-12T08:00:00", "c": "2023-01-12T10:00:00", "d": "2023-01-12"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\na: 2", 2, "stands twice (first in line 1)"),
        ("a: 1\n2: x", 2, "a key must be text"),
        ("a: 1\nyes: x", 2, "a key must be text"),
        ("? [a]\n: 1", 1, "a key must be text"),
        ("a: &x 1\nb: *x", 1, "anchors"),
        ("a: !!python/object/apply:os.system [id]", 1, "the tag !!python/object/apply:os.system"),
        ("a: !!python/name:os.system", 1, "the tag"),
        ("\na: !!set {b}", 2, "the tag !!set"),
        ("a: !!binary aGk=", 1, "the tag !!binary"),
        ("a: !!omap [b: 1]", 1, "the tag !!omap"),
        ("!foo {a: 1}", 1, "the tag !foo"),
        ("a: 9999-99-99", 1, "cannot be understood"),
        ("a: !!int x", 1, "cannot be understood"),
        ("a: b: c", 1, "not YAML"),
        ("a: [1", 1, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: 1\n---\nb: 1", 2, "a second document"),
        ("a: \0", 0, "not YAML"),
        (b"a: 1\nb: \xff\xfe", 2, "not UTF-8"),
        ("<<: {a: 1}", 1, "a key must be text"),
    ],
)
def test_mistakes_are_told_with_their_line(file, text, line, said):
    (problem,) = file(text).problems
    assert problem.line == line
    assert said in problem.message


def test_all_mistakes_are_told(file):
    assert [problem.line for problem in file("a: 1\na: 2\nb: !!set {c}\n1: x\n").problems] == [2, 3, 4]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 100_000,
        "a: [" + "1," * 120_000 + "]",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
        "x" * 10_000_000,
        "a: " + "9" * 200_000,
        "a: " + "1:" * 100_000 + "1",
        "# " + "\n# " * 80_000,
    ],
    ids=["brackets", "braces", "dashes", "many", "aliases", "large", "digits", "sexagesimal", "comments"],
)
def test_bombs_are_refused_quickly_or_harmless(file, text):
    doc = file(text)
    assert doc.problems or doc.values is None


def test_what_is_no_file_is_said(tmp_path):
    assert "no such file" in document.read(tmp_path / "no.yaml").problems[0].message
    assert "is a folder" in document.read(tmp_path).problems[0].message
    assert "no such file" in document.read("/dev/zero").problems[0].message


def test_a_byte_order_mark_is_no_mistake(file):
    assert file(b"\xef\xbb\xbfa: 1").values == {"a": 1}
