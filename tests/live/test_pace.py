"""All tabs together take a share of a core: the more there are and the dearer a tick, the longer each waits."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.live.pace import LEAST, MOST, SHARE, Pace


class Tab:
    """Somebody who looks."""


@given(tabs=st.integers(0, 300), cost=st.floats(0, 0.2))
def test_all_tabs_together_keep_to_the_share(tabs: int, cost: float) -> None:
    pace, here = Pace(), [Tab() for _ in range(tabs)]
    for tab in here:
        pace.enter(tab)
    pace.cost = cost
    assert LEAST <= pace.interval <= MOST
    if pace.interval < MOST:
        assert tabs * cost / pace.interval <= SHARE * 1.001
    for tab in here:
        pace.leave(tab)
    assert pace.interval == LEAST


def test_forgotten_tabs_do_not_count() -> None:
    pace = Pace()
    pace.cost = 1.0
    tab = Tab()
    pace.enter(tab)
    assert pace.interval > LEAST
    del tab
    assert pace.interval == LEAST
    pace.leave(Tab())


def test_due_after_the_interval() -> None:
    pace = Pace()
    assert pace.due(time.monotonic() - LEAST - 0.01)
    assert not pace.due(time.monotonic())


def test_what_is_held_together_counts_and_failures_pass() -> None:
    pace, order = Pace(), []

    @contextmanager
    def together():
        order.append("begin")
        yield
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        order.append("sent")

    pace.run(lambda: order.append("tick"), together)
    assert order == ["begin", "tick", "sent"]
    assert pace.cost >= 0.01
    with pytest.raises(ZeroDivisionError):
        pace.run(lambda: 1 / 0, nullcontext)
    assert 0 < pace.cost < 0.01 * 20


def test_a_session_keeps_the_pace(simulated) -> None:
    from workbench.catalog.cruise import open_cruise
    from workbench.live.feeds import Feeds
    from workbench.live.session import Session

    ticks, pace, feeds = [], Pace(), Feeds(open_cruise(simulated))
    session = Session(feeds, schedule=ticks.append, pace=pace)
    feeds._tell()
    assert not ticks  # it was made a moment ago
    session._ticked -= LEAST
    feeds._tell()
    feeds._tell()
    assert len(ticks) == 1  # one under way
    ticks[0]()
    feeds._tell()
    assert len(ticks) == 1
    pace.cost = 10.0
    assert pace.interval == MOST
    session.close()
    assert pace.interval == LEAST


def test_one_dear_tick_slows_nobody_and_many_do(monkeypatch) -> None:
    """The first tick of a tab draws everything: it says little of the next ones."""
    took = iter(x for i in range(100) for x in (10.0 * i, 10.0 * i + 3.0))
    monkeypatch.setattr("workbench.live.pace.time.thread_time", lambda: next(took))
    pace, tab = Pace(), Tab()
    pace.enter(tab)
    pace.run(lambda: None, nullcontext)
    assert pace.interval == LEAST
    for _ in range(60):
        pace.run(lambda: None, nullcontext)
    assert pace.interval == pytest.approx(3.0 / SHARE, rel=0.1)


@given(several=st.integers(1, 20), failing=st.integers(0, 30))
def test_tabs_take_turns_and_pictures_go_out_in_between(several: int, failing: int) -> None:
    pace, order, tab = Pace(), [], Tab()
    pace.cost = 1e-6

    def tick(i: int) -> None:
        order.append(i)
        asyncio.get_running_loop().call_soon(order.append, "picture")
        if i == failing:
            raise ValueError

    async def look() -> None:
        pace.enter(tab)
        for i in range(several):
            pace.ask(lambda i=i: tick(i))
        while order.count("picture") < several:
            await asyncio.sleep(0)

    with caught(logging.getLogger("workbench.live.pace")):
        for _ in range(2):  # another loop after the first one has ended
            order.clear()
            asyncio.run(asyncio.wait_for(look(), 60))
            assert order == [x for i in range(several) for x in (i, "picture")]


@contextmanager
def caught(log: logging.Logger):
    """Say nothing of what fails on purpose."""
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False
