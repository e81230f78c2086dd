"""Text of a report as HTML: nothing is lost or added, and what belongs together stays on one line."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.reports.markup import breakable, kept_together, prose

words = st.one_of(st.text(), st.from_regex(r"(?:[0-9]{1,4}[-:. /<&%hs\u2009]?){1,8}(?: UTC| psi| %)?", fullmatch=True))


def plain(html: str) -> str:
    return unescape(re.sub(r"</?(?:span|code|wbr)[^>]*>", "", html))


@given(words)
def test_the_words_are_those_that_were_given(text: str) -> None:
    assert plain(kept_together(text)) == plain(breakable(text)) == text
    assert plain(prose(text)) == re.sub(r"`([^`\n]+)`", r"\1", text)


@pytest.mark.parametrize(
    "whole",
    ["2014-07-04T01-21-02+00-00", "2025-01-16 10:27", "2025-01-17 19:54:02", "10 %", "11.5 psi", "30\u2009042\u2009477", "25 min"],
)  # fmt: skip
def test_what_belongs_together_stays_on_one_line(whole: str) -> None:
    assert kept_together(f"It was {whole}, then.") == f"It was <span class=nb>{whole}</span>, then."


def test_code_in_the_words_of_a_catalog() -> None:
    assert prose("sent while `workbench demo` runs <b>") == "sent while <code>workbench demo</code> runs &lt;b&gt;"


def test_a_path_breaks_after_its_slashes() -> None:
    assert breakable("$WORKBENCH_DATA/a/b.nc") == "$WORKBENCH_DATA/<wbr>a/<wbr>b.nc"
    assert "//<wbr>" not in breakable("tcp://0.0.0.0:1") and "/<wbr>/" not in breakable("tcp://0.0.0.0:1")
