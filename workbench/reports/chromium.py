"""A Chromium without a window, spoken to through two pipes in its DevTools protocol; it opens no port.

    with Chromium("/usr/bin/chromium", folder, patience=60) as chromium:
        page = chromium.open("file:///report.html")
        page.ask("Runtime.evaluate", expression="document.title")["result"]["value"]

Messages are JSON, each ended by a zero byte: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--force-device-scale-factor=2",
    "--window-size=1040,1400", "--blink-settings=preferredColorScheme=1", "--remote-debugging-pipe",
)  # fmt: skip


class ChromiumError(Exception):
    """It ended, refused or took too long; the text says which."""


class Chromium:
    """One browser with a profile of its own; use it in a ``with`` statement.

    Parameters
    ----------
    program : str
    folder : Path
        For its profile and what it complains of; it may be deleted afterwards.
    patience : float
        Seconds for everything that is asked of it together.
    """

    def __init__(self, program: str, folder: Path, patience: float) -> None:
        self._patience, self._until = patience, time.monotonic() + patience
        self._log, self._asked, self._rest = folder / "chromium.log", 0, b""
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        hears, self._to = os.pipe()
        self._from, says = os.pipe()

        def doors() -> None:  # in the child: it hears on 3 and answers on 4
            safe = [os.dup(hears), os.dup(says)]
            while min(safe) < 5:
                safe = [os.dup(fd) for fd in safe]
            os.dup2(safe[0], 3)
            os.dup2(safe[1], 4)

        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [program, *_FLAGS, *sandbox, f"--user-data-dir={folder}/profile", "about:blank"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=doors, close_fds=False,
                    start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            os.close(self._to)
            os.close(self._from)
            raise ChromiumError(f"it cannot be started: {error.strerror or error}") from None
        finally:
            os.close(hears)
            os.close(says)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end()
        os.close(self._to)
        os.close(self._from)

    def open(self, address: str) -> Page:
        """A page at this address, which it begins to load."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        if reason := page.ask("Page.navigate", url=address).get("errorText"):
            raise ChromiumError(f"{address}: {reason}")
        return page

    def ask(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """The answer to one question.

        Raises
        ------
        ChromiumError
        """
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": given, **({"sessionId": session} if session else {})}
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise self._ended() from None
        while (answer := self._next()).get("id") != self._asked:
            if answer.get("method") == "Inspector.targetCrashed":
                raise ChromiumError("the page crashed; is there enough memory?")
        if "error" in answer:
            raise ChromiumError(f"{method}: {answer['error'].get('message')}")
        return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        """The next message it sends."""
        pieces = [self._rest]
        while b"\0" not in pieces[-1]:
            left = self._until - time.monotonic()
            if left <= 0 or not select.select([self._from], [], [], left)[0]:
                raise ChromiumError(f"it was not done within {self._patience:g} s")
            if not (piece := os.read(self._from, 1 << 20)):
                raise self._ended()
            pieces.append(piece)
        message, _, self._rest = b"".join(pieces).partition(b"\0")
        return dict(json.loads(message))

    def _ended(self) -> ChromiumError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # its pipes are closed; it says with what, unless it hangs
        status = self._end()
        lines = self._log.read_text(errors="replace").strip().splitlines() or [f"status {status}"]
        return ChromiumError(f"it ended: {lines[-1]}")

    def _end(self) -> int:
        """End it and its helpers; nobody needs the profile."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


@dataclass(frozen=True)
class Page:
    """One page of it."""

    chromium: Chromium
    session: str

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        """The page's answer to one question."""
        return self.chromium.ask(method, self.session, **given)
