"""`workbench influx write`: a source of a catalog into InfluxDB."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.catalog.cruise import open_cruise
from workbench.core.errors import WorkbenchError
from workbench.live.mirror.influx import Mirror
from workbench.live.mirror.queue import Queue, file_of
from workbench.readers.influxdb_http import Server
from workbench.readers.influxdb_place import Place
from workbench.readers.secret import Secret

__all__ = ["Target", "write"]


@dataclass(frozen=True)
class Target:
    """Where rows go, and who writes them.

    Attributes
    ----------
    url : str
        ``influxdb://host:8086/database``, with ``/measurement`` where rows do not name theirs.
    """

    url: str
    user: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    org: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def server(self, source: str) -> tuple[Server, str | None]:
        """The server, and the measurement that the url names."""
        named = "/" in self.url.partition("://")[2].partition("/")[2].strip("/")
        place = Place.parse(self.url if named else f"{self.url.rstrip('/')}/{source}")
        server = Server(
            place, self.user, Secret("password", self.password_env, self.password_file),
            Secret("token", self.token_env, self.token_file),
        )  # fmt: skip
        return server, place.measurement if named else None


def write(
    catalog: str, source: str, target: Target, *, data: str | None = None, record: str | None = None,
    follow: bool = False, patience: float = 300.0, batch: int = 10_000, quality: bool = False,
) -> int:  # fmt: skip
    """Write a source's rows; 0 when all were stored, 1 when the server refused some."""
    cruise = open_cruise(catalog, data=data, record=record)
    try:
        found = cruise[source]
    except KeyError as error:
        raise WorkbenchError(str(error.args[0])) from None
    if found.is_particles:
        raise WorkbenchError(f"source {source} is of particles; what goes into InfluxDB are rows along time")
    server, measurement = target.server(source)
    place = server.place
    with Queue(_queue(cruise.folder, source, f"{place.server}/{place.database}/{measurement or ''}")) as queue:
        mirror = _Shown(
            found, server, queue, measurement, cruise.id, target.tags, target.org, quality, batch, told=_say
        )
        _say(f"{source} to {place.server}, database {place.database}; what waits is in {queue.path}")
        try:
            mirror.run(follow=follow, patience=patience)
        finally:
            _say(f"{mirror.sent:,} rows written")
        for reason in queue.refused:
            _say(f"refused: {reason}; those lines are kept in {queue.path}, table refused")
        return 1 if queue.refused else 0


def _queue(folder: Path, source: str, target: str) -> Path:
    return file_of(folder, source, target)


def _say(text: str) -> None:
    print(f"influx write: {text}", file=sys.stderr, flush=True)


@dataclass
class _Shown(Mirror):
    """A mirror that says how far it is, every few seconds."""

    _said: float = field(default_factory=time.monotonic)

    def _write(self, body: bytes) -> None:
        super()._write(body)
        if time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            _say(f"{self.sent:,} rows written, {self.queue.waiting[1]:,} wait")
