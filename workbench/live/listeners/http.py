"""What is posted: ``listen: "http:"``. The route that calls `post` is made where the web server is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.core.errors import suggest
from workbench.live.access import Access, Asker
from workbench.live.listeners.address import Address
from workbench.live.listeners.listener import Listener
from workbench.live.receipt import Door, NotKept


@dataclass(frozen=True)
class Answer:
    """What the web server answers: a status, and an object that becomes JSON. 2xx says that it is on disk."""

    status: int
    said: Mapping[str, Any]


class Http(Listener):
    """Bodies posted to ``/api/v1/feed/NAME``. The web server asks `refusal` before it reads a body, then `receive`.

    Parameters
    ----------
    name, address, door
        See `Listener`.
    longest : int
        Bytes of one body.
    """

    schemes: ClassVar[tuple[str, ...]] = ("http",)

    def __init__(self, name: str, address: Address, door: Door, *, longest: int = 8 << 20) -> None:
        super().__init__(name, address, door)
        self.longest = longest
        self.open = False

    async def start(self) -> None:
        """Let bodies in."""
        self.open = True

    async def stop(self) -> None:
        """Let no more in."""
        self.open = False
        await super().stop()

    def refusal(self, length: int | None) -> Answer | None:
        """Why a body of this length is not let in (counted); None when it is. None for a length: not known yet."""
        if not self.open:
            return Answer(503, {"error": f"'{self.name}' is not listening now; try again later"})
        if length is not None and length > self.longest:
            self.counters.refused += 1
            error = f"{length} bytes are too many for '{self.name}'; at most {self.longest} at once"
            return Answer(413, {"error": error})
        return None

    def receive(self, name: str, body: bytes, peer: str) -> Answer:
        """Keep a body; 200 when it is on disk, 503 when the disk refuses (send it again later)."""
        wrong = self.refusal(len(body))
        if wrong is not None:
            return wrong
        try:
            self.take([self.receipt(body, peer)])
        except NotKept as error:
            return Answer(503, {"error": str(error)})
        return Answer(200, {"feed": name, "bytes": len(body)})


def admit(
    listeners: Mapping[str, Http], access: Access, name: str, asker: Asker, length: int | None = None
) -> Answer | None:
    """Why somebody may not post to a feed, before the body is read; None when they may."""
    verdict = access.may_feed(asker)
    listener = listeners.get(name)
    if not verdict.allowed:
        if listener is not None:
            listener.counters.refused += 1
        return Answer(401 if asker.token is None else 403, {"error": verdict.reason})
    if listener is None:
        return Answer(404, {"error": f"no feed here is called '{name}'. {suggest(name, listeners)}"})
    return listener.refusal(length)


def post(listeners: Mapping[str, Http], access: Access, name: str, body: bytes, asker: Asker) -> Answer:
    """``POST /api/v1/feed/NAME``: who asks may, and the body is kept.

    Parameters
    ----------
    listeners : mapping of str to Http
        By the name of their Source.
    access : Access
        Tokens of the roles ``feed`` and ``scientist`` may; without tokens, this machine.
    name : str
    body : bytes
    asker : Asker
    """
    wrong = admit(listeners, access, name, asker, len(body))
    return wrong if wrong is not None else listeners[name].receive(name, body, asker.peer)
