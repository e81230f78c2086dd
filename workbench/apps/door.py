"""The door of a board: open before its pages can be made, and the same afterwards.

What makes pages takes seconds to load. Until then this answers who knocks: pictures, notes and health as ever, the
front page with a glance (`glances`), whose rest follows once it can be made. Afterwards a page comes in two parts as
well: the glance at once, together with the scripts and styles that the rest will need, and the rest when it is made.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler

from workbench.apps import routes
from workbench.apps.asking import asker_of
from workbench.apps.desk import Desk
from workbench.apps.glances import glance
from workbench.apps.missing import Missing
from workbench.views import say

log = logging.getLogger(__name__)

_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>", re.DOTALL)

#: Makes the whole page that answers a request.
Maker = Callable[[RequestHandler], Awaitable[str]]


class Door(HTTPServerConnectionDelegate):
    """Hands every request to the application that serves now; the first one is ours.

    Parameters
    ----------
    desk : Desk
    title : str
        Of the front page.
    """

    def __init__(self, desk: Desk, title: str) -> None:
        self.desk, self.title = desk, title
        self.head = ""  #: what the last page needed in its head (`parts`): the next one needs the same
        self._make: asyncio.Future[Maker] = IOLoop.current().asyncio_loop.create_future()  # type: ignore[attr-defined]
        self.app = Application([*routes.ROUTES, *self.pages(), (r".*", _Later, {"door": self})])

    def pages(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """The routes of pages that come in two parts."""
        return [(r"/", FrontPage, {"door": self})]

    def serve(self, app: Application, make: Maker) -> None:
        """From now on pages can be made: `app` serves all requests that come."""
        app.add_handlers(r".*", self.pages())
        app.settings |= {"default_handler_class": Missing, "default_handler_args": {"desk": self.desk}}
        self.app = app
        self._make.set_result(make)

    def fail(self, error: BaseException) -> None:
        """Pages can never be made."""
        if not self._make.done():
            self._make.set_exception(error)

    async def made(self, asked: RequestHandler) -> str:
        """The whole page, as soon as it can be made."""
        return await (await asyncio.shield(self._make))(asked)

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return self.app.start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        self.app.on_close(server_conn)


class _Later(RequestHandler):
    """Whatever needs what is not loaded yet: asked again when it is."""

    def initialize(self, door: Door) -> None:
        self._door = door

    async def prepare(self) -> None:
        await asyncio.shield(self._door._make)
        self.redirect("/" + (self.request.uri or "").lstrip("/"), status=307)  # //elsewhere/ would be another host


class FrontPage(RequestHandler):
    """The front page in two parts."""

    def initialize(self, door: Door) -> None:
        self._door = door

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "text/html; charset=UTF-8")

    async def get(self) -> None:
        door = self._door
        sent: str | None = None
        if door.desk.access.may_read(asker_of(self.request)).allowed:
            seen = await glance(door.desk, self.request.query)
            if seen:
                sent = door.head
                self.write(f"{_begun(door.title)}{seen}\n{sent}")
                try:
                    await self.flush()
                except StreamClosedError:  # gone already: no page is made for nobody
                    return
        try:
            page = await door.made(self)
        except Exception:
            log.exception("a page could not be made")
            if not self._headers_written:
                self.set_status(500)
            page = (
                "<html><head></head><body><p>This page could not be made; the board's log says why.</p></body></html>"
            )
        if sent is not None:
            door.head, body = parts(page)
            page = body if sent == door.head else f"{door.head}{body}"
        self.finish(page)


def parts(page: str) -> tuple[str, str]:
    """A page to follow within a document that has begun: what its head holds, and its body.

    Style sheets are put into the document's head, where those that come later find them; scripts run where they stand.
    """
    before, _, body = page.partition("</head>")
    opening, _, head = before.partition("<head>")
    others = json.dumps(_SCRIPT.sub("", head)).replace("<", "\\u003c")
    into = f'<script>document.head.insertAdjacentHTML("beforeend", {others})</script>'
    root = opening[opening.find("<html") :] if "<html" in opening else ""
    return f"{root}{into}{''.join(_SCRIPT.findall(head))}", body


def _begun(title: str) -> str:
    from workbench.views.assets import style

    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{say.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1.0">'
        f"<style>{style('tab.css')}</style></head><body>\n"
    )
