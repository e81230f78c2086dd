"""`workbench up`: the engine and the board of a cruise, each started again when it ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from workbench.apps.standing import UP, Standing
from workbench.apps.supervisor import Supervisor

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise


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
        for name, arguments in (("engine", engine), ("board", board)):
            stack.enter_context(Supervisor([*start, name, *arguments], name=f"the {name}", piped=False))
        while not stop.wait(1.0):  # a signal that another thread was given wakes nobody here
            pass
    return 0
