"""Files that folders' listeners took, kept in ``state.db`` for people and notebooks: ``record.files.of("seaflow")``.

The journal tells the engine of them; how far it was read is kept after the files, so that whoever is killed between adds
the same again.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.live.journal import Journal
from workbench.live.listeners.folder import arrived
from workbench.record.cursors import Cursors
from workbench.record.record import Record
from workbench.record.seen import Files, SeenFile


class FileList:
    """The list of some Sources.

    Parameters
    ----------
    names : sequence of str
        Sources that listen to folders.
    journal : Journal
    record : Record
    """

    def __init__(self, names: Sequence[str], journal: Journal, record: Record) -> None:
        self._journal = journal
        self._files, self._cursors = Files(record.folder), Cursors(record.folder)
        self._due = set(names)

    def came(self, name: str) -> None:
        """Something came for a Source."""
        self._due.add(name)

    def keep(self) -> None:
        """Add what came; what could not be added is due the next time."""
        for name in list(self._due):
            self._due.discard(name)
            try:
                self._add(name)
            except BaseException:
                self._due.add(name)
                raise

    def _add(self, name: str) -> None:
        mirror, found, last = f"files {name}", list[SeenFile](), None
        for entry in self._journal.read(name, self._cursors.get(mirror)):
            file, last = arrived(entry.body), entry.after
            if file is not None:
                found.append(SeenFile(file.text, file.size, file.mtime_ns, file.sha256))
        if last is not None:
            self._files.add(name, found)
            self._cursors.set(mirror, last.as_json())
