"""Which header was in force when a segment of a journal began: kept in the cruise folder, so that nothing is read for it.

It can be made again from the journal, which is read once from its beginning when nothing is known of it.
"""

from __future__ import annotations

from workbench.live.headings import Headings
from workbench.live.journal import Journal
from workbench.live.spool import Lines, Spools
from workbench.readers.reader import Reader
from workbench.record.cursors import Cursors
from workbench.record.record import Record


class Heads:
    """Headers of one Source.

    Parameters
    ----------
    name : str
    reader : Reader
    journal : Journal
    record : Record
    stream : bool
        As in `Lines`.
    """

    def __init__(self, name: str, reader: Reader, journal: Journal, record: Record, *, stream: bool) -> None:
        self.name, self.reader, self.journal, self.stream = name, reader, journal, stream
        self._cursors = Cursors(record.folder)
        self._known: dict[int, bytes] | None = None

    def before(self, number: int) -> bytes:
        """The header in force when segment `number` began; empty when none was said."""
        if not self.reader.head:
            return b""
        known = self._all()
        segments = [segment for segment in known if segment < number]
        return known[max(segments)] if segments else b""

    def keep(self, heads: dict[int, bytes]) -> None:
        """Keep headers that were said, by the segment."""
        if heads and not heads.items() <= (known := self._all()).items():
            known |= heads
            said = [[segment, head.decode("latin-1")] for segment, head in sorted(known.items())]
            self._cursors.set(self._mirror, said)

    @property
    def _mirror(self) -> str:
        return f"head {self.name}"

    def _all(self) -> dict[int, bytes]:
        if self._known is None:
            said = self._cursors.get(self._mirror)
            self._known = self._read() if said is None else {int(n): str(head).encode("latin-1") for n, head in said}
        return self._known

    def _read(self) -> dict[int, bytes]:
        """The headers that stand in the journal."""
        lines = Lines(stream=self.stream, stamped=self.reader.stamped)
        spools = Spools(self.journal.folder, lines, Headings(self.reader))
        for entry in self.journal.read(self.name):
            spools.pass_by(entry)
        return spools.heads
