"""`workbench gates`: the gates of a cruise, from the command line; and a cruise gated again, as a run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np

from workbench.apps.seaflow import Given, Outcome, work_on
from workbench.apps.seaflow_rows import SflRows
from workbench.catalog.cruise import Cruise
from workbench.catalog.decided import Filters, Gates
from workbench.core.decisions import Entry
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gating, Plan
from workbench.core.parameters import format_time
from workbench.core.window import moment
from workbench.readers.parameter_files import is_database, read_parameters, write_database, write_tsv
from workbench.record.record import Record
from workbench.record.runs import Beats, Runs
from workbench.record.seaflow_run import Busy
from workbench.record.seaflow_work import Limits

#: Seconds between two tries while another run writes.
AGAIN = 1.0
Room = Gates | Filters


# a cruise gated again


def regate(
    cruise: Cruise, *, out: Path | None = None, since: str | None = None, workers: int = 1, scheduler: str | None = None,
    who: str = "workbench", done: Callable[[int, int], object] = lambda files, of: None, quiet: bool = True,
    waiting: Callable[[str], object] = lambda text: None,
) -> Outcome:  # fmt: skip
    """Process again what the plan, as it is now, touches: a run of the record.

    The old result stands until the new one is whole; after a kill the next call goes on where this one was.

    Parameters
    ----------
    cruise : Cruise
    out : Path, optional
        By default where the engine keeps them, ``particles/`` in the cruise folder.
    since : str, optional
        Only files from then on (UTC).
    workers : int
        Threads.
    scheduler : str, optional
        A Dask cluster to work on.
    who : str
        For the event that tells of it.
    done : callable
        Told how many files were worked on since, and how many files there are.
    quiet : bool
        Without a bar.
    waiting : callable
        Told when another run writes there, which is waited for.

    Returns
    -------
    Outcome
    """
    gates = cruise.gates
    place = out or cruise.folder / "particles"
    runs = Runs(cruise.folder)
    task = f"gates of {gates.source}"
    runs.sweep()
    revision = gates.revision
    runs.queue(task, f"as changed by {revision}{f', from {since}' if since else ''}, into {place.name}")
    runs.again(task)
    started = runs.start_all(task)
    beat = Beats(runs, [run.id for run in started], done)
    options: dict[str, Any] = {"since": since, "limits": _limits(cruise), "workers": workers, "scheduler": scheduler}
    try:
        outcome = _when_free(lambda: work_on(given(cruise), place, quiet=quiet, done=beat, **options), waiting)
    except Exception as error:
        runs.end(*started, rows=beat.made, error=f"{type(error).__name__}: {error}")
        raise
    runs.end(*started, rows=outcome.processed)
    if outcome.processed:
        text = f"{outcome.processed} of {len(outcome.work.tasks)} files gated again, as changed by {revision}"
        Record(cruise.folder).events.note(text, who=who, kind="gates", source=gates.source)
    return outcome


def _when_free(work: Callable[[], Outcome], waiting: Callable[[str], object]) -> Outcome:
    """Work, when no other run writes there any more."""
    told = False
    while True:
        try:
            return work()
        except Busy as busy:
            if not told:
                waiting(str(busy))
            told = True
            time.sleep(AGAIN)


def given(cruise: Cruise) -> Given:
    """What the populations of a cruise are made of, with what people accepted."""
    gates = cruise.gates
    source = gates.made()
    evt, sfl = cruise[source.inputs["evt"]], source.inputs.get("sfl")
    held, serial = gates.parameters(), gates.instrument()
    if not serial:
        raise WorkbenchError(
            f"the plan '{gates.source}' does not say which instrument this is. Add to it: instrument: '740'"
        )
    rows = None if sfl is None else SflRows(cruise[sfl].open().load())
    return Given(list(evt.places()), replaced(held, instrument=serial), rows, gates.size_table())


def _limits(cruise: Cruise) -> Limits:
    return Limits.of(cruise.gates.made().options)


def write(cruise: Cruise, to: str, *, who: str = "workbench") -> list[Path]:
    """Write the plan, as people changed it, into a popcycle database (``*.db``) or as TSVs (a prefix); what was written."""
    place, revision = Path(to), cruise.gates.revision
    held = cruise.gates.parameters()
    if place.suffix in (".db", ".sqlite", ".sqlite3") or is_database(place):
        write_database(place, held)
        written = [place]
    else:
        written = write_tsv(place, held)
    text = f"wrote the plan, as changed by {revision}, to {place.name}"
    Record(cruise.folder).events.note(text, who=who, kind="gates", source=cruise.gates.source)
    return written


def save(
    cruise: Cruise, path: str, *, start: str, who: str, note: str = "", filters: bool = False, replace: bool = False
) -> Entry[Any]:  # fmt: skip
    """Save what holds at `start` in a parameter file: gates, or the filter."""
    found = read_parameters(path)
    plan: Plan[Any] | None = found.filters if filters else found.gatings
    value = None if plan is None else plan.at(moment(start)) or next(iter(plan.sets.values()), None)
    if value is None:
        raise WorkbenchError(f"{path}: there is no {'filter' if filters else 'gating'} that holds at {start}")
    room: Any = cruise.filters if filters else cruise.gates
    saved: Entry[Any] = room.save(value, start=start, who=who, note=note, replace=replace)
    return saved


# what is printed


def listed(room: Room, *, as_json: bool = False) -> str:
    """The history, a line an entry; `>` marks what counts."""
    entries = room.history()
    holding = {(entry.id, str(entry.start)) for entry in room.holding()}
    if as_json:
        return json.dumps([_plain(entry, (entry.id, str(entry.start)) in holding) for entry in entries], indent=1)
    lines = [f"{'>' if (e.id, str(e.start)) in holding else ' '} {e}" for e in entries]
    return "\n".join(lines) or "no entries"


def saved_said(room: Room, entry: Entry[Any]) -> str:
    """An entry that was saved, and until when it holds."""
    end = room.until(entry)
    return (
        f"{entry}\nit holds {'from then on' if end is None else f'until {_time(end.start)}, when {end.id} takes over'}"
    )


def _plain(entry: Entry[Any], holds: bool) -> dict[str, Any]:
    gone = entry.withdrawn
    return {
        "id": entry.id, "start": _time(entry.start), "who": entry.who, "when": _time(entry.when), "note": entry.note,
        "from_file": entry.from_file, "counts": holds,
        "withdrawn": None if gone is None else {"who": gone.who, "when": _time(gone.when), "note": gone.note},
    }  # fmt: skip


def _time(time: np.datetime64) -> str | None:
    return None if np.isnat(time) else format_time(time)


def shown(entry: Entry[Any]) -> str:
    """An entry with its polygons or parameters."""
    if not isinstance(entry.value, Gating):
        rows = [f"  {row}" for row in entry.value.array.tolist()]
        return "\n".join([str(entry), *rows])
    lines = [str(entry)]
    for at, gate in enumerate(entry.value.gates, start=1):
        lines.append(f"  {at}. {gate.population}: {gate.x} by {gate.y}, {gate.method}, {len(gate.vertices)} corners")
        lines += [f"       {x:.6g}, {y:.6g}" for x, y in gate.vertices]
    return "\n".join(lines)


def compared(cruise: Cruise, a: str, b: str, window: str | None, *, filters: bool = False) -> str:
    """Two gatings (or filters) side by side; with counts and abundance over a window."""
    ds = None if window is None else cruise[cruise.gates.made().inputs["evt"]].open(window)
    if filters:
        both = cruise.filters.diff(a, b, ds)
        return str(both) if both.focused is None else f"{both}\n{both.focused.to_dataframe().to_string()}"
    found = cruise.gates.diff(a, b, ds, window=window)
    lines = [str(found)]
    if found.counts is not None and found.abundance is not None:
        middle = found.counts.sel(quantile=50)
        water = found.abundance.sel(quantile=50).mean("time")
        lines.append(f"{'q50':<12}{'count a':>10}{'count b':>10}{'change':>10}{'cells/uL a':>14}{'cells/uL b':>14}")
        for name in middle["population"].to_numpy().tolist():
            n = [int(middle[k].sel(population=name)) for k in ("a", "b", "change")]
            w = [float(water[k].sel(population=name)) for k in ("a", "b")]
            lines.append(f"{name:<12}{n[0]:>10}{n[1]:>10}{n[2]:>+10}{w[0]:>14.4g}{w[1]:>14.4g}")
    return "\n".join(lines)


def outcome_said(outcome: Outcome, place: Path) -> str:
    """What came of gating again."""
    same = len(outcome.work.tasks) - outcome.processed
    return f"{outcome.processed} files processed, {same} were up to date -> {place}"
