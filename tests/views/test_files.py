"""The newest files, and what was refused and why."""

from __future__ import annotations

import numpy as np

from tests.live.standin import ParticleSource, StandInCruise, at, stop_clock
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.files import Entry, Files, draw


def test_newest_first_with_particles_time_and_age() -> None:
    html = draw([Entry("2014_185/2014-07-04T00-03-02+00-00", np.datetime64("2014-07-04T00:03:02"), 40000)])
    assert "2014-07-04T00-03-02+00-00" in html
    assert "40\u2009000" in html
    assert "07-04 00:03:02" in html
    assert "data-since" in html


def test_a_refused_file_says_why_and_an_empty_one_is_marked() -> None:
    html = draw([Entry("x", reason="ends <early>"), Entry("y", np.datetime64("2014-07-04"), 0)])
    assert "refused: ends &lt;early&gt;" in html
    assert "empty" in html


def test_no_files_is_said() -> None:
    assert "No files yet" in draw([])


def test_a_new_file_comes_on_top() -> None:
    stop_clock(at(1000))
    source = ParticleSource()
    source.random("2014_185/a", at(0))
    feeds = Feeds(StandInCruise(source))
    feeds.poll()
    view = Files(Session(feeds))
    view.card()
    source.random("2014_185/b", at(180), n=77)
    feeds.poll()
    entries = view.entries()
    assert [e.particles for e in entries] == [77, 500]
    assert view.words.html.index(">77<") < view.words.html.index(">500<")
