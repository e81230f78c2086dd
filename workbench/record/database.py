"""SQLite as the record uses it: WAL, patient, one file with a schema version that migrates forward."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from urllib.parse import quote

from workbench.core.errors import WorkbenchError

#: Seconds to wait for another writer.
PATIENCE = 30.0


def connect(path: str | PathLike[str], *, synchronous: str = "full") -> sqlite3.Connection:
    """A connection without transactions of its own; threads may share it when they take turns.

    On a disk that cannot be written, a file that nobody writes is read as it is (WAL would want files beside it).
    """
    place: str = fspath(path)
    still = not os.access(os.path.dirname(place), os.W_OK) and not os.path.exists(f"{place}-wal")
    if still and os.path.exists(place):
        place = f"file:{quote(place)}?mode=ro&immutable=1"
    connection = sqlite3.connect(
        place, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=place.startswith("file:")
    )
    connection.execute(f"pragma synchronous={synchronous}")
    return connection


def migrate(
    connection: sqlite3.Connection, path: str | PathLike[str], steps: Sequence[str], *, write: bool = True
) -> int:
    """Bring the schema to version ``len(steps)``: step n turns version n into n + 1.

    Returns
    -------
    int
        The version found.

    Raises
    ------
    WorkbenchError
        When a newer version of the workbench wrote the file.
    """
    found = _version(connection)
    if found > len(steps):
        raise WorkbenchError(
            f"{fspath(path)}: written by a newer version (schema {found}, known here: {len(steps)}). "
            "Update the workbench."
        )
    if found == len(steps) or not write:
        return found
    _turn_to_wal(connection)
    with transaction(connection):
        now = _version(connection)  # another process may have been faster
        for step in steps[now:]:
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"pragma user_version={len(steps)}")
    return found


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """What is written in the block is committed at its end, or not at all; nobody else writes meanwhile."""
    connection.execute("begin immediate")
    try:
        yield connection
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


@contextmanager
def explained(path: str | PathLike[str]) -> Iterator[None]:
    """Tell what SQLite and the disk say in words that help."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise WorkbenchError(f"{fspath(path)}: {error}. Is the disk full, or the folder writable?") from error


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait by itself when several processes try this at once."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
