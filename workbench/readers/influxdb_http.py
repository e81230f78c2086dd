"""Questions to an InfluxDB server over HTTP, and what its refusals mean. No proxy and no redirect is followed."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from workbench.core.errors import ReaderError, suggest
from workbench.readers.influxdb_place import Place
from workbench.readers.secret import Secret

__all__ = ["Body", "Refusal", "Server", "Unreachable"]

_JWT = re.compile(r"ey[\w-]+\.[\w-]+\.[\w-]*")
#: Bytes of an answer looked at before it is given on.
_HEAD = 1 << 16
#: Seconds for which a server's version is remembered.
_REMEMBERED = 60.0
_versions: dict[tuple[bool, str, int], tuple[float, str]] = {}


class Refusal(ReaderError):
    """The server answered that it will not; `status` is HTTP's."""

    status: int = 0


class Unreachable(ReaderError):
    """The server does not answer, or stopped in the middle."""


@dataclass(frozen=True)
class Server:
    """A server, and who asks it.

    Attributes
    ----------
    place : Place
    user : str or None
    password, token : Secret
    timeout : float
        Seconds to wait for an answer to begin, or to go on.
    ca_file : str or None
        Certificates to trust, for ``influxdbs://``.
    """

    place: Place
    user: str | None = None
    password: Secret = field(default_factory=lambda: Secret("password"))
    token: Secret = field(default_factory=lambda: Secret("token"))
    timeout: float = 30.0
    ca_file: str | None = None

    def write(self, points: bytes, *, org: str | None = None) -> None:
        """Store points, as lines with times in nanoseconds.

        Raises
        ------
        Refusal
            When the server will not take them: 400 some of them (the others are stored), 413 so many.
        Unreachable
            When it is not there.
        """
        place = self.place
        if org is not None:
            path, params = "/api/v2/write", {"org": org, "bucket": place.database, "precision": "ns"}
        else:
            path, params = "/write", {"db": place.database, "precision": "ns"}
            if place.retention:
                params["rp"] = place.retention
        self.version()
        with self.ask(path, params, body=points, headers={"Content-Type": "text/plain; charset=utf-8"}, ok=(200, 204)):
            pass

    @contextmanager
    def ask(
        self, path: str, params: Mapping[str, str], *, body: bytes | None = None,
        headers: Mapping[str, str] | None = None, ok: tuple[int, ...] = (200,),
    ) -> Iterator[Body]:  # fmt: skip
        """The answer to one question, to be read while it comes.

        Raises
        ------
        ReaderError
            When the server cannot be reached, or refuses.
        """
        connection = self._connection()
        target = f"{path}?{urlencode(params)}" if params else path
        try:
            sent = {"User-Agent": "sciops-workbench", **self._access(), **(headers or {})}
            connection.request("POST" if body is not None else "GET", target, body, sent)
            answer = connection.getresponse()
            content = Body(answer)
            if answer.status not in ok:
                _versions.pop(self._key, None)  # another version may stand there now, which wants to be asked otherwise
                raise self._refusal(answer.status, content.text())
            if said := content.error():
                raise self._refusal(answer.status, said)
            yield content
        except (OSError, http.client.HTTPException) as error:
            _versions.pop(self._key, None)
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def version(self) -> str:
        """What the server says it is (``1.6.7``, ``v2.7.1``, ``3.0``); empty when it does not tell."""
        known = _versions.get(self._key)
        if known is not None and time.monotonic() - known[0] < _REMEMBERED:
            return known[1]
        connection = self._connection()
        try:
            connection.request("GET", "/ping", headers={"User-Agent": "sciops-workbench", **self._access()})
            answer = connection.getresponse()
            found = answer.getheader("X-Influxdb-Version") or _version_in(answer.read(4096))
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        _versions[self._key] = time.monotonic(), found
        return found

    @property
    def _key(self) -> tuple[bool, str, int]:
        return self.place.secure, self.place.host, self.place.port

    def _connection(self) -> http.client.HTTPConnection:
        place = self.place
        if not place.secure:
            return http.client.HTTPConnection(place.host, place.port, timeout=self.timeout)
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ReaderError(str(place), f"ca_file {self.ca_file} cannot be used ({error})") from error
        return http.client.HTTPSConnection(place.host, place.port, timeout=self.timeout, context=context)

    def _access(self) -> dict[str, str]:
        url = str(self.place)
        token = self.token.read(url)
        if token is not None:
            known = _versions.get(self._key)
            bearer = _JWT.fullmatch(token) or (known is not None and known[1].lstrip("v").startswith("3"))
            return {"Authorization": f"{'Bearer' if bearer else 'Token'} {token}"}
        if self.user is None:
            return {}
        pair = f"{self.user}:{self.password.read(url) or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _unreachable(self, error: Exception) -> ReaderError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "Is the server running, and are host and port right? It is asked again by itself"
        return Unreachable(str(self.place), f"InfluxDB at {self.place.server} does not answer ({reason})", hint=hint)

    def _refusal(self, status: int, said: str) -> ReaderError:
        text = said.strip().rstrip(".")[:500] or f"HTTP status {status}"
        hint = None
        if status in (401, 403) or "authoriz" in text or "authentication" in text:
            hint = "Give user and password_env, or token_env, of somebody who may read this database"
        elif "database not found" in text:
            hint = f"No database '{self.place.database}' is there, or it may not be seen"
        elif status == 404:
            hint = "Does this server speak that? Set api to influxql, flux or sql"
        refusal = Refusal(str(self.place), f"InfluxDB at {self.place.server} refused: {text}", hint=hint)
        refusal.status = status
        return refusal

    def no_database(self, known: tuple[str, ...]) -> ReaderError:
        """What to say when the database is not there."""
        name = self.place.database
        return ReaderError(
            str(self.place), f"there is no database '{name}' at {self.place.server}",
            hint=suggest(name, known).rstrip("."),
        )  # fmt: skip

    def missing(self, known: tuple[str, ...]) -> ReaderError:
        """What to say when the measurement is not there."""
        name = self.place.measurement
        reason = f"database '{self.place.database}' has no measurement '{name}'"
        return ReaderError(str(self.place), reason, hint=suggest(name, known).rstrip("."))


class Body:
    """The body of an answer: its beginning was looked at, the rest comes as it is read.

    Parameters
    ----------
    answer : http.client.HTTPResponse
    """

    closed = False

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.head = answer.read(_HEAD)
        self._left = self.head

    @property
    def empty(self) -> bool:
        """True when nothing came (no rows), or nothing but blanks."""
        return not self.head.strip()

    def read(self, size: int = -1) -> bytes:
        if self._left:
            if size < 0 or size >= len(self._left):
                out, self._left = self._left, b""
                return out if size >= 0 else out + self._answer.read()
            out, self._left = self._left[:size], self._left[size:]
            return out
        return self._answer.read() if size < 0 else self._answer.read(size)

    def text(self) -> str:
        """The beginning, as the message of an error."""
        raw = self.head.decode("utf-8", "replace")
        try:
            said = json.loads(raw)
        except ValueError:
            return raw.removeprefix('{"error":"') if raw.startswith("{") else self.error() or raw
        if isinstance(said, dict):
            return str(said.get("error") or said.get("message") or raw)
        return raw

    def error(self) -> str | None:
        """The message of an error that came as CSV (or as JSON instead of CSV) under a good status."""
        first, _, rest = self.head.partition(b"\n")
        cells = first.strip().split(b",")
        if cells[0] == b"error" or cells[:2] == [b"", b"error"] or first.strip() == b"error,reference":
            line = rest.decode("utf-8", "replace").strip().splitlines()
            return line[0].strip(",").strip('"').replace('""', '"') if line else "an error without words"
        if first.startswith(b'{"error":'):
            return self.text()
        return None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def _version_in(raw: bytes) -> str:
    try:
        said: Any = json.loads(raw)
        return str(said.get("version", ""))
    except (ValueError, AttributeError):
        return ""
