"""`workbench journal replay`: what was received is read into the record again, in place of what came of it before."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from workbench.catalog.cruise import open_cruise
from workbench.catalog.registered import reader_class
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.window import MAX, MIN, Window, moment
from workbench.live.engine import heard
from workbench.live.journal import Journal
from workbench.live.listeners import open_listener
from workbench.live.recorder import Recorder
from workbench.record.lock import EngineLock
from workbench.record.record import Record


def replay(
    catalog: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None, sources: Sequence[str] = (), since: str | None = None,
    until: str | None = None,
) -> int:  # fmt: skip
    """Read the journal again. Whole segments (an hour each) are replaced; repeating it changes nothing.

    Parameters
    ----------
    catalog : path-like
    data, record : path-like, optional
    sources : sequence of str
        By default every Source that has a journal.
    since, until : str, optional
        When it was received, UTC.

    Returns
    -------
    int
        0.

    Raises
    ------
    WorkbenchError
        When the engine runs (it writes the same rows), or a source is unknown.
    """
    cruise = open_cruise(catalog, data=data, record=record)
    window = Window(moment(since) if since else MIN, moment(until) if until else MAX)
    if window.stop <= window.start:
        raise WorkbenchError(f"nothing was received between {since} and {until}: --from must be before --to")
    known = {name: source for name, source in heard(cruise).items() if not str(source.listen).startswith("folder:")}
    for name in sources:
        if name not in known:
            raise WorkbenchError(f"no source '{name}' is recorded from a journal. {suggest(name, known)}")
    with EngineLock(cruise.folder), Journal(cruise.folder / "raw") as journal, tempfile.TemporaryDirectory() as work:
        kept = Record(cruise.folder)
        for name in tqdm(sources or list(known), unit="source", disable=not sys.stderr.isatty()):
            source = known[name]
            stream = open_listener(name, str(source.listen), journal, **source.listener_options).stream
            recorder = Recorder(
                name, reader_class(source.reader)(), journal, kept, Path(work), stream=stream,
                options=source.reader_options,
            )  # fmt: skip
            print(f"{name}: {recorder.again(window)} rows", flush=True)
        kept.close()
    return 0
