"""What a replay sends to, whatever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from workbench.live.listeners.address import Address
from workbench.live.replay.pieces import Piece, Stream


class Target(ABC):
    """Sends pieces somewhere.

    Parameters
    ----------
    address : Address
    source : str or None
        The only source it takes; None for all.
    """

    whole = False  #: takes whole files
    options: ClassVar[tuple[str, ...]] = ()  #: what may stand behind ``?``

    def __init__(self, address: Address, source: str | None) -> None:
        self.address = address
        self.source = source

    def takes(self, stream: Stream) -> bool:
        """Does a stream go here?"""
        return self.source in (None, stream.name) and (self.whole or not stream.whole)

    async def open(self) -> None:  # noqa: B027
        """Connect."""

    @abstractmethod
    async def send(self, piece: Piece) -> None:
        """Send one piece."""

    def drop(self) -> None:  # noqa: B027
        """Somebody interrupts: what still waits to be sent is let go, so that `close` need not wait for the other end."""

    async def close(self) -> None:  # noqa: B027
        """Let go of everything, when what was sent has gone out."""
