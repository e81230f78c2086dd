"""What answers an address of the board that leads nowhere: a page for people, one sentence of JSON for programs."""

from __future__ import annotations

from tornado.escape import url_unescape
from tornado.web import RequestHandler

from workbench.apps.asking import asker_of
from workbench.apps.desk import Desk

#: Such a page asks for nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


class Missing(RequestHandler):
    """404, and which pages there are; for ``default_handler_class`` of an application."""

    def initialize(self, desk: Desk) -> None:
        self._desk = desk

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", _POLICY)
        self.clear_header("Server")

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here."""

    def prepare(self) -> None:
        from workbench.views import missing  # with the colours of Bokeh, for which a board's address does not wait
        from workbench.views.links import links

        self.set_status(404)
        path = url_unescape(self.request.path, plus=False, encoding=None).decode("utf-8", "replace")
        if "text/html" not in self.request.headers.get("Accept", ""):
            self.finish({"error": missing.sentence(path, links()), "status": 404})
            return
        cruise = self._desk.feeds.cruise
        known = self._desk.access.may_read(asker_of(self.request)).allowed
        under = " · ".join(text for text in (cruise.ship, cruise.title) if text)
        told = {"cruise": self._desk.cruise, "under": under} if known else {}
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(missing.draw(path, query=self.request.query, **told))
