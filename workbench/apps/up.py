"""`workbench up`: the engine and the board of a cruise, each started again when it ends, or answers nobody any more."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from workbench.apps.standing import UP, Standing, silent
from workbench.apps.supervisor import Supervisor
from workbench.core.said import say

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.catalog.cruise import Cruise

#: Seconds between two questions whether the board is there, and those in a row after which one without an answer hangs.
ASKED, SILENT = 30.0, 10


def run(engine: Sequence[str], board: Sequence[str], *, check: Callable[[], Cruise]) -> int:
    """Keep both running until SIGINT, SIGTERM, or the end of the terminal (not under nohup); 0 then.

    Parameters
    ----------
    engine, board : sequence of str
        Arguments of ``workbench engine`` and ``workbench board``.
    check : callable
        Opens the cruise; what it raises ends this: a mistake in the catalog does not go away by starting again.
    """
    folder = check().folder
    stop = threading.Event()
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGTERM, *(() if under_nohup else (signal.SIGHUP,))):
        signal.signal(number, lambda *_: stop.set())
    start = [sys.executable, "-m", "workbench"]
    with ExitStack() as stack:
        stack.enter_context(Standing(folder / UP))  # with the cruise folder, where the board says that it is there
        stack.enter_context(Supervisor([*start, "engine", *engine], name="the engine", piped=False))
        kept = stack.enter_context(Supervisor([*start, "board", *board], name="the board", piped=False))
        silence = Silence(folder, kept)
        while not stop.wait(1.0):  # a signal that another thread was given wakes nobody here
            silence.ask()
    return 0


class Silence:
    """Ends a board that answers nobody any more: it says where it stands, and is started again. An engine does so itself.

    Parameters
    ----------
    folder : Path
        The cruise folder.
    board : Supervisor
    """

    def __init__(self, folder: Path, board: Supervisor) -> None:
        self._folder, self._board = folder, board
        self._pid: int | None = None
        self._silent = 0
        self._next = time.monotonic() + ASKED

    def ask(self) -> None:
        """Ask it, when it is time to."""
        if time.monotonic() < self._next:
            return
        pid = self._board.pid
        self._silent = self._silent + 1 if pid == self._pid and silent(self._folder, pid) else 0
        self._pid, self._next = pid, time.monotonic() + ASKED
        if pid is None or self._silent < SILENT:
            return
        if self._silent == SILENT:
            say(f"workbench: the board has not answered for {SILENT * ASKED / 60:.0f} minutes; ended", sys.stderr)
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(pid, signal.SIGABRT if self._silent == SILENT else signal.SIGKILL)
