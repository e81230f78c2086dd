"""`workbench engine`: the engine of a cruise, and its small HTTP API. Tornado alone, no browser code.

POST api/v1/feed/NAME     what an instrument says; 200 when it is on disk
GET  api/v1/status        how everything is
GET  healthz              200 while no feed has a fault
"""

from __future__ import annotations

import asyncio
import errno
import faulthandler
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body

from workbench.apps.asking import asker_of
from workbench.apps.online import Online
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.errors import WorkbenchError
from workbench.core.memory import return_now_and_then, return_what_is_large
from workbench.core.said import SaidOnce, say
from workbench.live.access import Access, read_tokens
from workbench.live.engine import Engine
from workbench.live.journal import Journal
from workbench.live.listeners.http import Answer, Http, admit, post
from workbench.record.budget import Budget
from workbench.record.lock import EngineLock
from workbench.record.record import Record

log = logging.getLogger(__name__)

#: Seconds that the end may take.
LAST = 20.0
#: Seconds between two looks whether the cruise folder is still there.
STANDS = 2.0
#: Seconds without a turn of the event loop after which it hangs: where is said, and the engine ends, to be started again.
HANGS = 300.0
#: Seconds that a body, or the next request, may take: a sender whose cable was cut is not waited for any longer.
HALF = 600.0
#: Connections at once. Each is an open file, and the journal needs some, too.
GUESTS = 400
#: Names in a URL.
NAME = "[A-Za-z0-9_-]+"
#: A body that is longer than a feed takes, but not this many times, is read to its end before it is refused: whoever
#: sends it hears why.
PATIENCE = 16


def serve(
    catalog: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None, host: str = "127.0.0.1", port: int = 5007,
    tokens: str | os.PathLike[str] | None = None, fsync: float = 1.0, budget: int | None = None,
    scheduler: str | None = None,
) -> int:  # fmt: skip
    """Run the engine until it is told to stop (SIGINT, SIGTERM).

    Parameters
    ----------
    catalog : path-like
    data, record : path-like, optional
        Root of the data; the cruise folder.
    host, port
        Where the API listens; port 0 takes a free one.
    tokens : path-like, optional
        Who may post to feeds: lines of NAME ROLE SHA256.
    fsync : float
        Seconds that a power cut may lose of what was received; 0 for nothing.
    budget : int, optional
        Bytes that the cruise folder may take.
    scheduler : str, optional
        ``tcp://...`` of a Dask cluster for heavy products.

    Returns
    -------
    int
        0 after a clean end.

    Raises
    ------
    WorkbenchError
        When the catalog has mistakes, another engine writes to this cruise folder, or it was taken away.
    """
    said = logging.StreamHandler()
    said.addFilter(SaidOnce())
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, handlers=[said])
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    for name in ("tornado.access", "tornado.general"):  # who posts amiss does so again and again; it is counted
        logging.getLogger(name).setLevel(logging.ERROR)
    return_what_is_large()
    return_now_and_then()
    cruise = open_cruise(catalog, data=data, record=record)
    access = Access(host, (), read_tokens(tokens) if tokens else None)
    with EngineLock(cruise.folder) as lock:
        doors = _bound(host, port)
        asyncio.run(_run(cruise, access, doors, fsync, budget, scheduler, lock))
        if not lock.stands():
            raise WorkbenchError(
                f"{cruise.folder} was moved or removed, or its disk taken out, while the engine wrote to it. What was "
                "received until then is there, wherever that is; started again, the engine begins at this place anew"
            )
    return 0


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets for the API, before anything is begun."""
    try:
        return bind_sockets(port, address=host)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is in use by another program" if taken else f"cannot be used ({error.strerror or error})"
        raise WorkbenchError(
            f"port {port} of {host} {reason}. Choose another one: --port {port + 1 if 0 < port < 65535 else 5007}, or "
            "--port 0 for any free one"
        ) from None


async def _run(
    cruise: Cruise, access: Access, doors: list[socket.socket], fsync: float, budget: int | None, scheduler: str | None,
    lock: EngineLock,
) -> None:  # fmt: skip
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with Journal(cruise.folder / "raw", fsync=fsync) as journal:
        record = Record(cruise.folder)
        swept = record.runs.sweep(begun=True)
        if swept:
            log.info("%d %s interrupted and begun again", swept, "run was" if swept == 1 else "runs were")
            record.runs.again()
        limit = Budget(cruise.folder, budget)
        online = Online(cruise, journal, record, scheduler=scheduler, budget=limit)
        engine = Engine(cruise, journal, record, budget=limit, arrived=online.arrived)
        await engine.start()
        online.start()
        server = listen(engine, access, doors)
        host, port = doors[0].getsockname()[:2]
        say(f"engine of {cruise.id}: {len(engine.listeners)} feeds, {cruise.folder}, API at {host}:{port}")
        try:
            while lock.stands() and not stop.is_set():
                with suppress(RuntimeError, OSError):  # where nothing stands for the standard error
                    faulthandler.dump_traceback_later(HANGS, exit=True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(STANDS):
                        await stop.wait()
        finally:
            faulthandler.cancel_dump_traceback_later()
            server.stop()
            try:
                async with asyncio.timeout(LAST):
                    await online.stop()
                    await engine.stop()
            except TimeoutError:
                log.warning("something did not end within %g s; what was acknowledged is on disk", LAST)
            record.close()


def listen(engine: Engine, access: Access, doors: list[socket.socket]) -> HTTPServer:
    """Serve the API of an engine."""
    feeds = {name: each for name, each in engine.listeners.items() if isinstance(each, Http)}
    given = {"engine": engine, "access": access, "feeds": feeds}
    routes = [(f"/api/v1/feed/({NAME})", Feed, given), ("/api/v1/status", Status, given), ("/healthz", Status, given)]
    application = Application(routes, default_handler_class=Nothing, default_handler_args=given)
    server = _Server(application, body_timeout=HALF, idle_connection_timeout=HALF)
    server.add_sockets(doors)
    return server


class _Server(HTTPServer):
    """Lets in no more connections than leave the engine files to open."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._connections) < GUESTS:
            super().handle_stream(stream, address)
            return
        log.warning("API: %d connections are open, which are too many; more are closed at once", GUESTS)
        stream.close()


class _Api(RequestHandler):
    def initialize(self, engine: Engine, access: Access, feeds: dict[str, Http]) -> None:
        self.engine, self.access, self.feeds = engine, access, feeds

    def check_xsrf_cookie(self) -> None:
        """No cookies are used."""

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    def say(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(dict(answer.said)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish({"error": self._reason})


class Nothing(_Api):
    """Every other place."""

    def prepare(self) -> None:
        """404, and what there is."""
        self.say(
            Answer(
                404, {"error": f"there is nothing at {self.request.path}: POST /api/v1/feed/NAME, GET /api/v1/status"}
            )
        )


@stream_request_body
class Feed(_Api):
    """Takes what is posted to a feed; who may not is told so before the body is read."""

    def prepare(self) -> None:
        """Look who asks, and for how much."""
        self._body = bytearray()
        said = self.request.headers.get("Content-Length", "")
        length, name = int(said) if said.isdecimal() else None, self.path_args[0]
        self._wrong = admit(self.feeds, self.access, name, asker_of(self.request), length)
        self._feed = self.feeds.get(name)
        packed = self.request.headers.get("Content-Encoding", "identity")
        if self._wrong is None and self._feed is not None and packed.lower() != "identity":
            self._feed.counters.refused += 1
            self._wrong = Answer(
                415, {"error": f"a body packed as '{packed}' would be kept and never read; send it plain"}
            )
        most = PATIENCE * (self._feed.longest if self._feed is not None else 1 << 20)
        connection: Any = self.request.connection
        connection.set_max_body_size(most)
        if self._wrong is not None and (length or 0) > most:
            self.set_header("Connection", "close")
            self.say(self._wrong)

    def data_received(self, chunk: bytes) -> None:
        """Keep the body, unless it is refused or too long."""
        if self._wrong is None and self._feed is not None:
            self._body += chunk
            self._wrong = self._feed.refusal(len(self._body))

    def post(self, name: str) -> None:
        """200 when the body is on disk."""
        self.say(self._wrong or post(self.feeds, self.access, name, bytes(self._body), asker_of(self.request)))


class Status(_Api):
    """How everything is."""

    def get(self) -> None:
        verdict = self.access.may_read(asker_of(self.request))
        if not verdict.allowed:
            self.say(Answer(403, {"error": verdict.reason}))
            return
        status = self.engine.status()
        wrong = any(feed["fault"] for feed in status["feeds"])
        self.say(Answer(503 if wrong and self.request.path == "/healthz" else 200, status))


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
