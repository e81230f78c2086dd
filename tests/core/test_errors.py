"""Errors say what, where, the nearest known name, and what to do."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import errors
from workbench.core.errors import CatalogError, Problem, ReaderError, WorkbenchError, nearest, suggest

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(
    path=words,
    reason=words,
    offset=st.none() | st.integers(0, 2**40),
    expected=st.none() | words | st.integers(),
    found=st.none() | words | st.integers(),
    hint=st.none() | words,
)
def test_a_reader_error_survives_the_way_to_another_process(path, reason, offset, expected, found, hint):
    error = ReaderError(path, reason, offset=offset, expected=expected, found=found, hint=hint)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ReaderError
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_reader_error_reads_well():
    error = ReaderError("evt/x", "ends early", offset=8, expected="560008 bytes", found=12, hint="Copy it again")
    assert str(error) == "evt/x: ends early at byte 8 (expected 560008 bytes, found 12). Copy it again"
    assert str(ReaderError("a", "is no EVT file")) == "a: is no EVT file"


def test_a_problem_names_file_line_key_and_the_nearest_known_name():
    problem = Problem(
        "c.yaml", 7, "sources.seaflow.args.reader", "'seaflow_etv' is no reader", ("tsdata", "seaflow_evt")
    )
    assert str(problem) == (
        "c.yaml:7: sources.seaflow.args.reader: 'seaflow_etv' is no reader; did you mean 'seaflow_evt'? "
        "(known: seaflow_evt, tsdata)"
    )


def test_a_problem_of_the_whole_file_has_no_line():
    assert str(Problem("c.yaml", 0, "file", "there is no such file")) == "c.yaml: file: there is no such file"


@given(st.lists(st.builds(Problem, words, st.integers(0, 99), words, words, st.tuples(words)), max_size=5))
def test_a_catalog_error_tells_every_problem_and_survives_pickling(problems):
    error = pickle.loads(pickle.dumps(CatalogError(problems)))
    assert error.problems == tuple(problems)
    assert str(error) == "\n".join(str(problem) for problem in problems)


@given(words, st.lists(words, max_size=6))
def test_the_nearest_name_is_one_of_the_known_ones(name, known):
    near = nearest(name, known)
    assert near is None or near in known
    if name in known:
        assert near == name
    assert all(word in suggest(name, known) for word in known)


def test_nothing_known_is_said():
    assert suggest("x", ()) == "Known: none."
    assert suggest("cytogran", ("cytogram", "files")) == "Did you mean 'cytogram'? Known: cytogram, files."


@pytest.mark.parametrize("name", ["ReaderError", "CatalogError", "WindowError", "PluginError"])
def test_one_tree(name):
    assert issubclass(getattr(errors, name), WorkbenchError)
    assert name in (errors.__doc__ or "")
