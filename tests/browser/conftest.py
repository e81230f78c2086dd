"""Browser tests: a real Chromium and real servers, on a network with nobody else on it.

Every test below this folder is marked `browser` and runs, servers and Chromium included, in a network namespace
that has loopback only. Fixtures:

`board(catalog, *args, data=None, env=None) -> Server`
    Starts ``workbench board CATALOG --port 0 ARGS`` and returns once it has printed its address
    (``.address``, ``.text()`` for the log so far, ``.stop()``). After the test its log must hold no error;
    ``server.forgiven.append(regex)`` for those provoked on purpose. `serve(*args)` does the same for any command.
`open_tab(url, *, width=1500, height=950, dark=False, phone=False, forgive=()) -> Tab`
    A new tab (its own context, so another person): ``tab.page`` is Playwright's page, ``tab.asked`` every address
    asked for, ``tab.errors`` console errors and uncaught exceptions, ``tab.shot("name")`` a screenshot in
    ``test-output/``. After the test each address must be on this machine and no error left that is not forgiven.
`chromium -> Chromium`
    The browser itself: ``chromium.close()`` early, ``chromium.outside()`` what went elsewhere.
`site(pages) -> str`
    Serves ``{"/path": (content type, bytes)}`` on localhost and returns the address.
`second_machine -> Machine`
    Another machine on the same cable: ``.address`` of this one as seen from there, ``.run(["curl", ...])``.

A picture for README: ``WORKBENCH_PICTURE=1`` (``make picture``) lets `picture(tab, name)` write ``docs/NAME.png``.
"""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser import network
from tests.browser.chromium import PROGRAM, Chromium, Tab
from tests.server import Server

HERE = Path(__file__).parent
Pages = dict[str, tuple[str, bytes]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session", autouse=True)
def _cut_off() -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(network.cut_off())
        except network.CannotCut as error:
            pytest.skip(str(error))
        yield


@pytest.fixture(scope="session")
def _playwright(_cut_off: None) -> Iterator[object]:
    if not Path(PROGRAM).exists():
        pytest.skip("no Chromium; as root: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def chromium(_playwright: object, tmp_path: Path, root: Path) -> Iterator[Chromium]:
    browser = Chromium(_playwright, tmp_path, root / "test-output")  # type: ignore[arg-type]
    yield browser
    browser.close()


@pytest.fixture
def open_tab(chromium: Chromium) -> Iterator[Callable[..., Tab]]:
    yield chromium.open
    chromium.close()
    errors = [text for tab in chromium.tabs for text in tab.trouble()]
    assert not chromium.outside(), f"asked for outside this machine: {chromium.outside()}"
    assert not errors, "errors in the browser:\n" + "\n".join(errors)


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture
def serve(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []
    with ExitStack() as stack:

        def start(*args: str | os.PathLike[str], **options: object) -> Server:
            server = Server(*args, log=tmp_path / f"server-{len(started)}.log", **options)  # type: ignore[arg-type]
            started.append(server)
            return stack.enter_context(server)

        yield start
        if request.node.stash.get(_failed, False):
            for server in started:
                print(f"{server.address}\n{server.stood()}")
    trouble = [line for server in started for line in server.trouble()]
    assert not trouble, "errors in the server's log:\n" + "\n".join(trouble)


@pytest.fixture
def board(serve: Callable[..., Server]) -> Callable[..., Server]:
    def start(
        catalog: str | os.PathLike[str], *args: str, data: Path | None = None, env: dict[str, str] | None = None
    ) -> Server:
        root = ["--data", os.fspath(data)] if data else []
        return serve("board", catalog, "--port", "0", *root, *args, env=env)

    return start


@pytest.fixture
def site() -> Iterator[Callable[[Pages], str]]:
    with ExitStack() as stack:

        def start(pages: Pages) -> str:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    kind, body = pages.get(self.path, ("text/plain", b""))
                    self.send_response(200 if self.path in pages else 404)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *args: object) -> None:
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://localhost:{server.server_port}"

        yield start


@pytest.fixture(scope="session")
def second_machine(_cut_off: None) -> Iterator[network.Machine]:
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(network.second_machine())
        except network.CannotCut as error:
            pytest.skip(str(error))
        yield machine


@pytest.fixture
def picture(root: Path) -> Callable[[Tab, str], None]:
    """Keep this tab as ``docs/NAME.png`` when pictures are being made (``WORKBENCH_PICTURE=1``)."""

    def keep(tab: Tab, name: str) -> None:
        if os.environ.get("WORKBENCH_PICTURE"):
            path = root / "docs" / f"{name}.png"
            tab.page.screenshot(path=path)
            _shrink(path)

    return keep


def _shrink(path: Path, limit: int = 400_000) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)
    assert path.stat().st_size < limit, f"{path} is {path.stat().st_size} bytes; README's pictures stay under {limit}"
