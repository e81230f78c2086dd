"""Where a measurement is: ``influxdb://host:port/database/measurement``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from workbench.core.errors import ReaderError

__all__ = ["PORT", "SCHEMES", "Place"]

SCHEMES = ("influxdb", "influxdbs")
PORT = 8086


@dataclass(frozen=True)
class Place:
    """One measurement of one database of one server.

    Attributes
    ----------
    secure : bool
        ``influxdbs://``: HTTPS.
    host : str
    port : int
    database, measurement : str
        The database is the bucket of InfluxDB 2.
    retention : str or None
        The retention policy (InfluxDB 1); None is the database's default one.
    """

    secure: bool
    host: str
    port: int
    database: str
    measurement: str
    retention: str | None = None

    @classmethod
    def parse(
        cls, url: str, database: str | None = None, measurement: str | None = None, retention: str | None = None
    ) -> Place:
        """A url, completed by options where it names less.

        Raises
        ------
        ReaderError
            When it is no such url, or holds a password.
        """
        shape = "Write it as influxdb://host:8086/database/measurement"
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ReaderError(url, "is not the url of an InfluxDB measurement", hint=shape)
        if "@" in parts.netloc:
            shown = f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[1]}{parts.path}"
            hint = "Give user: NAME and password_env: VARIABLE (or password_file: PATH) as options"
            raise ReaderError(shown, "a url holds no user and no password", hint=hint)
        try:
            host, port = parts.hostname, parts.port or PORT
        except ValueError as error:
            raise ReaderError(url, f"has no port that can be ({error})", hint=shape) from None
        if not host or parts.query or parts.fragment:
            raise ReaderError(url, "is not the url of an InfluxDB measurement", hint=shape)
        first, _, rest = parts.path.lstrip("/").partition("/")
        named = database or unquote(first), measurement or unquote(rest)
        for what, name in zip(("database", "measurement"), named, strict=True):
            if not name or any(ord(letter) < 32 for letter in name):
                raise ReaderError(url, f"names no {what}", hint=shape)
        return cls(parts.scheme == "influxdbs", host, port, *named, retention)

    @property
    def server(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        scheme = SCHEMES[self.secure]
        return f"{scheme}://{self.server}/{quote(self.database, safe=' ')}/{quote(self.measurement, safe=' ')}"
