"""Pictures: exact at every moment, made once for all who ask, and nothing done when nobody asks."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live.standin import ParticleSource, StandInCruise, at, stop_clock
from workbench.core.errors import WorkbenchError
from workbench.live import gallery as gallery_module
from workbench.live import picture as picture_module
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.live.picture import Frame
from workbench.live.question import Question
from workbench.raster.count import count_codes
from workbench.raster.encode import decode, frame
from workbench.raster.levels import levels

RAW = {"source": "seaflow", "x": "fsc_small", "y": "pe", "time": "all"}


class Room:
    """A source, its feeds and a gallery."""

    def __init__(self, files: int = 3, **options: Any) -> None:
        stop_clock(at(3600))
        self.source = ParticleSource()
        for i in range(files):
            self.source.random(f"f{i:03}", at(180 * i))
        self.feeds = Feeds(StandInCruise(self.source))  # type: ignore[arg-type]
        self.feeds.poll()
        self.gallery = Gallery(self.feeds, **options)

    def question(self, **more: Any) -> Question:
        return Question.parse({**RAW, **more}, self.feeds, self.feeds.now())

    def expected(self, question: Question) -> Any:
        out = np.zeros((question.viewport.height, question.viewport.width), np.uint32)
        window = question.window(self.feeds.now())
        for name, columns in self.source.held.items():
            if name not in self.source.unreadable and (
                question.time == "all" or window.contains(self.source.times[name])
            ):
                count_codes(columns[question.x], columns[question.y], question.viewport, out)
        return out


def run(act: Callable[[Room], Awaitable[None]], **options: Any) -> None:
    """Run with a room; afterwards no task is left."""

    async def all_of_it() -> None:
        room = Room(**options)
        try:
            await asyncio.wait_for(act(room), 60)
        finally:
            room.gallery.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(all_of_it(), debug=False)


def check(room: Room, question: Question, made: Frame) -> None:
    header, shown = decode(frame(made.header, made.packed))
    expected = room.expected(question)
    assert np.array_equal(shown, levels(expected))
    assert header["shown"] == expected.sum()
    assert header["max"] == expected.max(initial=0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(0, 3)),
        st.tuples(st.just("again"), st.integers(0, 5)),
        st.tuples(st.just("later"), st.integers(0, 900)),
        st.tuples(st.just("lost"), st.integers(0, 5)),
    ),
    max_size=8,
)


@settings(max_examples=20)
@given(STEPS, st.sampled_from(["all", "now-10min..now", "now-1h..now", "2024-05-01T00:03..2024-05-01T00:15"]))
def test_whatever_happens_the_picture_is_that_of_the_files(steps: list[tuple[str, int]], time: str) -> None:
    async def act(room: Room) -> None:
        question, now, seen = room.question(time=time, level=64), 3600, {}
        made = await room.gallery.ask(question)
        for what, number in steps:
            names = sorted(room.source.held)
            if what == "new":
                for _ in range(number):
                    room.source.random(f"f{len(room.source.held):03}", at(180 * len(room.source.held)))
            elif what == "again" and names:
                name = names[number % len(names)]
                room.source.random(name, room.source.times[name], 300, seed=7)
                room.feeds["seaflow"]._columns.clear()  # type: ignore[attr-defined]
            elif what == "lost" and names:
                room.source.unreadable.add(names[number % len(names)])
                room.feeds["seaflow"]._columns.clear()  # type: ignore[attr-defined]
                for easel in room.gallery._easels.values():
                    easel.picture.forget()
                    easel.picture.frame = None
            else:
                now += number
                stop_clock(at(now))
            room.feeds.poll()
            made = await room.gallery.ask(question, "")
            check(room, question, made)
            assert seen.setdefault(made.revision, made.packed) == made.packed or room.source.unreadable

    run(act, files=12)


def test_fifty_who_ask_the_same_cost_one_count_and_one_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    packs: list[int] = []
    pack = picture_module.pack
    monkeypatch.setattr(gallery_module, "warm", lambda: None)  # it packs, too
    monkeypatch.setattr(picture_module, "pack", lambda shades: packs.append(1) or pack(shades))

    async def act(room: Room) -> None:
        question = room.question()
        frames = await asyncio.gather(*(room.gallery.ask(question) for _ in range(50)))
        assert len({id(made.packed) for made in frames}) == 1
        assert set(room.source.reads.values()) == {1}
        assert (len(packs), room.gallery.drawn) == (1, 1)
        waiting = [asyncio.ensure_future(room.gallery.ask(question, frames[0].revision)) for _ in range(50)]
        await asyncio.sleep(0)
        assert room.gallery.waiting == 50
        room.source.random("new", at(3000))
        room.feeds.poll()
        newer = await asyncio.gather(*waiting)
        assert len({id(made.packed) for made in newer}) == 1
        assert (len(packs), room.gallery.drawn) == (2, 2)
        assert room.source.reads["new"] == 1
        assert set(room.source.reads.values()) == {1}  # only the new file was counted
        check(room, question, newer[0])

    run(act)


def test_who_asks_first_is_answered_first() -> None:
    async def act(room: Room) -> None:
        question, order = room.question(), list[int]()
        first = await room.gallery.ask(question)

        async def ask(k: int) -> None:
            await room.gallery.ask(question, first.revision)
            order.append(k)

        waiting = [asyncio.ensure_future(ask(k)) for k in range(40)]
        await asyncio.sleep(0.05)
        room.source.random("new", at(3000))
        room.feeds.poll()
        await asyncio.gather(*waiting)
        assert order == list(range(40))

    run(act)


def test_a_moving_window_lets_old_files_go_without_new_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "REST", 0.02)

    async def act(room: Room) -> None:
        question = room.question(time="now-20min..now")
        first = await room.gallery.ask(question)
        assert first.header["files"] == 6
        waiting = asyncio.ensure_future(room.gallery.ask(question, first.revision))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        stop_clock(at(3600 + 180))
        made = await waiting
        assert made.header["files"] == 5
        check(room, question, made)

    run(act, files=20)


def test_taking_off_reads_only_what_left() -> None:
    async def act(room: Room) -> None:
        question = room.question(time="now-50min..now")
        await room.gallery.ask(question)
        room.source.reads.clear()
        room.feeds["seaflow"]._columns.clear()  # type: ignore[attr-defined]
        stop_clock(at(3600 + 170))
        check(room, question, await room.gallery.ask(question))
        assert len(room.source.reads) == 1

    run(act, files=20)


def test_a_question_waits_and_can_be_taken_back() -> None:
    async def act(room: Room) -> None:
        question = room.question()
        made = await room.gallery.ask(question)
        waiting = asyncio.ensure_future(room.gallery.ask(question, made.revision))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.sleep(0)
        assert room.gallery.waiting == 0
        reads = dict(room.source.reads)
        room.source.random("new", at(3000))
        room.feeds.poll()
        await asyncio.sleep(0.05)
        assert room.source.reads == reads  # nobody asks: nothing is done

    run(act)


def test_counting_stops_when_nobody_wants_it_any_more() -> None:
    async def act(room: Room) -> None:
        gate = threading.Event()
        room.source.delay = lambda: gate.wait(60)
        waiting = asyncio.ensure_future(room.gallery.ask(room.question()))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.sleep(0.2)
        assert len(room.source.reads) <= 2
        check(room, room.question(), await room.gallery.ask(room.question()))

    run(act, files=10)


def test_somebody_who_comes_back_while_it_stops_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, draw, calls = threading.Event(), picture_module.Picture.draw, []

    def stop_once(self: Any, *words: Any) -> Frame | None:
        calls.append(1)
        if len(calls) == 1:
            gate.wait(60)
            return None
        return draw(self, *words)

    monkeypatch.setattr(picture_module.Picture, "draw", stop_once)
    monkeypatch.setattr(gallery_module, "REST", 1000.0)

    async def act(room: Room) -> None:
        first = asyncio.ensure_future(room.gallery.ask(room.question()))
        while not calls:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.ensure_future(room.gallery.ask(room.question()))
        await asyncio.sleep(0)
        gate.set()
        check(room, room.question(), await second)

    run(act)


def test_the_loop_goes_on_while_a_picture_is_counted() -> None:
    async def act(room: Room) -> None:
        gate = threading.Event()
        room.source.delay = lambda: gate.wait(60)
        waiting = asyncio.ensure_future(room.gallery.ask(room.question()))
        for _ in range(10):
            await asyncio.sleep(0.005)
        assert not waiting.done()
        gate.set()
        await waiting

    run(act)


def test_two_threads_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MANY", 100)

    async def act(room: Room) -> None:
        check(room, room.question(), await room.gallery.ask(room.question()))

    run(act, files=11)


def test_a_fault_is_answered_once_and_so_is_its_end() -> None:
    async def act(room: Room) -> None:
        question = room.question()
        good = await room.gallery.ask(question)
        room.source.broken = WorkbenchError("the disk is gone")
        room.feeds.poll()
        bad = await room.gallery.ask(question, good.revision)
        assert bad.header["fault"] == "the disk is gone"
        assert decode_header(bad)["revision"] == bad.revision
        waiting = asyncio.ensure_future(room.gallery.ask(question, bad.revision))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        room.source.broken = None
        room.feeds.poll()
        again = await waiting
        assert again.revision == good.revision
        assert again.packed == good.packed

    run(act)


def test_before_the_first_look_nobody_is_told_that_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "REST", 0.02)

    async def act(room: Room) -> None:
        feeds = Feeds(StandInCruise(room.source))  # type: ignore[arg-type]
        gallery = Gallery(feeds)
        waiting = asyncio.ensure_future(gallery.ask(room.question()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        feeds["seaflow"].poll()
        assert (await waiting).header["files"] == 3
        gallery.close()

    run(act)


def test_no_data_is_answered_too() -> None:
    async def act(room: Room) -> None:
        made = await room.gallery.ask(room.question(time="1999-01-01..1999-01-02"))
        assert (made.header["particles"], made.header["files"], made.header["time"]) == (0, 0, None)
        assert "no data" in made.header["empty"]
        assert not decode(frame(made.header, made.packed))[1].any()

    run(act)


def test_a_file_that_cannot_be_read_is_told_and_tried_again() -> None:
    async def act(room: Room) -> None:
        room.source.unreadable.add("f001")
        made = await room.gallery.ask(room.question())
        assert (made.header["unread"], made.header["files"]) == (1, 2)
        assert "f001" in made.header["why"]
        room.source.unreadable.clear()
        room.source.random("new", at(3000))
        room.feeds.poll()
        made = await room.gallery.ask(room.question())
        assert (made.header["files"], "unread" in made.header) == (4, False)

    run(act)


def test_a_mistake_of_ours_is_told_and_does_not_spin(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_module.Picture, "_framed", lambda *_: 1 / 0)

    async def act(room: Room) -> None:
        made = await room.gallery.ask(room.question())
        assert "ZeroDivisionError" in made.header["fault"]
        waiting = asyncio.ensure_future(room.gallery.ask(room.question(), made.revision))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
        assert room.gallery.drawn == 1

    run(act)


def test_pictures_asked_for_longest_ago_go_first() -> None:
    async def act(room: Room) -> None:
        made = {}
        for i in range(12):
            question = room.question(range=[0, 65536 >> i % 6, 0, 65536 >> i // 6], level=256)
            made[question] = (await room.gallery.ask(question)).revision
        assert len(room.gallery) < 12
        for question, revision in made.items():
            again = await room.gallery.ask(question)
            assert again.revision == revision
            check(room, question, again)

    run(act, kept=1_000_000)


def test_with_no_room_at_all_those_who_wait_are_still_answered() -> None:
    async def act(room: Room) -> None:
        questions = [room.question(range=[0, 65536 >> i, 0, 65536]) for i in range(4)]
        made = [await room.gallery.ask(q) for q in questions]
        waiting = [asyncio.ensure_future(room.gallery.ask(q, m.revision)) for q, m in zip(questions, made, strict=True)]
        await asyncio.sleep(0.05)
        assert sum(easel.picture._counts is not None for easel in room.gallery._easels.values()) <= 1
        room.source.random("new", at(3000))
        room.feeds.poll()
        for question, answer in zip(questions, await asyncio.gather(*waiting), strict=True):
            check(room, question, answer)

    run(act, kept=0)


def test_nothing_refers_to_a_gallery_that_is_closed() -> None:
    async def act() -> weakref.ref[Gallery]:
        room = Room()
        await room.gallery.ask(room.question())
        room.gallery.close()
        feeds = room.feeds
        found = weakref.ref(room.gallery)
        del room
        await asyncio.sleep(0)
        assert feeds.listeners == 0
        return found

    found = asyncio.run(act())
    gc.collect()
    assert found() is None


@pytest.mark.parametrize(("wrong", "why"), [
    ({"source": "seaflo"}, "Did you mean 'seaflow'"),
    ({"x": "fsc_smal"}, "Did you mean 'fsc_small'"),
    ({"y": 3}, "'y' must be text"),
    ({"time": "yesterday"}, "not a time range"),
    ({"time": "2024-02-02..2024-01-01"}, "ends before it starts"),
    ({"time": "now-99999999999999999w..now"}, "not a (time range|duration)"),
    ({"range": [0, 1, 2]}, "four numbers"),
    ({"range": [0, float("nan"), 0, 1]}, "four numbers"),
    ({"range": [0, 10**400, 0, 1]}, "four numbers"),
    ({"range": [True, 1, 0, 1]}, "four numbers"),
    ({"level": 4096}, "power of two"),
    ({"level": 100}, "power of two"),
    ({"level": "512"}, "power of two"),
])  # fmt: skip
def test_a_question_that_makes_no_sense_is_explained(wrong: dict[str, Any], why: str) -> None:
    room = Room()
    with pytest.raises(WorkbenchError, match=why):
        room.question(**wrong)
    room.gallery.close()


@given(st.dictionaries(
    st.sampled_from(["source", "x", "y", "time", "range", "level"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), lambda s: st.lists(s, max_size=5), max_leaves=6),
))  # fmt: skip
def test_any_question_is_understood_or_explained(raw: dict[str, Any]) -> None:
    try:
        Question.parse({**RAW, **raw}, FEEDS, at(0))
    except WorkbenchError as error:
        explained = str(error)
        assert explained


FEEDS = Feeds(StandInCruise(ParticleSource()))  # type: ignore[arg-type]


def decode_header(made: Frame) -> dict[str, Any]:
    return dict(made.header)


def test_equal_questions_of_nearby_ranges_are_one() -> None:
    room = Room()
    assert room.question(range=[1000, 60000, 3, 65000.5]) == room.question(range=[1010, 60010, 0, 65536])
    room.gallery.close()


def test_a_file_that_cannot_be_read_for_a_moment_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "AGAIN", 0.3)

    async def act(room: Room) -> None:
        room.source.unreadable.add("f001")
        question = room.question()
        first = await room.gallery.ask(question)
        assert first.header["unread"] == 1
        waiting = asyncio.ensure_future(room.gallery.ask(question, first.revision))
        begun = time.monotonic()
        while room.source.reads["f001"] < 3:
            await asyncio.sleep(0.05)
        assert time.monotonic() - begun > 0.3, "now and then, not at every look"
        assert not waiting.done(), "it is still the same"
        room.source.unreadable.clear()
        made = await asyncio.wait_for(waiting, 10)
        assert "unread" not in made.header
        check(room, question, made)
        again = await room.gallery.ask(question)
        assert again is made

    run(act)
