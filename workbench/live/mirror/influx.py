"""A source's rows into InfluxDB: read what is new, queue it as lines, send the queue.

    with Queue(file_of(cruise.folder, "met", url)) as queue:
        mirror = Mirror(cruise["met"], server, queue, cruise="TN413")
        mirror.run()                    # until all is written;  run(follow=True) goes on for ever

Reading goes on while the server is away, until `MOST` batches wait; from there the source itself keeps what comes.
What disappears from the source stays in InfluxDB.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xarray as xr

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.live.mirror.queue import Queue
from workbench.readers.influxdb_http import Refusal, Server, Unreachable
from workbench.readers.influxdb_lines import lines

if TYPE_CHECKING:
    from workbench.catalog.source import Source

__all__ = ["Mirror"]

#: Lines of a batch.
BATCH = 10_000
#: Batches that may wait.
MOST = 200
#: Rows turned into lines at once.
BLOCK = 200_000
#: Seconds between two attempts, at first and at most.
SOON, LATE = 1.0, 60.0


@dataclass
class Mirror:
    """One source on its way into one database.

    Attributes
    ----------
    source : Source
    server : Server
        Its place names the database; its measurement is used where `measurement` is None and rows do not name theirs.
    queue : Queue
    measurement : str or None
    cruise : str
        The tag ``cruise`` of every point; TSDATA says its own.
    tags : mapping of str to str
        More tags of every point.
    org : str or None
        The organisation (InfluxDB 2).
    quality : bool
        Write the flags of quality as well.
    batch : int
    every : float
        Seconds between two looks at the source, when following.
    told : callable
        Called with a sentence for people when something goes wrong or right again.
    """

    source: Source
    server: Server
    queue: Queue
    measurement: str | None = None
    cruise: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    org: str | None = None
    quality: bool = False
    batch: int = BATCH
    every: float = 1.0
    told: Callable[[str], object] = lambda text: None
    sleep: Callable[[float], object] = time.sleep
    sent: int = 0
    _fault: str = ""
    _cursor: Any = None

    def run(self, *, follow: bool = False, patience: float = 300.0) -> int:
        """Write what there is, and with `follow` what comes; rows sent.

        Raises
        ------
        ReaderError
            When the server will not take anything (no such database, not allowed), or the source cannot be read.
        WorkbenchError
            Without `follow`, when the server was away for `patience` seconds. What was read waits in the queue.
        """
        wait, away = SOON, 0.0
        while True:
            more = self._read(follow)
            try:
                self._send()
            except (Refusal, Unreachable) as error:
                if not _passes(error):
                    raise
                if not follow and away + wait > patience:
                    raise WorkbenchError(self._left(error)) from error
                self._tell(str(error))
                self.sleep(wait)
                wait, away = min(2 * wait, LATE), away + wait
                continue
            wait, away = SOON, 0.0
            self._tell("")
            if not more and not follow:
                return self.sent
            if not more:
                self.sleep(self.every)

    def _left(self, error: Exception) -> str:
        _, rows = self.queue.waiting
        return f"{error}. {rows:,} rows wait in {self.queue.path}; the same command goes on with them"

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            _, rows = self.queue.waiting
            self.told(f"{fault}; {rows:,} rows wait" if fault else "InfluxDB takes rows again")
            self._fault = fault

    def _read(self, follow: bool) -> bool:
        """Queue what is new; True when there is more to read at once."""
        if self.queue.waiting[0] >= MOST:
            return True
        if self._cursor is None:
            self._cursor = self.queue.get("cursor")
        try:
            ds, cursor = self.source.changed(self._cursor)
        except (ReaderError, OSError) as error:
            if not follow:
                raise
            self.told(str(error))
            return False
        if ds.attrs.get("replaces") and not ds.sizes.get("time", 0):
            self.queue.put([], cursor=None, seen={})  # points written again are the same points
            self._cursor = None
            return True
        seen: dict[str, int] = self.queue.get("seen") or {}
        batches = list(self._batches(ds, seen))
        if batches or cursor != self._cursor:
            self.queue.put(batches, cursor=cursor, seen=_newest(seen))
            self._cursor = cursor
        return bool(ds.attrs.get("more"))

    def _batches(self, ds: xr.Dataset, seen: dict[str, int]) -> Iterator[list[str]]:
        rows = ds.sizes.get("time", 0)
        held: list[str] = []
        name, tags = self._named(ds)
        for begin in range(0, rows, BLOCK):
            block = ds.isel(time=slice(begin, begin + BLOCK)).load()
            for line in lines(block, name, tags, quality=self.quality, seen=seen):
                held.append(line)
                if len(held) == self.batch:
                    yield held
                    held = []
        if held:
            yield held

    def _named(self, ds: xr.Dataset) -> tuple[str, dict[str, str]]:
        """The measurement and the tags of every row; TSDATA names them itself."""
        kind, project = (str(ds.attrs.get(key, "")) for key in ("file_type", "project"))
        alone = "; " not in kind and kind
        name = self.measurement or (kind if alone else "") or self.server.place.measurement
        own = project if project and "; " not in project else self.cruise
        return name, {"cruise": own, **self.tags}

    def _send(self) -> None:
        """Empty the queue; what the server will never take is put aside."""
        while (found := self.queue.oldest()) is not None:
            number, rows, body = found
            try:
                self._write(body)
            except Refusal as error:
                if error.status != 400:
                    raise
                self.queue.refuse(number, error.reason)
                self.told(f"{error}; those lines are kept in {self.queue.path}")
                continue
            self.queue.done(number)
            self.sent += rows

    def _write(self, body: bytes) -> None:
        try:
            self.server.write(body, org=self.org)
        except Refusal as error:
            points = body.split(b"\n")
            if error.status != 413 or len(points) < 2 or b'"' in body:
                raise
            half = len(points) // 2  # more than the server takes at once
            self._write(b"\n".join(points[:half]))
            self._write(b"\n".join(points[half:]))


def _passes(error: Any) -> bool:
    """True when the same may go well later."""
    return isinstance(error, Unreachable) or error.status in (408, 413, 429) or error.status >= 500


def _newest(seen: dict[str, int]) -> dict[str, int]:
    """What the next call needs of it: the last moment written, whose rows may go on."""
    if not seen:
        return {}
    stamp = next(reversed(seen)).partition(",")[0]
    return {point: n for point, n in seen.items() if point.partition(",")[0] == stamp}
