"""The journal of all Sources of a cruise."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event, RLock, Thread
from types import TracebackType

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.live.journal import reading
from workbench.live.journal import segment as segments
from workbench.live.journal.entry import Entry, Position
from workbench.live.journal.frame import LONGEST, encode
from workbench.live.journal.reading import Damage
from workbench.live.journal.segment import Segment
from workbench.live.journal.writer import Writer
from workbench.live.receipt import NotKept, Receipt

log = logging.getLogger(__name__)

#: Seconds of each look that go to compressing.
PACKING = 0.1
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


class Journal:
    """Raw bytes of every Source, in ``FOLDER/NAME/``; see the top of this package.

    Any number of processes read it; one writes (the engine's lock sees to that). Writing does not wait for the disk:
    `append` returns when a kill can no longer lose the entry, and a thread brings entries onto the disk every `fsync`
    seconds, which is what a power cut may lose. Nothing is ever repaired: a new process begins new segments.

    Parameters
    ----------
    folder : path-like
        ``raw`` in the cruise folder. Made with the first entry.
    fsync : float
        Seconds between two times; 0 brings every entry onto the disk before `append` returns.
    packed : bool
        Compress segments once they are closed.
    """

    def __init__(self, folder: str | os.PathLike[str], *, fsync: float = 1.0, packed: bool = True) -> None:
        self.folder = Path(folder)
        self.fsync = fsync
        self.packed = packed
        self.damage = Damage()  #: what reading left out, by all readers of this object
        self._writers: dict[str, Writer] = {}
        self._waiting: deque[Segment] = deque()  # closed, not packed yet
        self._lock = RLock()
        self._settled = 0.0  # when all was brought onto the disk the last time
        self._stop = Event()
        self._thread: Thread | None = None

    # writing

    def append(self, name: str, body: bytes, peer: str, time: np.datetime64) -> Position:
        """Keep what a Source received; the position after it, which is a cursor for `read`.

        Parameters
        ----------
        name : str
            The Source.
        body : bytes
            Exactly what came, at most 64 MiB.
        peer : str
            From where.
        time : numpy.datetime64
            When it was received (UTC).

        Raises
        ------
        NotKept
            When it could not be written: nothing of it is in the journal, and it can be tried again.
        """
        return self._extend(name, ((body, peer, time),))

    def take(self, receipts: Sequence[Receipt]) -> Position:
        """Keep the receipts of one Source, all or none, with one write; the position after them."""
        return self._extend(receipts[0].name, [(each.body, each.peer, each.time) for each in receipts])

    def _extend(self, name: str, entries: Sequence[tuple[bytes, str, np.datetime64]]) -> Position:
        frames = []
        for body, peer, when in entries:
            if len(body) > LONGEST:
                raise WorkbenchError(f"{name}: {len(body)} bytes at once are too many; an entry has at most {LONGEST}")
            frames.append(encode(body, peer, int(when.astype("datetime64[ns]").astype(np.int64))))
        return self._writer(name).append(b"".join(frames), entries[-1][2], synced=self.fsync <= 0)

    def sync(self) -> None:
        """Bring everything onto the disk now. NotKept when it refuses."""
        for writer in self._all():
            writer.sync()

    def tend(self) -> None:
        """What the thread does each time: sync, close segments whose hour is over, compress what is closed.

        Never raises; what goes wrong stands in `faults`, and is tried again.
        """
        self._settle()
        for writer in self._all():
            writer.rotate(clock.now())
        until = time.monotonic() + PACKING  # one at least; small ones do not gather
        while self._pack_one() and time.monotonic() < until:
            pass

    @property
    def failures(self) -> int:
        """Times that something could not be kept."""
        return sum(writer.failures for writer in self._all())

    @property
    def faults(self) -> dict[str, str]:
        """Sources whose bytes cannot be kept now, and why."""
        with self._lock:
            return {name: writer.fault for name, writer in self._writers.items() if writer.fault}

    def close(self) -> None:
        """Bring everything onto the disk and end the thread. Reading, and writing anew, is still possible."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for writer in self._all():
            writer.close()
        with self._lock:
            self._writers.clear()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # reading

    def names(self) -> tuple[str, ...]:
        """Sources that have a journal."""
        try:
            return tuple(sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir()))
        except FileNotFoundError:
            return ()

    def read(
        self, name: str, since: Position | Mapping[str, int] | None = None, window: Window = ALWAYS
    ) -> Iterator[Entry]:
        """Entries of a Source in the order they were written, while it is written or not.

        Parameters
        ----------
        name : str
        since : Position or dict, optional
            The ``after`` of the last entry that is known, or its `Position.as_json`; None begins with the oldest.
        window : Window
            Only entries received then.

        Yields
        ------
        Entry

        Notes
        -----
        Half an entry is never given. Bytes that went bad are passed over and counted in `damage`.
        """
        writer = self._writers.get(name)
        return reading.read(
            self._folder(name), Position.of(since), window, self.damage, writer.segment if writer is not None else None
        )

    def earlier(self, name: str) -> Iterator[Receipt]:
        """Everything that was received for a Source, the oldest first."""
        return (entry.receipt(name) for entry in self.read(name))

    def end(self, name: str) -> Position:
        """The position after the newest entry: the cursor for what is still to come."""
        writer = self._writers.get(name)
        known = writer.end if writer is not None else None
        if known is not None:
            return known
        found = segments.find(self._folder(name))
        since = Position(found[-1].number) if found else Position()
        for entry in self.read(name, since):
            since = entry.after
        return since

    # inside

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise WorkbenchError(f"'{name}' is not the name of a source: letters, digits, _ and -, a letter first")
        return self.folder / name

    def _writer(self, name: str) -> Writer:
        writer = self._writers.get(name)
        if writer is None:
            folder = self._folder(name)
            with self._lock:
                writer = self._writers.setdefault(name, Writer(folder, self._closed))
                if self._thread is None:
                    self._stop.clear()
                    self._thread = Thread(target=self._run, name="journal", daemon=True)
                    self._thread.start()
        return writer

    def _all(self) -> list[Writer]:
        with self._lock:
            return list(self._writers.values())

    def _closed(self, segment: Segment) -> None:
        if self.packed and segment.path.exists():
            self._waiting.append(segment)

    def _run(self) -> None:
        while not self._stop.wait(self.fsync or 1.0):
            try:
                self.tend()
            except Exception:  # what is appended must come onto the disk all the same
                log.exception("%s", self.folder)

    def _settle(self) -> None:
        """Sync, whatever goes wrong."""
        self._settled = time.monotonic()
        for writer in self._all():
            try:
                writer.sync()
            except NotKept as error:
                log.warning("%s", error)

    def _meanwhile(self) -> bool:
        """While a large segment is compressed: what is appended comes onto the disk in time; False to end."""
        if time.monotonic() - self._settled >= self.fsync:
            self._settle()
        return not self._stop.is_set()

    def _pack_one(self) -> bool:
        """Compress the oldest that waits; False when there is none, or it must wait longer."""
        if not self._waiting:
            return False
        segment = self._waiting.popleft()
        try:
            done = segments.pack(segment, self._meanwhile)
        except OSError as error:
            log.warning("%s: cannot be compressed (%s); it is tried again", segment.path, error.strerror or error)
            done = False
        if not done:
            self._waiting.append(segment)
        return done
