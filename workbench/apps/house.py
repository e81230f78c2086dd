"""A board's server: open at its door at once, making pages once what makes them is loaded."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from workbench.apps import routes
from workbench.apps.desk import Desk
from workbench.apps.door import Door, Maker
from workbench.catalog.declared import PAGES

#: How every board of ours is served.
SERVING: dict[str, Any] = {
    "websocket_compression_level": 6, "keep_alive_milliseconds": 20_000, "unused_session_lifetime_milliseconds": 20_000,
    "check_unused_sessions_milliseconds": 10_000, "session_token_expiration": 86_400, "xsrf_cookies": False,
    "admin": False, "location": False, "index": None,
}  # fmt: skip


class House:
    """A board that is open at its door at once, and makes pages once what makes them is loaded.

    Parameters
    ----------
    desk : Desk
    pages : mapping of str to callable
        Makes each page of one tab, by its path.
    origins : sequence of str
        Under which names pages are opened.
    stack : ExitStack
        Ends what is begun here.
    """

    def __init__(
        self, desk: Desk, pages: Mapping[str, Callable[[], Any]], origins: Sequence[str], stack: ExitStack
    ) -> None:
        self.loop = IOLoop.current()
        self.desk, self._pages, self._origins, self._stack = desk, pages, list(origins), stack
        self.door = Door(desk, _title(desk, ""))
        self._error: BaseException | None = None
        self._stop_on_signals()

    def load(self) -> None:
        """Load what makes pages, in whatever thread, and have them made."""
        try:
            import workbench.views.page  # noqa: F401 - with all that a page needs
        except BaseException as error:
            self.loop.add_callback(self._fail, error)
            raise
        self.loop.add_callback(self._serve)

    def end(self) -> int:
        """0, or what kept pages from being made."""
        if self._error is not None:
            raise self._error
        return 0

    def _serve(self) -> None:
        try:
            server = self._server()
            self._stack.callback(server.stop)
            server.start()
            self._stop_on_signals()  # Panel has its own way
            self.door.serve(server._tornado, _maker(server))
        except BaseException as error:
            self._fail(error)

    def _server(self) -> Any:
        """Panel's server, whose own port, any free one of this machine, is closed again: the door hands it what comes."""
        import panel as pn

        server = pn.io.server.get_server(
            dict(self._pages), port=0, address="127.0.0.1", websocket_origin=self._origins,
            extra_patterns=list(routes.ROUTES), title={path: _title(self.desk, path[1:]) for path in self._pages},
            **SERVING,
        )  # fmt: skip
        server._http.stop()
        return server

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self.door.fail(error)
        self.loop.stop()

    def _stop_on_signals(self) -> None:
        def stop(*_: object) -> None:
            self.loop.add_callback_from_signal(self.loop.stop)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)


def _title(desk: Desk, name: str) -> str:
    return f"{desk.cruise} · {PAGES[name].lower()}"


def _maker(server: Any) -> Maker:
    """What makes the whole front page: Panel's own handler, whose text is kept instead of written."""
    from panel.io.server import DocHandler

    class Whole(DocHandler):  # type: ignore[misc]
        text = ""

        def write(self, chunk: Any) -> None:
            self.text = chunk

    context = server._tornado.applications["/"]

    async def make(asked: RequestHandler) -> str:
        handler = Whole(server._tornado, asked.request, application_context=context, bokeh_websocket_path="/ws")
        await handler.get()
        return str(handler.text)

    return make
