"""The next result beside the one that stands: made whole first, then put in its place in one step.

When the plan of files that are done already has changed, their results are not overwritten one by one: a copy is made
beside the folder (``.NAME.next``; hourly Parquet files are linked, not copied), brought up to date there, and then
exchanged with it. Until that moment everybody reads the old result, whole; a kill at any moment leaves it standing, and
the next run goes on where the last one was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.readers.parameter_files import read_parameters
from workbench.record.seaflow_work import Work

_HERE, _EXCHANGE = -100, 2


def place_of(out: Path) -> Path:
    """Where the next result is made."""
    return out.with_name(f".{out.name}.next")


def recover(out: Path) -> None:
    """Finish an exchange that was cut where the disk cannot exchange folders in one step."""
    old = _old(out)
    if not out.exists() and old.exists():
        os.rename(place_of(out) if place_of(out).exists() else old, out)
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)


def needed(out: Path, work: Work) -> bool:
    """True when files that are done were done with another filter or other gates than hold now."""
    known = _known(out)
    if not known:
        return False
    try:
        before = read_parameters(out / "cruise.db")
    except (ReaderError, WorkbenchError):
        return False
    tasks = [task for task in work.tasks if task.file_id in known]
    times = np.array([task.time for task in tasks], dtype="datetime64[ns]")
    filters = before.filters.each_at(times)
    gatings = before.gatings.each_at(times) if before.gatings else [None] * len(tasks)
    pairs = {(id(a), id(b)): (a, b) for task, *held in zip(tasks, filters, gatings, strict=True)
             for a, b in zip(held, (task.filter, task.gating), strict=True)}  # fmt: skip
    return any(a != b for a, b in pairs.values())


def begin(out: Path) -> Path:
    """The folder in which the next result is made: a copy of `out`, or one that was begun before."""
    place, fresh = place_of(out), out.with_name(f".{out.name}.fresh")
    if place.exists():
        return place
    shutil.rmtree(fresh, ignore_errors=True)
    for folder, _, names in os.walk(out):
        to = fresh / Path(folder).relative_to(out)
        to.mkdir(parents=True)
        for name in names:
            _copied(Path(folder) / name, to / name)
    os.rename(fresh, place)
    return place


def exchange(place: Path, out: Path) -> None:
    """Put the next result in the place of the old one, which `place` holds then."""
    if _exchanged(place, out):
        return
    os.rename(out, _old(out))
    os.rename(place, out)
    os.rename(_old(out), place)


def clear(out: Path) -> None:
    """Remove what an earlier run left beside the folder."""
    for path in (place_of(out), out.with_name(f".{out.name}.fresh")):
        shutil.rmtree(path, ignore_errors=True)


def _old(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def _known(out: Path) -> set[str]:
    marks = out / "run.db"
    if not marks.exists():
        return set()
    with closing(sqlite3.connect(marks)) as connection:
        try:
            return {name for (name,) in connection.execute("SELECT file FROM done")}
        except sqlite3.OperationalError:
            return set()


def _copied(path: Path, to: Path) -> None:
    """A file beside the one that stands: Parquet is only ever replaced, so a link does."""
    if path.name.endswith((".db-journal", ".db-wal", ".db-shm")) or path.name.startswith("."):
        return
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
        return
    if path.suffix == ".parquet":
        with contextlib.suppress(OSError):
            os.link(path, to)
            return
    shutil.copy2(path, to)


def _exchanged(a: Path, b: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(a), _HERE, os.fsencode(b), _EXCHANGE) == 0:
        return True
    wrong = ctypes.get_errno()
    if wrong in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    if wrong in (errno.EBUSY, errno.EXDEV):
        raise WorkbenchError(
            f"{b}: a disk of its own cannot be exchanged in one step. Write to a folder on it: --out DIR"
        )
    raise OSError(wrong, os.strerror(wrong), os.fspath(b))
