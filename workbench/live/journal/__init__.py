"""The raw journal: what listeners received, on disk before anything reads it.

    with Journal(cruise.folder / "raw") as journal:
        after = journal.append("ship", b"$GPGGA,...", "10.0.0.5:4001", clock.now())
        for entry in journal.read("ship", since=cursor):     # also in other processes, while it is written
            ...; cursor = entry.after

A folder for each Source; in it numbered segments, ``00000042_2023-01-12T03.journal``, a new one each hour of UTC, zstd
once closed. Text feeds can be looked through with grep and zstdgrep. The way an entry is framed is told in `frame`.
"""

from workbench.live.journal.entry import Entry, Position
from workbench.live.journal.journal import Journal
from workbench.live.receipt import NotKept

__all__ = ["Entry", "Journal", "NotKept", "Position"]
