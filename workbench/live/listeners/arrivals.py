"""Which files of a folder are there, whole, and not taken yet: decided from what is seen at each look."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from workbench.live.listeners.taken import Arrival, Taken
from workbench.readers.reader import Reader

__all__ = ["Arrival", "Arrivals"]

log = logging.getLogger(__name__)

#: Ends of names that copying programs give to files under way.
UNDER_WAY = (".partial", ".part", ".tmp", ".filepart", ".crdownload", "~")
#: Seconds that a file may stay half before it is counted as refused; that one with holes must stay as it is.
PATIENCE = 60.0
#: Seconds that one look spends on reading files, once it has found one: a folder of weeks comes in parts.
LOOK = 1.0
_BLOCK = 1 << 20
#: Growing files whose sums are kept, so that only what is new of them is read.
_SUMS = 64


@dataclass(slots=True)
class _Seen:
    size: int
    mtime_ns: int
    since: float
    tried: bool = False  # it was not whole as it is
    counted: bool = False


class Arrivals:
    """Looks at a folder; see `look`.

    Parameters
    ----------
    root : str
    wanted : callable
        Asked with a file's name (without folder).
    reader : Reader or None
        Whose test says whether a file is whole; without one, a file is whole when it stays as it is.
    settle : float
        Seconds that size and mtime must stay as they are.

    Attributes
    ----------
    more : bool
        The last look ended before all was looked at.
    """

    def __init__(self, root: str, wanted: Callable[[str], bool], reader: Reader | None, settle: float) -> None:
        self.root = root
        self.wanted = wanted
        self.reader = reader
        self.settle = settle
        self.taken = Taken()
        self.waiting: dict[str, _Seen] = {}
        self.more = False
        self._sums: dict[str, tuple[int, Any]] = {}

    def all(self, below: str = "") -> Iterator[str]:
        """Paths of files that are wanted, below a folder; hidden ones and those under way are not."""
        folders = [below]
        while folders:
            folder = folders.pop()
            try:
                entries = os.scandir(os.path.join(self.root, folder))
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                if not folder:
                    raise
                continue
            with entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif self.fits(path):
                        yield path

    def others(self) -> list[str]:
        """Paths of files that are wanted and were not taken as they are: few of tens of thousands."""
        return [path for path in self.all() if path not in self.waiting and not self._stands(path)]

    def _stands(self, path: str) -> bool:
        """True of a file that is as it was taken."""
        before = None if self._appends() else self.taken.get(path)
        try:
            return before is not None and (before.size, before.mtime_ns) == _state(
                os.stat(os.path.join(self.root, path))
            )
        except OSError:
            return True  # gone

    def fits(self, path: str) -> bool:
        """Is a file of this path wanted? No part of it may be hidden."""
        name = os.path.basename(path)
        hidden = any(part.startswith(".") for part in path.split(os.sep))
        return not hidden and not name.endswith(UNDER_WAY) and self.wanted(name)

    def notice(self, path: str, now: float) -> None:
        """Something happened to a file: look at it from now on, until it is taken or gone."""
        self.waiting.setdefault(path, _Seen(-1, -1, now))

    def look(self, now: float) -> tuple[list[Arrival], int]:
        """Look at the files that wait; those that are whole now, and how many turned out to be of no use.

        `now` is any clock that only goes forward. An arrival comes again at each look until `take` is told of it.
        """
        found: list[Arrival] = []
        refused, until = 0, time.monotonic() + LOOK
        self.more = False
        for path, seen in list(self.waiting.items()):
            if found and time.monotonic() >= until:
                self.more = True
                break
            arrival, wrong = None, None
            try:
                arrival = self._look_at(path, seen, now)
            except FileNotFoundError:
                del self.waiting[path]
                continue
            except Exception as error:  # cannot be read now, perhaps later; nor may a reader's mistake end what comes
                wrong = error
            if arrival is not None:
                found.append(arrival)
            elif (seen.tried or wrong) and not seen.counted and now - seen.since >= PATIENCE:
                seen.counted = True
                refused += wrong is not None or not self._read_so_far(path, seen)
                if wrong is not None:
                    log.warning("%s: cannot be taken (%s: %s)", path, type(wrong).__name__, wrong)
        return found, refused

    def take(self, arrival: Arrival) -> None:
        """It is on record: not to be given again as it is."""
        self.taken[arrival.path] = arrival
        if not self._appends():
            self.waiting.pop(arrival.path, None)

    @property
    def restless(self) -> bool:
        """True while a file waits that may be whole at the next look; others are looked at with everything."""
        return any(not (seen.tried or seen.counted) for seen in list(self.waiting.values()))  # a thread adds to it

    def _read_so_far(self, path: str, seen: _Seen) -> bool:
        """True of a log that stands still, or is empty: all of it that is whole was taken."""
        return self._appends() and (seen.size == 0 or self.taken.get(path) is not None)

    def _appends(self) -> bool:
        return self.reader is not None and self.reader.appends

    def _look_at(self, path: str, seen: _Seen, now: float) -> Arrival | None:
        full = os.path.join(self.root, path)
        status = os.stat(full)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(full)
        before = self.taken.get(path)
        if before is not None and not self._appends() and (before.size, before.mtime_ns) == _state(status):
            del self.waiting[path]  # as nearly all that a look at everything finds
            return None
        if _state(status) != (seen.size, seen.mtime_ns):
            seen.size, seen.mtime_ns, seen.since = status.st_size, status.st_mtime_ns, now
            seen.tried = seen.counted = False
            if not self._appends():
                return None
        if seen.tried:
            return None
        if before is not None and (before.size, before.mtime_ns) == (seen.size, seen.mtime_ns):
            seen.tried = True
            return None
        still = now - seen.since >= self.settle
        if seen.mtime_ns < 1_000_000_000:  # rsync --partial marks what was cut off with 1970-01-01
            seen.tried = still
            return None
        if not still and not self._appends():
            return None
        whole = seen.size if self.reader is None else self.reader.complete(full)
        if whole <= 0 or (whole != seen.size and not self._appends()):
            seen.tried = still
            return None
        if not self._appends() and now - seen.since < PATIENCE and _holed(full, whole):
            return None  # its size is final, its bytes are not
        seen.tried = still
        return self._summed(path, full, whole, seen, before)

    def _summed(self, path: str, full: str, whole: int, seen: _Seen, before: Arrival | None) -> Arrival | None:
        """The arrival, if the file stayed as it is while its sum was made, and is another than before."""
        if self._appends() and before is not None and whole == before.size:
            if not seen.tried:
                return None  # half a row more
            self._sums.pop(path, None)  # or written anew
        digest = self._sum(path, full, whole)
        if not self._appends() and _state(os.stat(full)) != (seen.size, seen.mtime_ns):
            seen.tried = False
            return None
        arrival = Arrival(path, whole, seen.mtime_ns, digest)
        if before is not None and (before.size, before.sha256) == (whole, digest):
            if not self._appends():
                self.take(arrival)  # touched, not changed
            return None
        seen.tried = False  # until it is taken
        return arrival

    def _sum(self, path: str, full: str, whole: int) -> str:
        """SHA-256 of the first bytes of a file; of one that grew, only what is new is read."""
        done, digest = self._sums.get(path, (0, None))
        if digest is None or done > whole or not self._appends():
            done, digest = 0, hashlib.sha256()
        with open(full, "rb", buffering=0) as file:
            file.seek(done)
            while done < whole and (block := file.read(min(_BLOCK, whole - done))):
                digest.update(block)
                done += len(block)
        if self._appends():
            self._sums.pop(path, None)
            self._sums[path] = (done, digest)
            if len(self._sums) > _SUMS:
                del self._sums[next(iter(self._sums))]
        return str(digest.hexdigest())


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _holed(path: str, size: int) -> bool:
    """Has a file places that were never written? Programs that copy in several streams leave them until the end.

    Where the file system does not know, it has none.
    """
    with open(path, "rb", buffering=0) as file:
        try:
            return os.lseek(file.fileno(), 0, os.SEEK_HOLE) < size
        except (OSError, AttributeError):
            return False
