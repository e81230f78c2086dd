"""How much of the disk a cruise folder may take, and what happens when it is full.

Raw bytes go on whatever the budget says: it warns at 80 % and refuses what can be rebuilt from them (series, particles)
when it is used up.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import WorkbenchError

#: Kinds of files by the folder they lie in; the rest is "other".
KINDS = ("raw", "series", "particles", "inbox")
DERIVED = ("series", "particles")
#: Part of the budget from which people are warned.
WARN = 0.8
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Use:
    """What a cruise folder takes.

    Attributes
    ----------
    kinds : dict of str to int
        Bytes of ``raw``, ``series``, ``particles``, ``inbox``, ``other``.
    limit : int or None
        Bytes it may take; None: what the disk has.
    free : int
        Bytes free on its disk.
    """

    kinds: dict[str, int]
    limit: int | None
    free: int

    @property
    def used(self) -> int:
        """Bytes in all."""
        return sum(self.kinds.values())

    @property
    def room(self) -> int:
        """Bytes that may still come, and fit."""
        return self.free if self.limit is None else max(0, min(self.free, self.limit - self.used))

    @property
    def full(self) -> bool:
        """True when nothing more that is derived is taken."""
        return self.room == 0

    @property
    def total(self) -> int:
        """Bytes that may be used in all."""
        return self.used + self.free if self.limit is None else self.limit

    @property
    def share(self) -> float:
        """Used part of what may be used; above 1 when raw bytes went on."""
        return self.used / min(self.total, self.used + self.free) if self.used else 0.0

    @property
    def warning(self) -> str | None:
        """What people should be told; None below 80 %."""
        if self.share < WARN and not self.full:
            return None
        if self.used + self.free < self.total:
            text = f"the disk has {size(self.free)} left; the cruise uses {size(self.used)} of its {size(self.total)}"
        else:
            text = f"the cruise uses {size(self.used)} of its {size(self.total)} on disk ({self.share:.0%})"
        if not self.free:
            return f"{text}. Nothing more can be kept before there is room on the disk."
        if self.full:
            return f"{text}. Raw data are kept, what is derived from them is not: make room, or raise the budget."
        return f"{text}. Make room, or raise the budget, before it is full."


class Budget:
    """The budget of one cruise folder.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    limit : int, optional
        Bytes it may take; None: what the disk has.
    """

    def __init__(self, folder: str | os.PathLike[str], limit: int | None = None) -> None:
        if limit is not None and limit <= 0:
            raise WorkbenchError(f"a disk budget is a number of bytes above 0, not {limit}")
        self.folder = Path(folder)
        self.limit = limit

    def use(self) -> Use:
        """Look at the disk now."""
        kinds = dict.fromkeys((*KINDS, "other"), 0)
        for entry in _entries(self.folder):
            kind = entry.name if entry.name in KINDS and entry.is_dir(follow_symlinks=False) else "other"
            kinds[kind] += _taken(entry)
        near = next(each for each in (self.folder, *self.folder.resolve().parents) if each.exists())
        return Use(kinds, self.limit, shutil.disk_usage(near).free)

    def require(self, kind: str, coming: int = 0) -> None:
        """Ask whether `coming` bytes of a kind may be written; returns when they may.

        Raises
        ------
        WorkbenchError
            For what is derived, when it does not fit; never for raw bytes.
        """
        if kind not in DERIVED:
            return
        use = self.use()
        if use.full or coming > use.room:
            raise WorkbenchError(
                f"{self.folder}: the disk budget is used up ({size(use.used)} of {size(use.total)}); {kind} are not "
                "written. Raw data are kept, and what is missing can be made from them. Make room, or raise the budget."
            )


def _taken(entry: os.DirEntry[str]) -> int:
    """Bytes on disk of a file, or of all in a folder. A cruise of weeks has tens of thousands of files."""
    taken, waiting = 0, [entry]
    while waiting:
        here = waiting.pop()
        try:
            if here.is_dir(follow_symlinks=False):
                waiting += _entries(here.path)
            else:
                taken += here.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue  # renamed or removed just now
    return taken


def _entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def size(count: int) -> str:
    """``"1.5 GB"``."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"
