"""Child processes kept running: started again, ever later, when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from workbench.core.memory import as_environment
from workbench.core.said import say

#: Seconds between two starts, at most; a child that ran longer begins anew with the shortest pause.
LONGEST = 60.0


class Supervisor:
    """A child process kept running: started again, ever later, when it fails. It ends with this process.

    The child reads its standard input, a pipe that closes with this process however that ends. A status of 0 means
    that its work is done. It is in a process group of its own: a Ctrl-C on the terminal reaches this process alone,
    which then ends it.

    Parameters
    ----------
    command : list of str
    name : str
        What it is, for the log.
    pause : float
        Real seconds before the first restart; doubled with each, up to a minute.
    piped : bool
        False for a server: it does not read its input and is ended by SIGTERM. Its work is never done: whoever else
        ended it, it is started again.
    """

    def __init__(self, command: Sequence[str], *, name: str = "child", pause: float = 1.0, piped: bool = True) -> None:
        self._command, self._pause, self.name, self._piped = list(command), pause, name, piped
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the child, when one runs."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def start(self) -> None:
        """Start the child, unless `stop` was called before."""
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            stdin, first = (subprocess.PIPE, None) if self._piped else (subprocess.DEVNULL, _end_with_parent)
            told = {**as_environment(), "PYTHONFAULTHANDLER": "1", **os.environ}  # SIGABRT: it says where it stood
            self._child = subprocess.Popen(self._command, stdin=stdin, preexec_fn=first, env=told, process_group=0)
            return self._child

    def _watch(self) -> None:
        pause = self._pause
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                child = self._start()
            except (OSError, subprocess.SubprocessError) as error:  # no memory for one more process, say
                said = f"cannot be started ({getattr(error, 'strerror', None) or error}); tried again"
            else:
                status = child.wait() if child is not None else 0
                if self._stopping.is_set() or (status == 0 and self._piped):
                    return
                said = f"ended with {status}; started again"
            pause = self._pause if time.monotonic() - begun > LONGEST else pause
            say(f"workbench: {self.name} {said} in {pause:g} s", sys.stderr)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST)

    def stop(self, wait: float = 10.0) -> None:
        """End the child: its input closes; killed when it has not ended after `wait` seconds."""
        with self._lock:
            self._stopping.set()
            child = self._child
        if child is not None and child.poll() is None:
            if child.stdin is not None:
                child.stdin.close()
            else:
                child.terminate()
            try:
                child.wait(wait)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._thread.ident is not None:
            self._thread.join(wait)


def _end_with_parent() -> None:
    """Have the kernel end this process when the one that started it is gone (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
