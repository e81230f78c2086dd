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

import numpy as np
import xarray as xr

from workbench.catalog.pieces import blank, end_to_end
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.live.headings import Headings
from workbench.live.heads import Heads
from workbench.live.journal import Entry, Journal, Position
from workbench.live.spool import Lines, Spool, Spools
from workbench.readers.reader import Reader
from workbench.record.record import Record

log = logging.getLogger(__name__)

#: Entries read at once, and their bytes: where there are more, the next look goes on.
MOST, LARGE = 50_000, 16 << 20


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

    Attributes
    ----------
    kept : Kept
    behind : bool
        The last look ended before the journal did.
    """

    def __init__(
        self, name: str, reader: Reader, journal: Journal, record: Record, work: Path, *, stream: bool,
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.reader, self.journal, self.record = name, reader, journal, record
        self.work = work / name
        self.options = dict(options or {})
        self.kept = Kept()
        self.behind = False
        self._stream = stream
        self._heads = Heads(name, reader, journal, record, stream=stream)
        self._at: Position | None = None  # up to which entries were taken
        self._spools = self._new_spools()

    def step(self) -> int:
        """Record what is new in the journal; rows kept. Call it from one thread at a time.

        A disk that is full or a record that cannot be written is told in `kept.fault`, and tried again the next time;
        so is everything else that comes between.
        """
        self.behind = False
        try:
            rows = self._step()
        except (WorkbenchError, OSError) as error:
            self.kept.fault = str(error)
        except Exception as error:  # a mistake of ours must not end what is recorded for weeks
            log.exception("%s", self.name)
            self.kept.fault = f"{type(error).__name__}: {error}"
        else:
            self.kept.fault = None
            return rows
        self.forget()
        return 0

    def forget(self) -> None:
        """Begin again from what the record says."""
        self._at = None
        self._spools.close()
        self._spools = self._new_spools()

    close = forget

    def again(self, window: Window = ALWAYS) -> int:
        """Read the segments that hold something received in `window` anew, in place of the rows that came from them.

        The rows are put in the place of the old ones segment by segment, so that repeating it changes nothing. Of a
        segment whose bytes went bad since it was recorded, the rows stay: fewer would come of it now.

        Returns
        -------
        int
            Rows kept.
        """
        rows, recorded = 0, self.record.marks(self.name)
        for number, entries in itertools.groupby(self._window(window), key=lambda entry: entry.at.segment):
            spools, parts, last = self._before(number, "again"), [], Position(number)
            try:
                for entry in entries:
                    parts += [self._rest(spool) for spool in spools.add(entry)]
                    last = entry.after
                ds = _together([*parts, self._rows(spools.current(number))])
            finally:
                spools.close()
            if number in self.journal.damage.segments and recorded.get(_mark(number), 0) >= last.offset:
                log.warning("%s: the journal's %s went bad; rows recorded from it stay", self.name, _mark(number))
                continue
            rows += self.record.replace(self.name, _mark(number), ds, upto=last.offset)
        self.forget()
        return rows

    # inside

    def _new_spools(self, known: bytes = b"", *below: str) -> Spools:
        lines = Lines(stream=self._stream, stamped=self.reader.stamped)
        return Spools(self.work.joinpath(*below), lines, Headings(self.reader, known))

    def _step(self) -> int:
        if self._at is None:
            self._resume()
        rows = 0
        for number, some in itertools.groupby(self._next(), key=lambda entry: entry.at.segment):
            parts = []
            for entry in some:
                parts += [self._rest(spool) for spool in self._spools.add(entry)]
                self._at = entry.after
            rows += self._keep(number, parts)
        self.kept.long = self._spools.lines.long
        self.kept.rows += rows
        return rows

    def _next(self) -> Iterator[Entry]:
        """What is new in the journal, as much as is read at once."""
        count = size = 0
        for entry in self.journal.read(self.name, self._at):
            yield entry
            count, size = count + 1, size + len(entry.body)
            if count >= MOST or size >= LARGE:
                self.behind = True
                return

    def _keep(self, number: int, parts: list[xr.Dataset]) -> int:
        """Rows of `parts` and of the new lines of the spool into the record, with how far the journal was read."""
        assert self._at is not None
        self._heads.keep(self._spools.heads)
        spool = self._spools.current(number)
        ds = _together([*parts, self._rows(spool)])
        rows = self.record.append(self.name, ds, mark=(_mark(number), self._at.offset))
        spool.read = spool.size
        return rows

    def _rest(self, spool: Spool) -> xr.Dataset:
        """What is new in a spool that is finished; it is taken away."""
        try:
            return self._rows(spool)
        finally:
            spool.close()

    def _rows(self, spool: Spool) -> xr.Dataset:
        """Rows of the lines of a spool that the reader has not had; lines that are refused are counted, passed over."""
        read: Any = self.reader.rows_from
        if spool.read == spool.size:
            return xr.Dataset(coords={"time": np.empty(0, "datetime64[ns]")})
        try:
            ds: xr.Dataset = read(spool.path, spool.read, **self.options)[0]
        except (MemoryError, OSError):
            raise
        except Exception as error:
            log.warning("%s: %s", self.name, error, exc_info=not isinstance(error, WorkbenchError))
            self.kept.refused += 1
            ds = blank(self.reader)
        return ds

    def _resume(self) -> None:
        """Find where the record stands, and make the newest spool again up to there."""
        marks = self.record.marks(self.name)
        numbers = [int(name) for name in marks if name.isdigit()]
        if not numbers:
            self._at = Position()
            return
        number = max(numbers)
        upto = Position(number, marks[_mark(number)])
        self._spools = self._before(number)
        for entry in self.journal.read(self.name, Position(number)):
            if entry.after > upto:
                break
            for spool in self._spools.add(entry):
                spool.close()
        self._at = upto
        spool = self._spools.current(number)
        self._rows(spool)  # a reader that reads on knows what stood before
        spool.read = spool.size

    def _before(self, number: int, *below: str) -> Spools:
        """Spools that know what went before segment `number`: a header, lines begun, what may come again."""
        last = (self._stream or not self.reader.stamped) and number > 0
        spools = self._new_spools(self._heads.before(number), *below)
        for entry in self.journal.read(self.name, Position(number - 1)) if last else ():
            if entry.at.segment >= number:
                break
            spools.pass_by(entry)
        return spools

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


def _together(parts: list[xr.Dataset]) -> xr.Dataset:
    """Rows of several parts, one after another."""
    some = [part for part in parts if part.sizes["time"]]
    return end_to_end(some) if len(some) > 1 else some[0] if some else parts[-1]


def _mark(number: int) -> str:
    return f"{number:08d}"
