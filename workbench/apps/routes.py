"""Every URL of the workbench that is no page: pictures, notes, health. Plain Tornado, no Panel.

    pn.serve(pages, extra_patterns=ROUTES)                 in a program, after install(...)
    panel serve app.py --plugins workbench.apps.routes     with install(...) in the app or its --setup

    live/ws         one question a picture, answered once when there is something newer (live/gallery.py)
    api/v1/notes    POST {"text", "time"?, "source"?, "who"?}: an event of the cruise
    healthz         JSON: each feed's age, rows and fault

A prefix goes before all of them. Who may write is said in live/access.py. On the socket, a tab sends

    {"ask": 3, "picture": "left", "source", "x", "y", "time", "range", "level", "have", "cruise"?}
    {"picture": "left", "stop": true}                      it is no longer shown
    {"note": {"text", "time"?}, "token"?}

and receives frames (raster/encode.py) whose header carries ``ask`` and ``picture``, or ``fault``; and, as text,
``{"note": {"id"}}`` or ``{"error", "status"}``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import numpy as np
from tornado.web import RequestHandler, stream_request_body

from workbench.apps.asking import asker_of
from workbench.apps.desk import Desk, find, install, names, remove
from workbench.apps.socket import PictureSocket
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.window import moment
from workbench.live.access import Asker, Verdict

__all__ = ["ROUTES", "install", "remove"]

log = logging.getLogger(__name__)

#: Bytes of a note's request.
LONGEST = 64 << 10


class _Answer(RequestHandler):
    """JSON in, JSON out, errors too."""

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")

    def check_xsrf_cookie(self) -> None:
        """Forms of foreign pages are kept out by the origin and the content type."""

    def say(self, status: int, answer: dict[str, Any]) -> None:
        self.set_status(status)
        self.finish(answer)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish({"error": self._reason, "status": status_code})

    def desk(self) -> Desk | None:
        """The desk that is asked for, when it may be; else the answer is given here."""
        wanted = self.get_query_argument("cruise", None)
        desk = find(wanted)
        if desk is None:
            text = f"there is no cruise '{wanted}'. {suggest(wanted, names())}" if wanted else "no board is open"
            self.say(404 if wanted else 503, {"error": text})
            return None
        verdict = desk.access.may_read(self.asker())
        if not verdict.allowed:
            self.say(403, {"error": verdict.reason})
            return None
        return desk

    def asker(self) -> Asker:
        return asker_of(self.request)


@stream_request_body
class Notes(_Answer):
    """``POST api/v1/notes``: write an event."""

    def prepare(self) -> None:
        """A body that is far too long ends the connection; nothing of it is kept."""
        self._body = bytearray()
        connection: Any = self.request.connection
        connection.set_max_body_size(16 * LONGEST)

    def data_received(self, chunk: bytes) -> None:
        """Keep what may still be a note."""
        if len(self._body) <= LONGEST:
            self._body += chunk

    async def post(self) -> None:
        desk = self.desk()
        if desk is None:
            return
        verdict = desk.access.may_write(self.asker())
        if not verdict.allowed:
            self.say(403, {"error": verdict.reason})
            return
        kind = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":  # a page of somebody else's can send forms, but not this
            self.say(415, {"error": 'send JSON: Content-Type: application/json and {"text": "..."}'})
            return
        if len(self._body) > LONGEST:
            self.say(413, {"error": f"a note has at most {LONGEST} bytes"})
            return
        try:
            raw = json.loads(self._body)
            number = await write_note(desk, raw, verdict)
        except (ValueError, RecursionError) as error:
            self.say(400, {"error": f"this is not JSON: {error}"})
        except WorkbenchError as error:
            self.say(400, {"error": str(error)})
        else:
            self.say(200, {"id": number})


class Health(_Answer):
    """``GET healthz``: how the feeds are."""

    def get(self) -> None:
        desk = self.desk()
        if desk is None:
            return
        now = desk.feeds.now()
        feeds = {name: _health(desk, name, now) for name in desk.feeds}
        well = not any(feed["fault"] or feed["stale"] for feed in feeds.values())
        self.say(200, {
            "status": "ok" if well else "degraded", "cruise": desk.cruise, "now": str(now),
            "finished": desk.feeds.cruise.finished, "read_only": desk.access.read_only, "feeds": feeds,
        })  # fmt: skip


def _health(desk: Desk, name: str, now: np.datetime64) -> dict[str, Any]:
    feed = desk.feeds[name]
    newest = feed.newest
    age = None if newest is None else now - newest
    return {
        "rows": feed.rows, "newest": None if newest is None else str(newest),
        "age_seconds": None if age is None else round(float(age / np.timedelta64(1, "s")), 3),
        "stale": desk.feeds.stale(name), "fault": feed.fault, "refused": len(feed.refused),
    }  # fmt: skip


class Live(PictureSocket):
    """``live/ws``: pictures and notes."""

    async def on_note(self, desk: Desk, raw: Any, token: str | None) -> None:
        verdict = desk.access.may_write(asker_of(self.request, token))
        if not verdict.allowed:
            self.say({"error": verdict.reason, "status": 403})
            return
        try:
            self.say({"note": {"id": await write_note(desk, raw, verdict)}})
        except WorkbenchError as error:
            self.say({"error": str(error), "status": 400})


async def write_note(desk: Desk, raw: Any, verdict: Verdict) -> int:
    """Write what a person sent; WorkbenchError when it makes no sense."""
    if not isinstance(raw, dict) or not isinstance(raw.get("text"), str):
        raise WorkbenchError('a note is {"text": "...", "time"?: "2014-07-04T00:00", "source"?: "sfl"}')
    unknown = set(raw) - {"text", "time", "source", "who"}
    if unknown:
        raise WorkbenchError(
            f"a note has no '{sorted(unknown)[0]}'. {suggest(sorted(unknown)[0], ('text', 'time', 'source', 'who'))}"
        )
    for key in ("time", "source", "who"):
        if raw.get(key) is not None and not isinstance(raw[key], str):
            raise WorkbenchError(f"'{key}' of a note must be text")
    source = raw.get("source") or ""
    if source and source not in desk.feeds:
        raise WorkbenchError(f"there is no source '{source}'. {suggest(source, desk.feeds)}")
    time = moment(raw["time"], desk.feeds.now()) if raw.get("time") else desk.feeds.now()
    who = verdict.who
    if who == "localhost" and raw.get("who"):
        who = raw["who"].strip()[:80] or who
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: desk.state.note(raw["text"], who=who, time=time, source=source))


#: For ``extra_patterns``, and found here by ``panel serve --plugins workbench.apps.routes``.
ROUTES = [
    (r"/live/ws", Live),
    (r"/api/v1/notes", Notes),
    (r"/healthz", Health),
]
