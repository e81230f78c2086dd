"""The websocket of live pictures: one question a picture, answered once when there is something newer."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from workbench.apps.desk import Desk, find, names
from workbench.core.errors import WorkbenchError, suggest
from workbench.live.picture import Frame
from workbench.live.question import Question
from workbench.raster.encode import frame as framed

log = logging.getLogger(__name__)

#: Limits of one socket: bytes of a message, pictures at a time, messages a second (and at once).
LONGEST, PICTURES, RATE, BURST = 16 << 10, 16, 30.0, 90.0
#: Seconds between two pings; a tab that does not answer is gone.
PING = 30.0
#: The revision of a question that makes no sense: said once.
WRONG = "wrong"


class PictureSocket(WebSocketHandler):
    """Answers questions (see apps/routes.py)."""

    def initialize(self) -> None:
        self._questions: dict[str, asyncio.Task[None]] = {}
        self._sent: asyncio.Future[None] | None = None
        self._others: set[asyncio.Task[None]] = set()
        self._allowance, self._counted = BURST, time.monotonic()

    @property
    def max_message_size(self) -> int:  # type: ignore[override]
        """Tornado closes the socket when a message is longer."""
        return LONGEST

    @property
    def ping_interval(self) -> float:
        """Seconds; keeps proxies from closing a quiet socket and finds tabs that are gone."""
        return PING

    def check_origin(self, origin: str) -> bool:
        """The page that asks must be one of ours (every desk has the same server, so the first one says)."""
        desk = find()
        return desk is not None and desk.access.same_origin(self.request.headers.get("Host", ""), origin)

    async def prepare(self) -> None:
        """Refuse unknown host names before the handshake."""
        desk = find()
        if desk is None:
            raise HTTPError(503, reason="no board is open")
        if not desk.access.knows(self.request.headers.get("Host", "")):
            raise HTTPError(403, reason="unknown host name")

    def on_message(self, message: str | bytes) -> None:
        """One JSON object; whatever it is, it is answered, and nothing raises."""
        if not self._within_rate():
            self.close(1008, "too many messages")
            return
        try:
            raw = json.loads(message)
        except (ValueError, RecursionError) as error:
            self.say({"error": f"this is not JSON: {error}", "status": 400})
            return
        if not isinstance(raw, dict):
            self.say({"error": "a message is a JSON object", "status": 400})
            return
        self._take(raw)

    def on_close(self) -> None:
        """Nothing of this socket goes on."""
        for task in [*self._questions.values(), *self._others]:
            task.cancel()
        self._questions.clear()

    def say(self, answer: dict[str, Any]) -> None:
        """Send text; a closed socket is no mistake."""
        with suppress(WebSocketClosedError):
            self.write_message(json.dumps(answer)).add_done_callback(_seen)

    async def on_note(self, desk: Desk, raw: Any, token: str | None) -> None:
        """A person wants to write."""
        raise NotImplementedError

    def _take(self, raw: dict[str, Any]) -> None:
        wanted = raw.get("cruise", self.get_query_argument("cruise", None))
        desk = find(wanted if isinstance(wanted, str) else None)
        if desk is None:
            text = f"there is no cruise '{wanted}'. {suggest(str(wanted), names())}"
            self.say({"error": text, "status": 404})
            return
        if "note" in raw:
            token = raw.get("token")
            task = asyncio.ensure_future(self.on_note(desk, raw["note"], token if isinstance(token, str) else None))
            self._others.add(task)
            task.add_done_callback(self._others.discard)
            task.add_done_callback(_seen)
            return
        self._ask(desk, raw)

    def _ask(self, desk: Desk, raw: dict[str, Any]) -> None:
        picture, ask, have = raw.get("picture", "picture"), raw.get("ask", 0), raw.get("have") or ""
        if not isinstance(picture, str) or len(picture) > 80 or not isinstance(ask, int) or not isinstance(have, str):
            self.say({"error": "'picture' and 'have' are text, 'ask' is a whole number", "status": 400})
            return
        old = self._questions.pop(picture, None)
        if old:
            old.cancel()
        if raw.get("stop"):
            return
        if len(self._questions) >= PICTURES:
            self.say(
                {"error": f"one page shows at most {PICTURES} pictures", "status": 429, "picture": picture, "ask": ask}
            )
            return
        task = asyncio.ensure_future(self._answer(desk, raw, picture, ask, have))
        self._questions[picture] = task
        task.add_done_callback(_seen)

    async def _answer(self, desk: Desk, raw: dict[str, Any], picture: str, ask: int, have: str) -> None:
        try:
            try:
                question = Question.parse(raw, desk.feeds, desk.feeds.now())
            except WorkbenchError as error:
                made = Frame(WRONG, {"fault": str(error), "revision": WRONG}, b"")
                if have == WRONG:
                    return
            else:
                made = await desk.gallery.ask(question, have)
            while self._sent and not self._sent.done():  # a slow tab gets one frame at a time, not a heap of them
                await asyncio.wait([self._sent])
            with suppress(WebSocketClosedError):
                frame = framed({**made.header, "ask": ask, "picture": picture}, made.packed)
                self._sent = self.write_message(frame, binary=True)
                self._sent.add_done_callback(_seen)
        finally:
            if self._questions.get(picture) is asyncio.current_task():
                del self._questions[picture]

    def _within_rate(self) -> bool:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted) * RATE) - 1
        self._counted = now
        return self._allowance >= 0


def _seen(task: asyncio.Future[Any]) -> None:
    """Look at how a task ended, so that nothing complains later; tell of real mistakes."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, WebSocketClosedError):
        log.error("a question failed", exc_info=error)
