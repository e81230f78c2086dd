"""The live board of one cruise: feeds, routes and pages in one process."""

from __future__ import annotations

import asyncio
import atexit
import errno
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from workbench.apps import routes
from workbench.apps.asking import asker_of
from workbench.apps.desk import Desk
from workbench.apps.glances import glance, session_for
from workbench.apps.hop import onto
from workbench.apps.house import House
from workbench.apps.indexing import building
from workbench.apps.settled import SETTLED
from workbench.apps.standing import board as standing
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.catalog.declared import PAGES
from workbench.core.errors import WorkbenchError
from workbench.core.memory import return_now_and_then, return_what_is_large
from workbench.core.said import say
from workbench.live.access import Access, read_tokens
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.live.pace import PACE
from workbench.live.picture import warm
from workbench.readers.kept import hold_at_most
from workbench.record.state import State

log = logging.getLogger(__name__)

#: Seconds to wait for the first rows before the board says that it is there.
PATIENCE = 5.0
#: Seconds that a connection may be idle, or a body take: what is left of browsers that are gone does not gather.
IDLE = 300.0
#: Bytes of parsed files that a board keeps: the newest hours, however long the cruise.
PARSED = 16 << 20


def serve(
    catalog: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None, host: str = "127.0.0.1", port: int = 5006,
    allow_origin: Sequence[str] = (), tokens: str | os.PathLike[str] | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:  # fmt: skip
    """Serve the board until interrupted.

    Parameters
    ----------
    catalog : path-like
    data : path-like, optional
        Root of the data.
    record : path-like, optional
        The cruise folder.
    host, port
        Where to listen; port 0 takes a free one.
    allow_origin : sequence of str
        Further ``HOST[:PORT]`` under which pages are opened.
    tokens : path-like, optional
        File of those who may write.
    ready : callable
        Called, in a thread, with the address once pages can be made; prints it unless told.

    Returns
    -------
    int
        0 after a clean end, 1 when it could not start.
    """
    quiet()
    return_what_is_large()
    hold_at_most(PARSED)
    cruise = open_cruise(catalog, data=data, record=record)
    access = Access(host, tuple(allow_origin), read_tokens(tokens) if tokens else None)
    with ExitStack() as stack:
        desk = open_desk(cruise, access, stack)
        try:
            sockets = bind_sockets(port, host)
            port = int(sockets[0].getsockname()[1])
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is in use by another program" if taken else f"cannot be used ({error.strerror or error})"
            advice = f"Choose another one: --port {port + 1 if port < 65535 else 5007}, or --port 0 for any."
            print(f"workbench: port {port} of {host} {reason}. {advice}", file=sys.stderr)
            return 1
        house = House(desk, _pages(desk), _origins(access, port, allow_origin), stack)
        http = HTTPServer(house.door, idle_connection_timeout=IDLE, body_timeout=IDLE)
        http.add_sockets(sockets)
        stack.callback(http.stop)
        address = f"http://{_shown(host)}:{port}"
        threading.Thread(target=_warm_up, args=(house, address, ready or announce), name="warm-up", daemon=True).start()
        stack.enter_context(standing(cruise.folder, address))
        house.loop.start()
        return house.end()


def announce(address: str) -> None:
    """Say where the board is."""
    say(address)


def quiet() -> None:
    """Keep tabs that were closed in the middle of an update out of the log."""

    def wanted(record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        text = f"{getattr(kind, '__name__', '')} {record.getMessage()}"
        if kind is AssertionError and "/ws " in text:  # Bokeh is told twice that a socket closed
            return False
        if (
            record.name == "bokeh.server.protocol_handler" and "error: AssertionError()" in text
        ):  # a last word of such a tab
            return False
        return not any(
            name in text for name in ("WebSocketClosedError", "StreamClosedError", "as connection was closed")
        )

    for name in (
        "tornado.application",
        "tornado.general",
        "bokeh.server.protocol_handler",
        "bokeh.util.tornado",
        "bokeh.server.views.ws",
        "asyncio",
    ):
        logging.getLogger(name).addFilter(wanted)
    logging.getLogger("bokeh.server.util").setLevel(logging.ERROR)  # host patterns are ours, and meant


def open_desk(cruise: Cruise, access: Access, stack: ExitStack, *, key: str = "") -> Desk:
    """Start what the pages and routes of this process need; `stack` ends it. Routes know it by `key`, else its id."""
    feeds = Feeds(cruise).start()
    stack.callback(feeds.stop)
    stack.enter_context(building(feeds, cruise))
    gallery = Gallery(feeds)
    stack.callback(gallery.close)
    desk = routes.install(key or cruise.id, feeds, gallery, access, State(cruise.folder))
    stack.callback(routes.remove, desk.cruise)
    return desk


def _pages(desk: Desk) -> dict[str, Callable[[], Any]]:
    """What makes each page, by its path."""

    def maker(name: str) -> Callable[[], Any]:
        return lambda: page_for(desk, name=name, links=True)

    return {f"/{name}": maker(name) for name in PAGES}


def page_for(
    desk: Desk, *, route: str = "live/ws", health: str = "healthz", name: str = "", links: bool | str = False
) -> Any:
    """A page of one tab, tied to its document; closing the tab leaves nothing behind.

    Options as for `views.page`; `links` is True where each page has an address of its own, or the query to which
    ``&page=NAME`` is added, or False for no navigation.
    """
    import panel as pn
    from panel.io.document import unlocked

    from workbench.views import pages
    from workbench.views.page import page

    document, request = pn.state.curdoc, pn.state.headers or {}
    host = request.get("Host", "localhost")
    if not desk.access.knows(host):
        return pn.pane.Str(f"This board does not know the name '{host}'. Start it with --allow-origin.")

    hop = onto(document, lambda: session.closed)

    def tick(call: Callable[[], None]) -> None:
        hop(lambda: PACE.run(call, unlocked))  # one message, not one a change

    rights = desk.access.rights(asker_of(document.session_context.request))
    items = pages.items_of(desk.feeds, name) if name else None
    session = session_for(desk, _query(), schedule=tick, rights=rights, board=items, pace=PACE)
    SETTLED.opened(document)

    def gone(_: object) -> None:
        session.close()
        SETTLED.closed(document)

    pn.state.on_session_destroyed(gone)
    around = pages.links(links if isinstance(links, str) else "") if links else ()
    made = page(
        session, route=route, read_only=desk.access.read_only, health=health, name=name, items=items, links=around
    )  # fmt: skip
    told_from_now_on(document)
    return made


def told_from_now_on(document: Any) -> None:
    """Send a page that was made all that changes, also what comes before its browser has drawn it: Panel would drop that,
    and a card which nothing changes later would stand still with what it had."""
    import panel as pn

    connected = getattr(pn.state, "_connected", None)
    if connected is not None:
        connected[document] = True


def _query() -> str:
    import panel as pn

    given = pn.state.session_args or {}
    return urlencode([(key, value.decode("utf-8", "replace")) for key, values in given.items() for value in values])


def _shown(host: str) -> str:
    return "localhost" if host in ("", "0.0.0.0", "::", "127.0.0.1", "::1") else host


def _origins(access: Access, port: int, allow_origin: Sequence[str]) -> list[str]:
    """Names under which pages may be opened: ours, and numeric addresses where the board is served beyond localhost."""
    names = ["localhost", "127.0.0.1", access.host]
    if not access.local:
        names += [socket.gethostname(), socket.getfqdn(), f"{socket.gethostname().split('.')[0]}.local", "*.*.*.*"]
    ports = [f"{name}:{port}" for name in dict.fromkeys(names) if name and name not in ("0.0.0.0", "::")]
    given = [origin.split("://", 1)[-1].rstrip("/") for origin in allow_origin]
    return [*ports, *given, *(f"{origin}:{port}" for origin in given if ":" not in origin)]


def await_rows(desk: Desk) -> None:
    """Give what is read a moment to be read for the first time; what is made of it, or has nothing, is not waited for."""
    until, feeds = time.monotonic() + PATIENCE, list(desk.feeds.values())
    read = [feed for feed in feeds if feed.source.product is None]
    while time.monotonic() < until:
        looked = all(feed.polled or feed.revision or feed.fault for feed in read)
        if looked and any(feed.revision or feed.fault for feed in feeds):
            return
        time.sleep(0.02)


def _warm_up(house: House, address: str, ready: Callable[[str], None]) -> None:
    """Compile the kernels before anybody waits for them, say where the board is, then load what pages are made with."""
    try:
        warm()
        await_rows(house.desk)
        # The first one loads what it needs, too; afterwards it would share the interpreter with what loads Panel.
        made = asyncio.run_coroutine_threadsafe(glance(house.desk, ""), house.loop.asyncio_loop)  # type: ignore[attr-defined]
        wait([made], timeout=PATIENCE)
    except Exception:
        log.exception("warming up")
    threading.Thread(target=ready, args=(address,), name="ready", daemon=True).start()  # it may take its time
    house.load()
    SETTLED.begin()
    return_now_and_then()


def served(arguments: Sequence[str]) -> Any:
    """The page under ``panel serve workbench/apps/board.py --plugins workbench.apps.routes --args CATALOG [DATA]``.

    Feeds and routes are made once for the process; who may write is decided as for a board on localhost.
    """
    import panel as pn

    if not arguments:
        raise WorkbenchError("which cruise? panel serve workbench/apps/board.py --args CATALOG [DATA]")

    def open_once() -> Desk:
        quiet()
        cruise = open_cruise(arguments[0], data=arguments[1] if len(arguments) > 1 else None)
        stack = ExitStack()
        atexit.register(stack.close)
        desk = open_desk(cruise, Access(), stack)
        await_rows(desk)
        return desk

    desk: Desk = pn.state.as_cached(f"workbench {arguments[0]}", open_once)
    return page_for(desk)


if __name__.startswith("bokeh_app"):
    from workbench.apps import board  # this copy of the module is emptied before its tab is told that it closed

    board.served(sys.argv[1:]).servable()
