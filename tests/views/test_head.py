"""The head of the page: state by word and sign."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.views.head import Head, SourceState, draw, state

NOW = np.datetime64("2014-07-04T01:33:00", "ns")


SILENT, OTHER = SourceState("sfl", NOW, silent=True), SourceState("evt", NOW, silent=True)
BROKEN = SourceState("evt", fault="/data/evt: no such folder")


@pytest.mark.parametrize(
    ("head", "kind", "word"),
    [
        (Head("C", now=NOW), "live", "Live"),
        (Head("C", now=NOW, finished=True), "finished", "Finished"),
        (Head("C", now=NOW, sources=[SILENT]), "stale", "Silent: sfl"),
        (Head("C", now=NOW, sources=[SILENT, OTHER]), "stale", "2 sources silent"),
        (Head("C", now=NOW, sources=[SILENT, BROKEN]), "fault", "Cannot read evt"),
        (Head("C", now=NOW, sources=[BROKEN, BROKEN]), "fault", "Cannot read 2 sources"),
    ],
)
def test_state(head: Head, kind: str, word: str) -> None:
    assert state(head)[0] == kind
    assert word in draw(head)
    assert f'data-state="{kind}"' in draw(head)


def test_how_each_source_is_stands_behind_the_word() -> None:
    html = draw(Head("C", now=NOW, sources=[SourceState("sfl", NOW), BROKEN, SourceState("ship")]))
    assert "/data/evt: no such folder" in html
    assert "no data yet" in html
    assert "arriving" in html
    assert html.count("data-since") == 1


def test_a_finished_cruise_shows_its_end_and_others_the_ticking_clock() -> None:
    assert "2014-07-04 01:33:00" in draw(Head("C", now=NOW, finished=True))
    assert "data-clock" in draw(Head("C", now=NOW))
    assert "data-clock" not in draw(Head("C", now=NOW, finished=True))


def test_warp_is_noted() -> None:
    assert "×60" in draw(Head("C", now=NOW, warp=60.0))
    assert "×" not in draw(Head("C", now=NOW))


def test_names_are_escaped() -> None:
    assert "<script>" not in draw(
        Head("<script>", "<script>", "<script>", now=NOW, sources=[SourceState("<script>", fault="<script>")])
    )
