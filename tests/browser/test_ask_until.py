"""What an editor was not told is asked for again, run where it runs: until it is there, and never for ever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.chromium import Tab
from workbench.views.assets import script

#: `asked` holds when it was asked, in milliseconds; with `told` it is there.
_BEGIN = """(code) => {
  const askUntil = new Function(code + "; return askUntil")()
  Object.assign(window, {asked: [], told: false})
  window.end = askUntil(() => told, () => asked.push(Date.now()))
  window.begun = Date.now()
}"""
HOUR = 3_600_000


@pytest.fixture
def asking(open_tab: Callable[..., Tab], site: Any) -> Any:
    """A page in which something is asked for; its time stands still unless it is let run."""
    tab = open_tab(site({"/": ("text/html", b"<title>ask</title><link rel=icon href=data:,>")}))
    tab.page.clock.install(time=0)
    tab.page.clock.pause_at(1000)
    tab.page.evaluate(_BEGIN, script("stage.js"))
    return tab


def waits(tab: Tab) -> list[float]:
    """Seconds before each time it was asked."""
    moments = tab.page.evaluate("[begun, ...asked]")
    return [(b - a) / 1000 for a, b in pairwise(moments)]


def test_it_asks_ever_more_seldom_until_it_is_told(asking: Tab) -> None:
    asking.page.clock.run_for(60_000)
    assert waits(asking) == [1.5, 3, 6, 12, 15, 15]
    asking.page.evaluate("told = true")
    asking.page.clock.run_for(HOUR)
    assert len(waits(asking)) == 6
    asking.page.evaluate("told = false")
    asking.page.clock.run_for(HOUR)
    assert len(waits(asking)) == 6, "once it was there, it is over"


def test_told_at_once_nothing_is_asked(asking: Tab) -> None:
    asking.page.evaluate("told = true")
    asking.page.clock.run_for(HOUR)
    assert waits(asking) == []


def test_ended_nothing_is_asked(asking: Tab) -> None:
    asking.page.clock.run_for(5000)
    asking.page.evaluate("end()")
    asking.page.clock.run_for(HOUR)
    assert waits(asking) == [1.5, 3]


def test_of_a_server_that_is_gone_it_asks_no_more_after_half_an_hour(asking: Tab) -> None:
    asking.page.clock.run_for(HOUR)
    asked = waits(asking)
    assert len(asked) == 120 and sum(asked) < HOUR / 2
    asking.page.clock.run_for(HOUR)
    assert waits(asking) == asked
