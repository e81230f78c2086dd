"""What was received, as the file that a reader reads: the lines of one segment of a journal, one after another.

Readers read files of lines. A spool is such a file, made again from the journal whenever it is needed (it lies in a
temporary folder, and means nothing to anybody else). Of a stream (TCP) lines are put together from the pieces of each
peer; a message (a datagram, an MQTT message, a post) is whole lines. Where the format begins its lines with the time of
receipt (`Reader.stamped`), that is put in front: the time of the piece in which a line ended. Where lines carry their
own time, a message that says what one before it said is that one, sent again (MQTT may, after a kill): it counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np

from workbench.live.journal import Entry

#: Bytes of a line, at most; what is longer is left out and counted (the journal has it).
LONGEST = 1 << 16
#: Messages that are remembered, so as to know them again.
REMEMBERED = 10_000
#: Peers whose begun lines are kept.
PEERS = 256


class Lines:
    """Lines out of entries.

    Parameters
    ----------
    stream : bool
        Entries are pieces of a stream; else each is a message.
    stamped : bool
        Put the time of receipt in front of each line.

    Attributes
    ----------
    long : int
        Lines left out because they were longer than `LONGEST`.
    again : int
        Messages left out because they had come before.
    """

    def __init__(self, *, stream: bool, stamped: bool) -> None:
        self.stream, self.stamped = stream, stamped
        self.long = self.again = 0
        self._seen: dict[bytes, None] | None = None if stream or stamped else {}
        self._begun: dict[str, bytes] = {}  # by peer
        self._skipping: set[str] = set()

    def of(self, entry: Entry) -> bytes:
        """The lines that end in this entry, with their line ends."""
        if self._seen is not None and self._known(self._seen, entry.body):
            self.again += 1
            return b""
        body = self._joined(entry.peer, entry.body) if self.stream else entry.body
        lines = [line for line in body.replace(b"\r", b"").split(b"\n") if line]
        kept = [line for line in lines if len(line) <= LONGEST]
        self.long += len(lines) - len(kept)
        if not kept:
            return b""
        if not self.stamped:
            return b"\n".join(kept) + b"\n"
        stamp = np.datetime_as_string(entry.time, unit="ns", timezone="UTC").encode() + b" "
        return b"".join(stamp + line + b"\n" for line in kept)

    @staticmethod
    def _known(seen: dict[bytes, None], body: bytes) -> bool:
        """True when a message came before; it is remembered from now on."""
        digest = blake2b(body, digest_size=16).digest()
        if digest in seen:
            return True
        seen[digest] = None
        if len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
        return False

    def _joined(self, peer: str, piece: bytes) -> bytes:
        """What ends in a piece of a stream; what begins in it waits for the next one."""
        if peer in self._skipping:
            end = piece.find(b"\n")
            if end < 0:
                return b""
            self._skipping.discard(peer)
            piece = piece[end + 1 :]
        whole, _, rest = (self._begun.pop(peer, b"") + piece).rpartition(b"\n")
        if len(rest) > LONGEST:
            self.long += 1
            self._skipping.add(peer)
        elif rest:
            self._begun[peer] = rest
        if len(self._begun) > PEERS:  # connections that are long gone
            del self._begun[next(iter(self._begun))]
        return whole


class Spool:
    """The lines of one segment in a file.

    Parameters
    ----------
    folder : Path
        Where the file lies.
    segment : int
    """

    def __init__(self, folder: Path, segment: int) -> None:
        self.segment = segment
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{segment:08d}.log"
        self._file = self.path.open("wb", buffering=0)
        self.size = 0

    def add(self, lines: Iterable[bytes]) -> int:
        """Put lines at the end; bytes in the file."""
        data = b"".join(lines)
        if data:
            self._file.write(data)
            self.size += len(data)
        return self.size

    def close(self) -> None:
        """Take the file away."""
        self._file.close()
        self.path.unlink(missing_ok=True)
