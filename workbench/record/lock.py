"""One engine per cruise folder: ``engine.lock``, held for as long as the process lives."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.held import held

FILE = "engine.lock"
#: Seconds within which whoever only looked has let go of it.
GLANCE = 0.5


class EngineLock:
    """Held by the one process that writes rows into a cruise folder.

    The system lets go of it when the process ends, however it ends; a file that stands there says nothing by itself.

    Parameters
    ----------
    folder : path-like
        The cruise folder; made when it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / FILE
        self._handle: int | None = None

    def take(self) -> EngineLock:
        """Take the lock.

        Raises
        ------
        WorkbenchError
            When another process holds it (it is named), or the folder cannot be written.
        """
        if self._handle is not None:
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise WorkbenchError(f"{self.path}: {error}. Is the folder writable?") from error
        try:
            _lock(handle)
        except OSError as error:
            os.close(handle)
            raise WorkbenchError(
                f"{self.path.parent}: {self._held()}. One engine writes to a cruise folder; stop that one first."
            ) from error
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": str(clock.now())}
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(about).encode(), 0)
        except OSError as error:
            os.close(handle)
            raise WorkbenchError(
                f"{self.path.parent}: nothing can be written there ({error.strerror}). Make room, and start again."
            ) from error
        self._handle = handle
        return self

    def release(self) -> None:
        """Let go of it; also when it is not held."""
        if self._handle is not None:
            with suppress(OSError):  # the disk may have become read-only
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def stands(self) -> bool:
        """Is the folder that we hold still at its place? False when it was moved or removed, or another one stands there."""
        if self._handle is None:
            return False
        try:
            there = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # nobody knows: a network that is away, say
            return True
        return os.path.samestat(there, os.fstat(self._handle))

    def _held(self) -> str:
        about = self.holder()
        if about is None:
            return "another engine holds it"
        return f"the engine with pid {about['pid']} on {about['host']} holds it since {about['since']} (UTC)"

    def holder(self) -> dict[str, object] | None:
        """``pid``, ``host`` and ``since`` of who holds it now; None when nobody does."""
        found = held(self.path)
        return found if found is not None and {"pid", "host", "since"} <= set(found) else None

    def __enter__(self) -> EngineLock:
        return self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock(handle: int) -> None:
    """Lock a file; who only looks whether somebody holds it (`core.held`) has it for a moment, too."""
    until = time.monotonic() + GLANCE
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                raise
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Is there a process of this number on this machine?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
