"""The conformance suite of listeners.

Subclass it, say where to listen and how the other end sends; pytest does the rest::

    from workbench.testing import listeners

    class TestMyListener(listeners.ListenerTests):
        url = "mine://127.0.0.1:0"

        async def send(self, listener, bodies):
            ...                                    # to listener.bound, one after the other

Each law is one test, and says what it holds in its docstring. What differs is an attribute: `stream` where pieces may
be cut anywhere, `waits` False where the other end cannot wait.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from workbench.core import clock
from workbench.core.plugins import names
from workbench.live.listeners import Listener, ListenerError, open_listener
from workbench.live.listeners.address import options_of
from workbench.live.receipt import NotKept, Receipt

_LINES = [b"$GPGGA,%d*00\r\n" % index for index in range(20)]


class Desk:
    """A door that remembers what it took, and refuses while `shut`."""

    def __init__(self) -> None:
        self.taken: list[Receipt] = []
        self.shut = False
        self.tries = 0

    def take(self, receipts: Sequence[Receipt]) -> None:
        """Remember, or refuse."""
        self.tries += 1
        if self.shut:
            raise NotKept("raw/ship: cannot be written (No space left on device)")
        self.taken += receipts

    def earlier(self, name: str) -> list[Receipt]:
        """What was taken before."""
        return [receipt for receipt in self.taken if receipt.name == name]

    @property
    def bodies(self) -> list[bytes]:
        return [receipt.body for receipt in self.taken]


class ListenerTests:
    """The laws of listeners; subclass it, set `url` and implement `send`.

    Attributes
    ----------
    url : str
        Where to listen; port 0 for any. ``{folder}`` becomes a new folder.
    options : dict
        Options beside the URL.
    stream : bool
        True when what is sent may come in other pieces.
    waits : bool
        True when the other end can wait while nothing can be kept; False when it is lost then, and counted.
    patience : float
        Seconds within which what is sent must come.
    """

    url: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    stream: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    patience: ClassVar[float] = 60.0

    @abstractmethod
    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        """The other end: send these, one after the other."""

    async def ready(self, listener: Listener) -> None:
        """Wait until what is sent would be received, where that is not so when `start` returns."""

    def expected(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Bodies of the receipts for what is sent."""
        return list(bodies)

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[Desk], Listener]:
        """``make(desk)`` makes the listener, not started."""
        folder = tmp_path / "incoming"
        folder.mkdir()
        url = self.url.replace("{folder}", str(folder))
        return lambda desk: open_listener("ship", url, desk, **self.options)

    @asynccontextmanager
    async def started(self, make: Callable[[Desk], Listener], desk: Desk) -> AsyncIterator[Listener]:
        """A listener that listens."""
        listener = make(desk)
        await listener.start()
        try:
            await self.ready(listener)
            yield listener
        finally:
            await listener.stop()

    async def arrive(self, desk: Desk, bodies: Sequence[bytes]) -> None:
        """Wait until what is sent is there, exactly."""
        wanted = self.expected(bodies)
        await until(lambda: len(self._joined(desk.bodies)) >= len(self._joined(wanted)), self.patience)
        assert self._joined(desk.bodies) == self._joined(wanted)

    def _joined(self, bodies: list[bytes]) -> Any:
        return b"".join(bodies) if self.stream else bodies

    def test_registered_and_described(self, make: Callable[[Desk], Listener]) -> None:
        """It is found by the scheme of its URL, says what it is, and takes explicit options with defaults."""
        listener = make(Desk())
        assert listener.address.scheme in listener.schemes
        assert {scheme.partition("+")[0].removesuffix("s") for scheme in listener.schemes} <= set(
            names("workbench.listeners")
        )
        assert (type(listener).__doc__ or "").strip()
        assert listener.stream == self.stream, "whoever reads the journal must know whether pieces are messages"
        parameters = inspect.signature(type(listener)).parameters.values()
        assert all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters)
        assert all(option.default is not inspect.Parameter.empty for option in options_of(type(listener)).values())

    def test_a_misspelt_option_is_told(self, make: Callable[[Desk], Listener]) -> None:
        """An unknown option is refused, with those that are known."""
        address = make(Desk()).address
        with pytest.raises(ListenerError, match="'no_such_option'"):
            open_listener("ship", address.url, Desk(), **self.options, no_such_option=1)

    def test_exactly_the_bytes(self, make: Callable[[Desk], Listener]) -> None:
        """What is sent is handed in byte for byte, in order, with the Source, a peer and the time it came."""

        async def run() -> None:
            desk = Desk()
            bodies = [*_LINES, b"\x00\xff\xfe binary \r\n\n", bytes(range(256))]
            async with self.started(make, desk) as listener:
                before = clock.now()
                await self.send(listener, bodies)
                await self.arrive(desk, bodies)
                for receipt in desk.taken:
                    assert receipt.name == "ship" and receipt.peer
                    assert before <= receipt.time <= clock.now()

        asyncio.run(run())

    def test_the_time_is_the_cruise_time(self, make: Callable[[Desk], Listener]) -> None:
        """Receipt times come from the one clock."""

        async def run() -> None:
            desk, moment = Desk(), np.datetime64("2023-01-12T03:04:05", "ns")
            clock.use(clock.Clock(moment, 0, 0))
            async with self.started(make, desk) as listener:
                await self.send(listener, _LINES[:1])
                await self.arrive(desk, _LINES[:1])
            assert {receipt.time for receipt in desk.taken} == {moment}

        asyncio.run(run())

    def test_counted(self, make: Callable[[Desk], Listener]) -> None:
        """Receipts, bytes and the last time are counted; before the first nothing is."""

        async def run() -> None:
            desk = Desk()
            async with self.started(make, desk) as listener:
                counters = listener.counters
                assert (counters.received, counters.bytes, counters.dropped) == (0, 0, 0) and np.isnat(counters.last)
                await self.send(listener, _LINES)
                await self.arrive(desk, _LINES)
                assert counters.received == len(desk.taken)
                assert counters.bytes == sum(map(len, desk.bodies))
                assert counters.dropped == 0 and counters.fault is None
                assert counters.last == desk.taken[-1].time
                assert counters.as_json()["last"].endswith("Z")

        asyncio.run(run())

    def test_stopped_without_trace_and_started_again(self, make: Callable[[Desk], Listener]) -> None:
        """After `stop` no task and no open file is left; what was made can be started again, three times over."""

        async def run() -> None:
            desk, sent, left = Desk(), list[bytes](), 0
            listener = make(desk)

            def closed() -> bool:
                return len(os.listdir("/proc/self/fd")) <= left

            for turn in range(3):
                await listener.start()
                await self.ready(listener)
                sent += [b"turn %d\r\n" % turn]
                await self.send(listener, sent[-1:])
                await self.arrive(desk, sent)
                await listener.stop()
                await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, self.patience)
                if turn == 0:
                    await asyncio.sleep(0.3)  # the kernel's watchers are closed by a thread of their own
                    left = len(os.listdir("/proc/self/fd"))
                await until(closed, self.patience)
            await listener.stop()

        asyncio.run(run())

    def test_stopped_before_it_was_started(self, make: Callable[[Desk], Listener]) -> None:
        """`stop` may come at any time."""
        asyncio.run(make(Desk()).stop())

    def test_what_cannot_be_kept(self, make: Callable[[Desk], Listener]) -> None:
        """While the disk refuses, a fault says so; then all of it is there, or what is lost was counted."""

        async def run() -> None:
            desk = Desk()
            async with self.started(make, desk) as listener:
                desk.shut = True
                sending = asyncio.create_task(self.send(listener, _LINES))
                await until(lambda: desk.tries > 0, self.patience)
                await asyncio.sleep(0.3)
                assert desk.taken == [] and "No space left" in (listener.counters.fault or "")
                desk.shut = False
                await sending
                if self.waits:
                    await self.arrive(desk, _LINES)
                    assert listener.counters.dropped == 0
                else:
                    await until(lambda: listener.counters.dropped + len(desk.taken) >= len(_LINES), self.patience)
                    desk.taken.clear()
                    await self.send(listener, [b"after"])
                    await self.arrive(desk, [b"after"])
                assert listener.counters.fault is None

        asyncio.run(run())

    def test_stopped_while_nothing_can_be_kept(self, make: Callable[[Desk], Listener]) -> None:
        """A full disk does not keep it from stopping."""

        async def run() -> None:
            desk = Desk()
            desk.shut = True
            async with self.started(make, desk) as listener:
                sending = asyncio.create_task(self.send(listener, _LINES[:3]))
                await until(lambda: desk.tries > 0, self.patience)
                async with asyncio.timeout(self.patience):
                    await listener.stop()
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            assert desk.taken == []

        asyncio.run(run())


async def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait until something is true; AssertionError when it is not within `seconds`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not true():
        assert loop.time() < end, f"not within {seconds:g} s"
        await asyncio.sleep(0.01)
