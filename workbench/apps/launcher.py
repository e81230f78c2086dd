"""The card "Cruise board" in JupyterLab's launcher: one board server for all who use this Jupyter server.

jupyter-server-proxy starts it when it is first asked for, passes requests on under ``<base>/cruise-board/`` and stands
in front of it with Jupyter's own log-in. It listens on a socket in a folder of its user alone, on no port. ``board?
catalog=PATH`` shows a catalog (below Jupyter's root); ``/`` goes to ``$WORKBENCH_CATALOG``, else lets choose.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from tornado.web import RequestHandler

from workbench.core.errors import WorkbenchError

#: The name in the address.
NAME = "cruise-board"
#: Below this Jupyter looks for catalogs; its server extension (apps/jupyter.py) says where.
ROOT = "WORKBENCH_JUPYTER_ROOT"
#: The catalog that opens at once.
CATALOG = "WORKBENCH_CATALOG"


def card() -> dict[str, Any]:
    """For the entry point ``jupyter_serverproxy_servers``."""
    return {
        "command": command, "unix_socket": True, "timeout": 60.0, "new_browser_tab": True,
        # Who asks was let in by Jupyter, which looked at the page's origin, too; behind it there is only this machine.
        "request_headers_override": {"Host": "localhost", "Origin": "http://localhost"},
        "launcher_entry": {
            "title": "Cruise board", "icon_path": str(Path(__file__).with_name("board.svg")), "path_info": f"{NAME}/",
        },
    }  # fmt: skip


def command() -> list[str]:
    """What jupyter-server-proxy starts."""
    root = os.environ.get(ROOT) or os.getcwd()
    return [sys.executable, "-m", "workbench.apps.launcher", "--socket", "{unix_socket}", "--root", root]


class Room:
    """The boards of one server, each opened when it is first asked for.

    Parameters
    ----------
    root : Path
    first : str
        The catalog that opens at once; empty to let choose.
    """

    def __init__(self, root: Path, first: str = "") -> None:
        self.root, self.first = root, first
        self._desks: dict[Path, tuple[tuple[int, int], Any]] = {}  # by catalog, as it was written then
        self._ends: dict[str, ExitStack] = {}  # of each desk that stands
        self._tabs = Counter[str]()
        self._lock = Lock()

    def desk(self, path: Path) -> Any:
        """The desk of this catalog; another one once it was changed. That of before ends with the last tab that shows it."""
        from workbench.apps import board, desk
        from workbench.catalog.cruise import open_cruise
        from workbench.live.access import Access

        written = _written(path)
        with self._lock:
            if path not in self._desks or self._desks[path][0] != written:
                cruise = open_cruise(path)
                key, number = cruise.id, 1
                while key in desk.names():  # another catalog of the same cruise
                    number += 1
                    key = f"{cruise.id}~{number}"
                with ExitStack() as stack:
                    made = board.open_desk(cruise, Access(), stack, key=key)
                    board.await_rows(made)
                    self._ends[key] = stack.pop_all()
                self._desks[path] = written, made
                self._end_unseen()
            return self._desks[path][1]

    def enter(self, desk: Any) -> Callable[[], None]:
        """One more tab shows a desk, until the returned function is called."""
        self._tabs[desk.cruise] += 1

        def leave() -> None:
            with self._lock:
                self._tabs[desk.cruise] -= 1
                self._end_unseen()

        return leave

    def _end_unseen(self) -> None:
        """End desks of catalogs that were changed since, where no tab shows them."""
        newest = {made.cruise for _, made in self._desks.values()}
        for key in [key for key in self._ends if key not in newest and not self._tabs[key]]:
            self._ends.pop(key).close()

    def page(self) -> Any:
        """The page of one tab."""
        import panel as pn

        from workbench.apps.board import page_for
        from workbench.catalog.declared import PAGES

        given = (pn.state.session_args or {}).get("catalog") or [b""]
        name = given[0].decode("utf-8", "replace")
        try:
            desk = self.desk(self._file(name))
        except (WorkbenchError, OSError) as error:
            return pn.pane.HTML(
                f"<p><a href='./?choose'>Cruise boards</a></p><pre style='white-space:pre-wrap'>{_plain(error)}</pre>"
            )
        wanted = ((pn.state.session_args or {}).get("page") or [b""])[0].decode("utf-8", "replace")
        leave = self.enter(desk)
        pn.state.on_session_destroyed(lambda _: leave())
        return page_for(
            desk, route=f"live/ws?{urlencode({'cruise': desk.cruise})}", health="./?choose",
            name=wanted if wanted in PAGES else "", links=f"./?{urlencode({'catalog': name or self.first})}",
        )  # fmt: skip

    def _file(self, name: str) -> Path:
        from workbench.apps import shelf

        if name and name != self.first:
            return shelf.within(self.root, name)
        if not self.first:
            raise WorkbenchError("which cruise? Choose one of the list.")
        return Path(os.path.normpath(self.root / self.first))

    def close(self) -> None:
        """End what was opened."""
        with ExitStack() as stack:
            for end in self._ends.values():
                stack.enter_context(end)
            self._ends.clear()


class Front(RequestHandler):
    """``/``: on to the board, or the list. Whoever asks to ``?choose`` sees the list."""

    def initialize(self, room: Room) -> None:
        self.room = room

    async def get(self) -> None:
        """A page, or the way to one (relative, so that it is right under any prefix)."""
        self.set_header("Cache-Control", "no-store")
        if self.room.first and self.get_query_argument("choose", None) is None:
            self.set_status(302)
            self.set_header("Location", f"board?{urlencode({'catalog': self.room.first})}")
            return
        from tornado.ioloop import IOLoop

        from workbench.apps import shelf

        found = await IOLoop.current().run_in_executor(None, shelf.catalogs, self.room.root)
        self.finish(shelf.page(found, self.room.root))


def serve(socket: str, root: Path, first: str = "") -> int:
    """Serve until ended."""
    import panel as pn

    from workbench.apps import board, routes
    from workbench.apps.house import SERVING
    from workbench.readers.kept import hold_at_most

    board.quiet()
    hold_at_most(board.PARSED)
    room = Room(root, first)
    server = pn.io.server.get_server(
        {"/board": room.page}, unix_socket=socket, websocket_origin=["localhost", "localhost:80"],
        title={"/board": "Cruise board"}, extra_patterns=[(r"/", Front, {"room": room}), *routes.ROUTES],
        **SERVING,
    )  # fmt: skip

    def stop(*_: object) -> None:
        server.io_loop.add_callback_from_signal(server.io_loop.stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.start()
    try:
        server.io_loop.start()
    finally:
        server.stop()
        room.close()
    return 0


def _written(path: Path) -> tuple[int, int]:
    """Another one once a file was changed; what is missing, `open_cruise` tells."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _plain(error: Exception) -> str:
    from html import escape

    return escape(str(error))


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m workbench.apps.launcher --socket PATH --root FOLDER``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--root", type=Path, default=Path.cwd())
    args = parser.parse_args(argv)
    return serve(args.socket, Path(os.path.abspath(args.root)), os.environ.get(CATALOG, ""))


if __name__ == "__main__":
    sys.exit(main())
