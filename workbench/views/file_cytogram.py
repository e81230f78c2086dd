"""The cytogram of the file that is picked; until one is, of the newest."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.live.file_table import FileTable
from workbench.live.particle_feed import ParticleFeed
from workbench.views.cytogram import Cytogram

_SECOND = np.timedelta64(1_000_000_000, "ns")


def row_of(table: FileTable, name: str) -> int:
    """The row of a file in a table: the last one unless it is named; -1 when it is not there."""
    if not name:
        return len(table) - 1
    found = np.flatnonzero(table.names.among([name]))
    return int(found[0]) if len(found) else -1


class FileCytogram(Cytogram):
    """Particles of one file: the one that is picked on a chart, else the newest."""

    headline = "Cytogram of the file"
    follows = ("file", "planes", "revision")  # type: ignore[assignment]

    @property
    def time(self) -> str:
        """The time range that holds this file alone."""
        feed: Any = self.feed
        table = feed.table if isinstance(feed, ParticleFeed) else FileTable()
        row = row_of(table, self.session.file)
        if row < 0 or table.times[row] == np.iinfo(np.int64).min:
            return "1970-01-01T00:00:00..1970-01-01T00:00:01"  # it is not there: no particles
        time = np.datetime64(int(table.times[row]), "ns")
        start, stop = (np.datetime_as_string(t, unit="ns") for t in (time, time + _SECOND))
        return f"{start}..{stop}"

    def _question(self) -> dict[str, str]:
        return {**super()._question(), "time": self.time}
