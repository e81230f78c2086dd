"""A `workbench` server in a process of its own: started, waited for, its log kept, ended; and ports for servers."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ADDRESS = re.compile(r"https?://[^\s/]+:\d+[^\s]*")
#: What no log may hold.
TROUBLE = re.compile(r"Traceback|\b(ERROR|CRITICAL)\b|\w+(Error|Exception): |Task exception was never retrieved")
#: Another one in each process; each port is given once.
_PORTS = iter(random.Random(os.getpid()).sample(range(20_000, 30_000), 2000))


def free_port() -> int:
    """One below those that the kernel gives to clients: who asks a dead server again and again must not get its port."""
    for port in _PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("no port is free")


class Server:
    """`workbench ARGS...` as a subprocess; use it in a ``with`` statement.

    Parameters
    ----------
    *args : str or path-like
        As on the command line, for example ``"board", catalog, "--port", "0"``.
    log : Path
        Where standard output and error go.
    cwd : path-like, optional
    env : dict, optional
        Added to this process's environment; a value of None removes a name.
    wait : float
        Seconds to wait for the address to be printed.
    """

    def __init__(
        self,
        *args: str | os.PathLike[str],
        log: Path,
        cwd: str | os.PathLike[str] | None = None,
        env: dict[str, str | None] | None = None,
        wait: float = 60,
    ) -> None:
        self.log = log
        self.forgiven: list[str] = []
        self._wait = wait
        environment: dict[str, str | None] = {
            **os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **(env or {}),
        }  # fmt: skip
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench", *map(os.fspath, args)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                env={k: v for k, v in environment.items() if v is not None}, start_new_session=True,
            )  # fmt: skip
        self.address = ""

    def __enter__(self) -> Server:
        try:
            self.address = self._printed_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _printed_address(self) -> str:
        deadline = time.monotonic() + self._wait
        while time.monotonic() < deadline:
            found = ADDRESS.search(self.text())
            if found:
                return found[0].rstrip(".,)")
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the server ended with {self.process.returncode} before it served:\n{self.text()}"
                )
            time.sleep(0.05)
        raise AssertionError(f"no address printed within {self._wait:g} s:\n{self.text()}")

    def text(self) -> str:
        """Everything the server has written so far."""
        return self.log.read_text(errors="replace")

    def trouble(self) -> list[str]:
        """Lines of the log that no healthy server writes (`forgiven` patterns left out)."""
        lines = [line for line in self.text().splitlines() if TROUBLE.search(line)]
        return [line for line in lines if not any(re.search(pattern, line) for pattern in self.forgiven)]

    def stood(self, wait: float = 15) -> str:
        """Its log, and where each of its threads stood. It ends by this."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(wait)
        return self.text()

    def stop(self, wait: float = 15) -> int:
        """End it as a person would (SIGTERM); the exit status. Killed, and negative, when it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(wait)
        return self.process.returncode
