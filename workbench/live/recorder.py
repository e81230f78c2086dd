"""From the journal to the record: what one Source received becomes rows, each once, whatever happens between.

The place up to which a journal was read is kept in the transaction that keeps the rows, so a kill at any moment neither
loses a row nor doubles one. A restart reads the newest segment again for what lines had begun; its rows are there.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from workbench.catalog.pieces import blank
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.live.journal import Entry, Journal, Position
from workbench.live.spool import Lines, Spool
from workbench.readers.reader import Reader
from workbench.record.record import Record

log = logging.getLogger(__name__)

#: Entries read at once.
MOST = 50_000


@dataclass
class Kept:
    """What a recorder did since it was made.

    Attributes
    ----------
    rows : int
    refused : int
        Times that the reader refused lines; the journal has them.
    long : int
        Lines left out because they were too long.
    fault : str or None
        Why rows cannot be kept now.
    """

    rows: int = 0
    refused: int = 0
    long: int = 0
    fault: str | None = None


class Recorder:
    """Records one Source.

    Parameters
    ----------
    name : str
        The Source and its table.
    reader : Reader
        A reader of lines that grow (`Reader.appends`).
    journal : Journal
    record : Record
    work : Path
        A folder for what can be made again.
    stream : bool
        The listener gives pieces of a stream, not messages.
    options : mapping
        The reader's own.
    """

    def __init__(
        self, name: str, reader: Reader, journal: Journal, record: Record, work: Path, *, stream: bool,
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.reader, self.journal, self.record = name, reader, journal, record
        self.work = work / name
        self.options = dict(options or {})
        self.kept = Kept()
        self._stream = stream
        self._lines = self._new_lines()
        self._at: Position | None = None  # up to which entries were taken
        self._spool: Spool | None = None
        self._read = 0  # bytes of the spool that the reader has had

    def step(self) -> int:
        """Record what is new in the journal; rows kept. Call it from one thread at a time.

        A disk that is full or a record that cannot be written is told in `kept.fault`, and tried again the next time;
        so is everything else that comes between.
        """
        try:
            rows = self._step()
        except (WorkbenchError, OSError) as error:
            self.kept.fault = str(error)
            self.forget()
            return 0
        self.kept.fault = None
        return rows

    def forget(self) -> None:
        """Begin again from what the record says."""
        self._at = None
        if self._spool is not None:
            self._spool.close()
        self._spool, self._read = None, 0
        self._lines = self._new_lines()

    close = forget

    def again(self, window: Window = ALWAYS) -> int:
        """Read the segments that hold something received in `window` anew, in place of the rows that came from them.

        The rows are put in the place of the old ones segment by segment, so that repeating it changes nothing.

        Returns
        -------
        int
            Rows kept.
        """
        rows = 0
        for number, entries in itertools.groupby(self._window(window), key=lambda entry: entry.at.segment):
            lines = self._new_lines()
            for entry in self._before(number):
                lines.of(entry)
            spool, last = Spool(self.work / "again", number), Position(number)
            try:
                for entry in entries:
                    spool.add([lines.of(entry)])
                    last = entry.after
                ds, _ = self._rows(spool, 0)
            finally:
                spool.close()
            rows += self.record.replace(self.name, _mark(number), ds, upto=last.offset)
        self.forget()
        return rows

    # inside

    def _new_lines(self) -> Lines:
        return Lines(stream=self._stream, stamped=self.reader.stamped)

    def _step(self) -> int:
        if self._at is None:
            self._resume()
        rows = 0
        entries = itertools.islice(self.journal.read(self.name, self._at), MOST)
        for number, some in itertools.groupby(entries, key=lambda entry: entry.at.segment):
            spool = self._spool_of(number)
            for entry in some:
                spool.add([self._lines.of(entry)])
                self._at = entry.after
            rows += self._keep(spool)
        self.kept.long = self._lines.long
        self.kept.rows += rows
        return rows

    def _keep(self, spool: Spool) -> int:
        """Rows of the new lines of a spool into the record, together with how far the journal was read."""
        assert self._at is not None
        ds, end = self._rows(spool, self._read)
        rows = self.record.append(self.name, ds, mark=(_mark(spool.segment), self._at.offset))
        self._read = end
        return rows

    def _rows(self, spool: Spool, begin: int) -> tuple[xr.Dataset, int]:
        """Rows of the lines from byte `begin` of a spool on; lines that are refused are counted and passed over."""
        read: Any = self.reader.rows_from
        try:
            ds, _ = read(spool.path, begin, **self.options)
        except WorkbenchError as error:
            log.warning("%s: %s", self.name, error)
            self.kept.refused += 1
            ds = blank(self.reader)
        return ds, spool.size

    def _resume(self) -> None:
        """Find where the record stands, and make the newest spool again up to there."""
        marks = self.record.marks(self.name)
        numbers = [int(name) for name in marks if name.isdigit()]
        if not numbers:
            self._at = Position()
            return
        number = max(numbers)
        upto = Position(number, marks[_mark(number)])
        for entry in self._before(number):
            self._lines.of(entry)
        spool = self._spool_of(number)
        for entry in self.journal.read(self.name, Position(number)):
            if entry.after > upto:
                break
            spool.add([self._lines.of(entry)])
        self._read = spool.size
        self._at = upto
        if spool.size:
            self._rows(spool, 0)  # a reader that reads on knows what stood before

    def _before(self, number: int) -> Iterator[Entry]:
        """Entries of the segment before `number`: where lines may have begun, and what may come again."""
        if (self._stream or not self.reader.stamped) and number > 0:
            for entry in self.journal.read(self.name, Position(number - 1)):
                if entry.at.segment >= number:
                    return
                yield entry

    def _window(self, window: Window) -> Iterator[Entry]:
        """All entries of the segments that hold something received in `window`."""
        wanted = {entry.at.segment for entry in self.journal.read(self.name, window=window)}
        if not wanted:
            return
        for entry in self.journal.read(self.name, Position(min(wanted))):
            if entry.at.segment > max(wanted):
                return
            if entry.at.segment in wanted:
                yield entry

    def _spool_of(self, number: int) -> Spool:
        if self._spool is None or self._spool.segment != number:
            if self._spool is not None:
                self._spool.close()
            self._spool, self._read = Spool(self.work, number), 0
        return self._spool


def _mark(number: int) -> str:
    return f"{number:08d}"
