"""One Chromium, and the witnesses of everything its pages ask for."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Page, Playwright

PROGRAM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOME = ("localhost", "127.0.0.1", "::1")
ON_THE_WIRE = ("http", "https", "ws", "wss")
PHONE = {"width": 390, "height": 844}
#: Milliseconds until a page has loaded, also where much else is going on.
LOADED = 90_000
#: How a check fails before what it reads is there.
NOT_YET = (AssertionError, LookupError, StopIteration, TypeError, ValueError, Error)


def is_outside(url: str) -> bool:
    """Whether asking for `url` would leave this machine."""
    parts = urlsplit(url)
    return parts.scheme in ON_THE_WIRE and parts.hostname not in HOME


@dataclass(frozen=True)
class Asked:
    """One address somebody asked for, and how it was noticed."""

    how: str
    url: str


@dataclass
class Tab:
    """A page with its witnesses.

    Attributes
    ----------
    page : playwright Page
    asked : list of Asked
        Every request, also of workers and service workers, failed or not; every websocket; shared by the tabs of
        one test's browser.
    errors : list of str
        Console errors and uncaught exceptions, in order.
    forgiven : list of str
        Patterns of errors that the test provokes on purpose.
    """

    page: Page
    asked: list[Asked]
    shots: Path
    errors: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def shot(self, name: str, **options: Any) -> Path:
        """A screenshot ``test-output/NAME.png``, for people to look at."""
        self.shots.mkdir(exist_ok=True)
        path = self.shots / f"{name}.png"
        self.page.screenshot(path=path, **options)
        return path

    def comes(self, check: Callable[[], object], timeout: float = 60_000) -> None:
        """Wait until what `check` asserts holds: an answer of the server comes when it comes. In the end, its failure."""
        until = time.monotonic() + timeout / 1000
        while True:
            last = time.monotonic() > until
            try:
                check()
                return
            except NOT_YET:
                if last:
                    self._say_how_far()
                    raise
            self.page.wait_for_timeout(100)

    def _say_how_far(self) -> None:
        """Print, for who reads of a failure, whether the page was drawn at all."""
        with suppress(Error):
            drawn = self.page.evaluate("() => globalThis.Bokeh && Bokeh.documents.map((each) => each.is_idle)")
            print(f"{self.page.url}: drawn {drawn}, errors {self.errors}")
            self.shot(f"failed-{time.strftime('%H%M%S')}")

    def trouble(self) -> list[str]:
        """Errors that nobody forgave."""
        return [text for text in self.errors if not any(re.search(pattern, text) for pattern in self.forgiven)]


class Chromium:
    """A browser for one test: isolated, its own network log, every tab watched.

    Parameters
    ----------
    playwright : Playwright
    folder : Path
        Where its network log goes.
    shots : Path
        Where screenshots go.
    log : bool
        Whether Chromium keeps a network log of its own (it grows with every websocket message).
    """

    def __init__(self, playwright: Playwright, folder: Path, shots: Path, *, log: bool = True) -> None:
        self._log = folder / "net-log.json" if log else None
        self._shots = shots
        self.asked: list[Asked] = []
        self.tabs: list[Tab] = []
        logging = [f"--log-net-log={self._log}", "--net-log-capture-mode=Default"] if self._log else []
        self._browser = playwright.chromium.launch(executable_path=PROGRAM, args=[*FLAGS, *logging])

    def open(
        self,
        url: str,
        *,
        width: int = 1500,
        height: int = 950,
        dark: bool = False,
        phone: bool = False,
        forgive: tuple[str, ...] = (),
        **options: Any,
    ) -> Tab:
        """A new tab at `url`, in a context of its own (as another person's browser)."""
        size = PHONE if phone else {"width": width, "height": height}
        context = self._browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", is_mobile=phone, has_touch=phone,
            device_scale_factor=2 if phone else 1, **options,
        )  # fmt: skip
        context.set_default_navigation_timeout(LOADED)
        self._watch(context)
        tab = Tab(context.new_page(), self.asked, self._shots, forgiven=list(forgive))
        self._listen(tab)
        self.tabs.append(tab)
        tab.page.goto(url)
        return tab

    def _watch(self, context: BrowserContext) -> None:
        def note(how: str, url: str) -> None:
            self.asked.append(Asked(how, url))

        context.on("request", lambda request: note("request", request.url))
        context.on("requestfailed", lambda request: note("failed request", request.url))
        context.on("serviceworker", lambda worker: note("service worker", worker.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: note("websocket", socket.url)))
        context.on("page", lambda page: page.on("worker", lambda worker: note("worker", worker.url)))

    @staticmethod
    def _listen(tab: Tab) -> None:
        def console(message: Any) -> None:
            if message.type == "error":
                where = message.location.get("url", "")
                tab.errors.append(f"console: {message.text} ({where})")

        tab.page.on("console", console)
        tab.page.on("pageerror", lambda error: tab.errors.append(f"uncaught: {error}"))
        tab.page.on("crash", lambda _: tab.errors.append("the tab crashed"))

    def close(self) -> None:
        """Close it and add what its own network log saw to `asked`."""
        if self._browser.is_connected():
            self._browser.close()
            if self._log:
                self.asked += [Asked("network log", url) for url in urls_of_pages(self._log)]

    def outside(self) -> list[Asked]:
        """Everything asked for that is not on this machine; complete after `close`."""
        return sorted({a for a in self.asked if is_outside(a.url)}, key=lambda a: (a.url, a.how))


def urls_of_pages(path: Path) -> list[str]:
    """Addresses in a Chromium network log that pages caused (not the browser's own housekeeping)."""
    lines = path.read_text(errors="replace").splitlines()
    constants = json.loads(lines[0].removeprefix('{"constants":').rstrip(","))
    request = constants["logEventTypes"]["URL_REQUEST_START_JOB"]
    urls = []
    for line in lines[2:]:  # one event a line, closed by "," or, the last one, by "],"
        try:
            event = json.loads(line.removesuffix("],").rstrip(","))
        except ValueError:
            break  # the tail, which holds no events
        params = event.get("params", {})
        if event["type"] == request and params.get("initiator", "").startswith("http"):
            urls.append(params["url"])
    return urls
