"""What was received, as the file that a reader reads: the lines of one segment of a journal, one after another.

Readers read files of lines. A spool is such a file, made again from the journal whenever it is needed (it lies in a
temporary folder, and means nothing to anybody else). Of a stream (TCP) lines are put together from the pieces of each
peer; a message (a datagram, an MQTT message, a post) is whole lines. Where the format begins its lines with the time of
receipt (`Reader.stamped`), that is put in front: the time of the piece in which a line ended. Where lines carry their
own time, a message that says what one before it said is that one, sent again (MQTT may, after a kill): it counts once. Where a format has a header, which a sender says once, it
stands in front of every part: each segment can be read alone (`headings`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np

from workbench.live.headings import Headings
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

    def of(self, entry: Entry, *, again: bool = False) -> bytes:
        """The lines that end in this entry, with their line ends; `again` takes a message that came before, too."""
        if self._seen is not None and not again and self._known(self._seen, entry.body):
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
    """Lines in a file.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    size : int
        Bytes in the file.
    read : int
        Bytes that the reader has had.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self.size = self.read = 0

    def add(self, data: bytes) -> None:
        """Put lines at the end."""
        if data:
            self._file.write(data)
            self.size += len(data)

    def close(self) -> None:
        """Take the file away; where the disk does not let us, the next engine does (`Engine.work`)."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class Spools:
    """The spools of one journal: another for each segment, and under each header, so that each is read alone.

    Parameters
    ----------
    folder : Path
        Where they lie.
    lines : Lines
    headings : Headings

    Attributes
    ----------
    heads : dict of int to bytes
        Headers that were said, by the segment.
    """

    def __init__(self, folder: Path, lines: Lines, headings: Headings) -> None:
        self.folder, self.lines, self.headings = folder, lines, headings
        self.heads: dict[int, bytes] = {}
        self._spool: Spool | None = None
        self._segment = -1
        self._count = 0

    def pass_by(self, entry: Entry) -> None:
        """An entry before those that are wanted: what begins in it is remembered, and what it says again."""
        for _ in self._pieces(entry):
            pass

    def add(self, entry: Entry) -> list[Spool]:
        """Put the lines of an entry where they belong; spools that are finished, which the caller closes."""
        self._turn(entry.at.segment)
        done: list[Spool] = []
        for begins, piece in self._pieces(entry):
            if begins and self._spool is not None and self._spool.size:
                done.append(self._spool)
                self._spool = None
            self.current(entry.at.segment).add(piece)
        return done

    def current(self, segment: int) -> Spool:
        """The spool that is written to."""
        self._turn(segment)
        if self._spool is None:
            self._spool = Spool(self.folder / f"{segment:08d}.{self._count}.log")
            self._count += 1
        return self._spool

    def close(self) -> None:
        """Take the files away."""
        if self._spool is not None:
            self._spool.close()
        self._spool = None

    def _turn(self, segment: int) -> None:
        """Begin anew when it is another segment; what is in the old spool has been read."""
        if self._segment != segment:
            self.close()
            self.headings.turn()
        self._segment = segment

    def _pieces(self, entry: Entry) -> Iterator[tuple[bool, bytes]]:
        before, again = self.headings.known, self.headings.wants(entry.body)
        yield from self.headings.of(self.lines.of(entry, again=again))
        if self.headings.known != before:
            self.heads[entry.at.segment] = self.headings.known
