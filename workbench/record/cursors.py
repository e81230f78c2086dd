"""How far each mirror of the record has come: the table ``cursors`` of ``state.db``."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.record.state_file import StateFile


class Cursors:
    """A cursor for each mirror; what it has not got yet is given after an outage.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = StateFile(folder)

    def get(self, mirror: str) -> Any:
        """The cursor kept last; None when there is none."""
        rows = self._file.rows("select cursor from cursors where mirror = ?", (mirror,))
        return json.loads(rows[0][0]) if rows else None

    def set(self, mirror: str, cursor: Any) -> None:
        """Keep a cursor, as `Record.changed` gave it."""
        moment = int(clock.now().astype("datetime64[ns]").astype(np.int64))
        with self._file.writing() as connection:
            connection.execute("insert or replace into cursors values (?, ?, ?)", (mirror, json.dumps(cursor), moment))
