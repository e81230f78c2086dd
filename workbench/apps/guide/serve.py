"""The site on localhost, or into a folder."""

from __future__ import annotations

import mimetypes
import os
import webbrowser
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'"


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the site; it may be opened from there without a server."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def server(files: Mapping[str, bytes], port: int) -> ThreadingHTTPServer:
    """A server of these files on localhost, and nothing else; not started yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].lstrip("/")
            name = f"{name}index.html" if not name or name.endswith("/") else name
            body = files.get(name)
            self.send_response(404 if body is None else 200)
            kind = mimetypes.guess_type(name)[0] or "text/plain"
            text = kind.startswith("text/") or kind.endswith("javascript")
            self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
            self.send_header("Content-Security-Policy", _POLICY)
            found = b"no such page\n" if body is None else body
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def serve(files: Mapping[str, bytes], port: int, *, show: bool = True) -> int:
    """Serve until interrupted; open it in a browser where there is a screen."""
    with server(files, port) as made:
        address = f"http://127.0.0.1:{made.server_address[1]}/"
        print(f"documentation at {address} (Ctrl-C ends it)", flush=True)
        if show and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(address)
        made.serve_forever()
    return 0
