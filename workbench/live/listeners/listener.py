"""What every listener is: started, stopped, counted; its receipts go through one door."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.plugins import find, names
from workbench.live.listeners.address import Address, ListenerError, fitted
from workbench.live.receipt import Door, NotKept, Receipt

log = logging.getLogger(__name__)

GROUP = "workbench.listeners"
#: Seconds between two tries: the first, and the longest.
SOON, LATE = 0.25, 30.0


@dataclass
class Counters:
    """What a listener has seen since it was made.

    Attributes
    ----------
    received, bytes : int
        Receipts that were taken by the door, and their bytes.
    dropped : int
        Receipts that reached this machine and are lost: the kernel had no room, or the disk refused.
    refused : int
        What was not let in: too long, without a token, a file that is none of its format.
    reconnects : int
        Times that a connection was lost.
    last : numpy.datetime64[ns]
        When the newest receipt came; NaT before the first.
    fault : str or None
        What is wrong now, for people.
    """

    received: int = 0
    bytes: int = 0
    dropped: int = 0
    refused: int = 0
    reconnects: int = 0
    last: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As a status that JSON keeps; `last` as text, or None."""
        return {**vars(self), "last": None if np.isnat(self.last) else f"{self.last}Z"}


class Listener(ABC):
    """Receives for one Source.

    Parameters
    ----------
    name : str
        The Source.
    address : Address
    door : Door
        Where receipts go.
    **options
        A listener's own, explicit in its signature.

    Attributes
    ----------
    counters : Counters
    bound : str
        Where it listens, once started (``127.0.0.1:55501``); empty where nothing is bound.
    """

    #: The beginnings of its URLs.
    schemes: ClassVar[tuple[str, ...]] = ()
    #: True when receipts are pieces of a stream, not messages.
    stream: ClassVar[bool] = False

    def __init__(self, name: str, address: Address, door: Door) -> None:
        self.name = name
        self.address = address
        self.door = door
        self.counters = Counters()
        self.bound = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def start(self) -> None:
        """Begin to listen. What it connects to need not be there yet.

        Raises
        ------
        ListenerError
            When the address is taken, or not of this machine.
        """

    async def stop(self) -> None:
        """Listen no more; nothing of it runs when this returns. It can be started again."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # for those who write a listener

    def take(self, receipts: Sequence[Receipt]) -> None:
        """Hand receipts to the door and count them; NotKept when it could not keep them (the fault says why)."""
        try:
            self.door.take(receipts)
        except NotKept as error:
            self.counters.fault = str(error)
            raise
        counters = self.counters
        counters.received += len(receipts)
        counters.bytes += sum(len(receipt.body) for receipt in receipts)
        counters.last = receipts[-1].time
        counters.fault = None

    async def keep(self, receipts: Sequence[Receipt]) -> None:
        """`take`, tried until it goes well: for those whose other end can wait."""
        pause = Pause()
        while True:
            try:
                return self.take(receipts)
            except NotKept:
                await pause.wait()

    def receipt(self, body: bytes, peer: str) -> Receipt:
        """What came in just now."""
        return Receipt(self.name, body, peer, clock.now())

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until `stop`; a mistake in it is logged and becomes the fault."""
        task = asyncio.create_task(work, name=f"listener {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("listener %s", self.name, exc_info=error)
            self.counters.fault = f"{self.address.url}: stopped listening ({type(error).__name__}: {error})"


class Pause:
    """Waits between tries, twice as long each time, up to `LATE` seconds."""

    def __init__(self) -> None:
        self.seconds = SOON

    async def wait(self) -> None:
        """Wait, and longer the next time."""
        await asyncio.sleep(self.seconds)
        self.seconds = min(2 * self.seconds, LATE)

    def over(self) -> None:
        """It went well: begin anew."""
        self.seconds = SOON


def listener_class(scheme: str) -> type[Listener]:
    """The listener for URLs that begin with `scheme`: registered under it, or under what stands before ``+`` or ``s``.

    Raises
    ------
    ListenerError
        When there is none; the nearest is told.
    """
    base = scheme.partition("+")[0]
    for name in (scheme, base, base.removesuffix("s")):
        if name in names(GROUP):
            found = find(GROUP, name)
            if not (isinstance(found, type) and issubclass(found, Listener)):
                raise ListenerError(f"'{name}' is registered as a listener, but is none")
            if scheme in found.schemes:
                return found
            raise ListenerError(f"'{scheme}:' is not known. {suggest(scheme, found.schemes)}")
    raise ListenerError(f"no listener is called '{scheme}'. {suggest(scheme, names(GROUP))}")


def open_listener(name: str, url: str, door: Door, **options: Any) -> Listener:
    """The listener that a ``listen:`` URL asks for, not started yet.

    Parameters
    ----------
    name : str
        The Source.
    url : str
    door : Door
    **options
        Options beside the URL, such as ``password_env``.

    Raises
    ------
    ListenerError
        When the URL or an option is not understood.
    """
    address = Address.parse(url)
    cls = listener_class(address.scheme)
    return cls(name, address, door, **fitted(cls, address, options))


def mistake(url: str, **options: Any) -> str | None:
    """What is wrong with a ``listen:`` URL and its options; None when nothing is. Nothing is opened."""
    try:
        open_listener("check", url, _Nowhere(), **options)
    except WorkbenchError as error:
        return str(error)
    return None


class _Nowhere:
    def take(self, receipts: Sequence[Receipt]) -> object:
        return None

    def earlier(self, name: str) -> Sequence[Receipt]:
        return ()


def unbindable(address: Address, error: OSError) -> ListenerError:
    """Why an address cannot be listened at."""
    return ListenerError(
        f"{address.url}: cannot listen there ({error.strerror or error}). Does another program listen there, or is "
        "this no address of this machine? 0.0.0.0 means all of them"
    )
