"""What the lines of a stream stand under: the header that its sender said once, carried into every part that is read alone.

A sender says its header when it begins, and perhaps again when it connects anew; the journal changes its segment each
hour. Lines are read in parts, each with its header in front: a segment's own, or the one that was said before.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.readers.reader import Reader


class Headings:
    """Puts lines under their header.

    Parameters
    ----------
    reader : Reader
        How many lines are one (`Reader.head`), and which (`Reader.heads`).
    known : bytes
        What was said before; empty when nothing was.

    Attributes
    ----------
    known : bytes
        The header in force, with its line ends.
    """

    def __init__(self, reader: Reader, known: bytes = b"") -> None:
        self._reader = reader
        self.known = known
        self._bare = True  # nothing stands in this part yet
        self._held: list[bytes] = []  # what may become a header

    def turn(self) -> None:
        """Begin a new part, which the header in force is put in front of."""
        self._bare = True

    def wants(self, message: bytes) -> bool:
        """Whether a message belongs to a header, whose lines may well be alike."""
        first = message.partition(b"\n")[0].rstrip(b"\r")
        return bool(self._reader.head) and (bool(self._held) or not self.known or first in self.known.split(b"\n"))

    def of(self, lines: bytes) -> Iterator[tuple[bool, bytes]]:
        """Whole lines, with what they stand under; True where a new part begins."""
        if not self._reader.head:
            if lines:
                yield self._bare, lines
                self._bare = False
            return
        plain: list[bytes] = []
        for line in lines.split(b"\n")[:-1]:
            self._held.append(line)
            while self._held and (verdict := self._verdict()) is not None:
                if not verdict:
                    plain.append(self._held.pop(0))
                    continue
                said, self._held = b"\n".join(self._held) + b"\n", []
                if said == self.known:
                    continue  # said again
                yield from self._under(plain)
                plain, self.known, self._bare = [], said, True
        yield from self._under(plain)

    def _under(self, lines: list[bytes]) -> Iterator[tuple[bool, bytes]]:
        if lines:
            begins, self._bare = self._bare, False
            yield begins, (self.known if begins else b"") + b"\n".join(lines) + b"\n"

    def _verdict(self) -> bool | None:
        """Whether what is held is a header; None when it may become one."""
        count, head = len(self._held), self._reader.head
        if self.known and self._held == self.known.split(b"\n")[:count]:
            return True if count == head else None
        return self._reader.heads(self._held, due=not self.known)
