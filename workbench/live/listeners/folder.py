"""Files that appear in a folder: ``folder:/path``, ``folder:/path?pattern=*.evt&poll=5``. A receipt for each, not a copy."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import aclosing
from fnmatch import fnmatch
from pathlib import Path
from typing import ClassVar

from watchfiles import Change, awatch

from workbench.catalog.registered import reader_class
from workbench.core.errors import WorkbenchError
from workbench.live.listeners.address import Address, ListenerError
from workbench.live.listeners.arrivals import Arrival, Arrivals
from workbench.live.listeners.listener import Listener, Pause
from workbench.live.receipt import Door

log = logging.getLogger(__name__)

#: File systems that tell nobody when another machine writes.
_REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "glusterfs", "afs", "lustre", "beegfs", "vboxsf", "davfs")
_POLL = 5.0
#: Seconds after which a folder that was put in the place of the one watched is noticed.
THERE = 5.0


class Folder(Listener):
    """Whole files of a folder and the folders in it.

    The body of a receipt is JSON, ``{"path", "size", "mtime_ns", "sha256"}`` (see `arrived`); the path is told from the
    folder, which is the peer. A file is taken when its size and mtime stay and it is whole by its format's own test
    (`Reader.complete`); of files that grow (logs), the whole rows are taken, again and again. Hidden files, which
    rsync fills before it gives them their name, and those dated 1970, which it leaves when it is cut off, wait. One that is
    copied under its final name waits as well, although it may have its whole length from the beginning (rclone copies
    large ones in several streams, some programs make room first): while parts of it were never written, for a minute. What is
    there at the start and was not taken before is taken then; a file that changed comes again.

    Parameters
    ----------
    name, address, door
        See `Listener`.
    reader : str
        The Source's reader; its test and its file names count. Without one, a file is whole when it stays as it is.
    pattern : str
        Names of files that are meant (``*.evt*``); by default those that the reader claims.
    poll : float
        Seconds between two looks at everything; 0 for being told by the kernel, except on network mounts, which are
        looked at every 5 s.
    settle : float
        Seconds that a file must stay as it is.
    rescan : float
        Seconds between two looks at everything where the kernel tells (it can be too much for it).
    """

    schemes: ClassVar[tuple[str, ...]] = ("folder",)

    def __init__(
        self, name: str, address: Address, door: Door, *, reader: str = "", pattern: str = "", poll: float = 0.0,
        settle: float = 0.5, rescan: float = 60.0,
    ) -> None:  # fmt: skip
        super().__init__(name, address, door)
        if address.host or not os.path.isabs(address.path):
            raise ListenerError(f"{address.url}: which folder? Such as folder:/data/incoming")
        self.root = os.path.normpath(address.path)
        self.rescan, self.settle = rescan, settle
        self._poll = poll
        made = None
        if reader:
            try:
                made = reader_class(reader)()
            except WorkbenchError as error:
                raise ListenerError(f"{address.url}: {error}") from None
        patterns = (pattern,) if pattern else made.patterns if made else ("*",)
        self.arrivals = Arrivals(self.root, _matching(patterns), made, settle)
        self._told = asyncio.Event()
        self._due = 0.0  # when everything is looked at again

    async def start(self) -> None:
        """Look at what is there, then wait for more. The folder need not be there yet."""
        self._told = asyncio.Event()
        self.arrivals.waiting.clear()
        await asyncio.to_thread(self._recall)
        self.run(self._work())
        if not self.polling:
            self.run(self._watch())

    @property
    def polling(self) -> float:
        """Seconds between two looks; 0 where the kernel tells."""
        return self._poll or (_POLL if is_remote(self.root) else 0.0)

    def _recall(self) -> None:
        """What was taken before, from the journal."""
        for receipt in self.door.earlier(self.name):
            arrival = arrived(receipt.body)
            if arrival is not None:
                self.arrivals.taken[arrival.path] = arrival

    async def _work(self) -> None:
        every = self.polling or self.rescan
        self._due = 0.0
        while True:
            now = time.monotonic()
            if now >= self._due:
                self._due = now + every
                await self._scan(now)
            found, refused = await asyncio.to_thread(self.arrivals.look, now)
            self.counters.refused += refused
            if found:
                await self.keep([self.receipt(_body(arrival), self.root) for arrival in found])
            for arrival in found:
                self.arrivals.take(arrival)
            soon = 0.0 if self.arrivals.more else self.settle / 2 if found or self.arrivals.restless else every
            try:
                async with asyncio.timeout(max(0.01, min(soon, self._due - time.monotonic()))):
                    await self._told.wait()
            except TimeoutError:
                pass
            self._told.clear()

    async def _scan(self, now: float) -> None:
        try:
            for path in await asyncio.to_thread(self.arrivals.others):
                self.arrivals.notice(path, now)
        except OSError as error:
            self.counters.fault = (
                f"{self.root}: {error.strerror or error}; looked for again every {self.polling or self.rescan:g} s"
            )
        else:
            self.counters.fault = None

    async def _watch(self) -> None:
        """Be told by the kernel; begin anew when the folder is made or comes back."""
        pause, again = Pause(), False
        while True:
            if os.path.isdir(self.root):
                if again:
                    self._due = 0.0  # what came before we are told
                    self._told.set()
                again = True
                try:
                    await self._told_of(pause)
                except Exception as error:  # of whatever kind: a name that is no text comes in a group of them
                    why = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                    log.warning("%s: cannot be watched (%s); looked at again soon", self.root, why)
            await pause.wait()

    async def _told_of(self, pause: Pause) -> None:
        """Be told, until the folder is gone or another one stands in its place."""
        place = _place(self.root)
        often = round(1000 * THERE)
        watch = awatch(self.root, watch_filter=None, debounce=200, step=50, rust_timeout=often, yield_on_timeout=True)
        first = True
        async with aclosing(watch) as told:
            async for changes in told:
                if first:
                    self._due, first = 0.0, False  # what came after the last look and before the kernel listened
                    self._told.set()
                if changes:
                    pause.over()
                    await asyncio.to_thread(self._changed, [path for _, path in changes])
                    self._told.set()
                if _place(self.root) != place or (Change.deleted, self.root) in changes:
                    return

    def _changed(self, paths: list[str]) -> None:
        now, root = time.monotonic(), os.path.realpath(self.root)
        for path in paths:
            below = os.path.relpath(path, self.root if path.startswith(self.root) else root)
            if below != "." and os.path.realpath(os.path.dirname(path)) != os.path.dirname(os.path.join(root, below)):
                continue  # below a link to a folder
            if os.path.isdir(path) and (below == "." or not os.path.islink(path)):
                found = list(self.arrivals.all("" if below == "." else below))
            else:
                found = [below] if self.arrivals.fits(below) else []
            for each in found:
                self.arrivals.notice(each, now)


def _place(path: str) -> tuple[int, int] | None:
    """Which folder stands at a path; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _body(arrival: Arrival) -> bytes:
    said = {"path": arrival.path, "size": arrival.size, "mtime_ns": arrival.mtime_ns, "sha256": arrival.sha256}
    return json.dumps(said).encode()


def arrived(body: bytes) -> Arrival | None:
    """The file that a receipt of a folder tells of; None when the body is something else."""
    try:
        said = json.loads(body)
        return Arrival(str(said["path"]), int(said["size"]), int(said["mtime_ns"]), str(said["sha256"]))
    except (ValueError, TypeError, KeyError):
        return None


def _matching(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda name: any(fnmatch(name, pattern) for pattern in patterns)


def is_remote(path: str) -> bool:
    """True when a folder lies on a file system of another machine, where the kernel hears of no changes."""
    best, kind, real = "", "", os.path.realpath(path)
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:
        where, what = line.split(" ")[1:3]
        where = where.replace("\\040", " ")
        if len(where) >= len(best) and (real == where or real.startswith(where.rstrip("/") + "/")):
            best, kind = where, what
    return kind.startswith(_REMOTE)
