"""What was made of files, remembered: of each path the newest version alone.

Today's file is written anew every few minutes. What was made of the versions before it would be held for weeks, and what
is mapped of them keeps its place on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Newest(Generic[Made]):
    """Of at most `size` paths, those asked for last.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._made: dict[str, tuple[Hashable, Made]] = {}
        self._lock = Lock()

    def get(self, path: str, version: Hashable, make: Callable[[], Made]) -> Made:
        """What was made of this version of the file at `path`; made now where it was not."""
        with self._lock:
            known = self._made.pop(path, None)
            if known is not None and known[0] == version:
                self._made[path] = known  # the last to go
                return known[1]
        made = make()
        with self._lock:
            self._made.pop(path, None)
            self._made[path] = version, made
            while len(self._made) > self.size:
                del self._made[next(iter(self._made))]
        return made
