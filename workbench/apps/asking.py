"""Who asks a web server of ours."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest

from workbench.live.access import Asker

_PROXY = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")


def asker_of(request: HTTPServerRequest, token: str | None = None) -> Asker:
    """What is known of a request; the address is that of the connection itself, whatever headers say."""
    headers = request.headers
    kind, _, bearer = headers.get("Authorization", "").partition(" ")
    connection = getattr(request.connection, "context", None)
    peer = getattr(connection, "_orig_remote_ip", None) or request.remote_ip or ""
    return Asker(
        peer=peer,
        host=headers.get("Host", ""),
        origin=headers.get("Origin"),
        forwarded=any(name in headers for name in _PROXY),
        token=token or (bearer.strip() if kind.lower() == "bearer" else None),
    )
