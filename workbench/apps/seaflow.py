"""`workbench seaflow`: raw particles to populations for a whole cruise, from the command line."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.apps.seaflow_rows import Row, SflRows, cells, read_sfl
from workbench.core.decisions import applied
from workbench.core.errors import WorkbenchError
from workbench.core.parameters import Parameters, parse_time
from workbench.core.sizes import SizeTable
from workbench.core.window import moment
from workbench.products.seaflow.flow import flow_rate
from workbench.readers import popcycle
from workbench.readers.parameter_files import read_parameters
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.readers.size_table import read_size_table
from workbench.record import seaflow_cruise
from workbench.record.decisions import Decisions
from workbench.record.seaflow_run import run as run_work
from workbench.record.seaflow_work import Limits, Work, plan_work

#: How long a Dask scheduler may take to answer.
PATIENCE = "20s"


@dataclass(frozen=True)
class Inputs:
    """Where everything is.

    Attributes
    ----------
    evt, out : Path
    params : Path
        A popcycle database, a folder or prefix of TSVs, or the reference CSV.
    sfl, size_table : Path or None
    instrument : str or None
        Serial number, where neither the parameters nor a file name says it.
    record : Path or None
        The cruise folder whose accepted gates, filters and exclusions are laid over the parameters.
    plan : str
        The Source that they are about.
    """

    evt: Path
    params: Path
    out: Path
    sfl: Path | None = None
    size_table: Path | None = None
    instrument: str | None = None
    record: Path | None = None
    plan: str = "plan"

    def parameters(self) -> Parameters:
        """What holds: what the files say, with what people accepted since."""
        written = read_parameters(self.params)
        return written if self.record is None else applied(written, Decisions(self.record, self.plan).read())


@dataclass(frozen=True)
class Given:
    """What a run works with.

    Attributes
    ----------
    evt : str or list of str
        Folders or files of EVT.
    parameters : Parameters
    rows : sequence of dict or None
        Of popcycle's sfl table.
    table : SizeTable or None
    """

    evt: str | list[str]
    parameters: Parameters
    rows: Sequence[Row] | None
    table: SizeTable | None


@dataclass(frozen=True)
class Outcome:
    """What a run over a cruise came to: what there was to do, files processed now, and with what."""

    work: Work
    processed: int
    instrument: str
    rows: Sequence[Row] | None
    with_sizes: bool
    with_gates: bool

    @property
    def with_sfl(self) -> bool:
        """Whether there was an SFL."""
        return self.rows is not None


def run(
    inputs: Inputs, *, since: str | None, limits: Limits, workers: int, scheduler: str | None, as_json: bool
) -> int:
    """Process a cruise and say what came of it; 0 when it went through, 1 when nothing could be processed."""
    if not SeaflowEvt().files(str(inputs.evt)):
        raise WorkbenchError(f"{inputs.evt}: no EVT files. They are called such as 2014_185/2014-07-04T00-00-02+00-00")
    if inputs.out.exists() and not inputs.out.is_dir():
        raise WorkbenchError(f"{inputs.out}: is a file. Name a folder: --out DIR")
    try:
        found = bring_up_to_date(
            inputs, since=since, limits=limits, workers=workers, scheduler=scheduler, quiet=as_json, named=True
        )  # fmt: skip
    except KeyboardInterrupt:
        print(f"stopped; what is done stays in {inputs.out}, and the same command goes on from there", file=sys.stderr)
        raise
    database = popcycle.open_database(inputs.out / "cruise.db")
    try:
        report = _report(database, found, since)
    finally:
        database.close()
    print(json.dumps(report, indent=1) if as_json else _say(report, inputs.out))
    return 0 if report["files"] else 1


def bring_up_to_date(
    inputs: Inputs, *, since: str | None = None, limits: Limits | None = None, workers: int = 1,
    scheduler: str | None = None, quiet: bool = True, named: bool = False,
    done: Callable[[int, int], object] = lambda files, of: None,
) -> Outcome:  # fmt: skip
    """Process what is not done yet, and restate the abundances; `named` is whether a person named the SFL (`read_sfl`)."""
    parameters = inputs.parameters()
    instrument = _instrument(inputs, parameters)
    table = read_size_table(inputs.size_table, instrument) if inputs.size_table else None
    given = Given(
        str(inputs.evt),
        replace(parameters, instrument=instrument),
        read_sfl(inputs.sfl, inputs.params, named=named),
        table,
    )
    options: dict[str, Any] = {"since": since, "limits": limits, "workers": workers, "scheduler": scheduler}
    return work_on(given, inputs.out, quiet=quiet, done=done, **options)


def work_on(
    given: Given, out: Path, *, since: str | None = None, limits: Limits | None = None, workers: int = 1,
    scheduler: str | None = None, quiet: bool = True, done: Callable[[int, int], object] = lambda files, of: None,
) -> Outcome:  # fmt: skip
    """Process what is not done yet, and restate the abundances; `done` is told files worked on since, and of how many."""
    limits = limits or Limits()
    if given.rows is not None:
        flow_rate([], given.parameters.instrument)  # an instrument without calibration is told before hours of work
    times = None if given.rows is None else _times(given.rows)
    work = plan_work(
        given.evt, given.parameters, sfl=times, table=given.table, limits=limits, since=moment(since) if since else None
    )
    instrument = given.parameters.instrument

    def finish(database: sqlite3.Connection) -> None:
        if given.rows is not None:
            seaflow_cruise.put_sfl(database, cells(given.rows))
            seaflow_cruise.put_abundance(database, instrument)

    options = {"parameters": given.parameters, "table": given.table, "limits": limits, "workers": workers}
    processed = _work_through(work, out, {**options, "finish": finish}, scheduler, done, quiet=quiet)
    gated = given.parameters.gatings is not None
    return Outcome(work, processed, instrument, given.rows, given.table is not None, gated)


def _about(rows: Sequence[Row] | None, work: Work) -> tuple[str, ...]:
    """What a person should know about the SFL of a run."""
    measured = {
        row["file"]: all((row[name] or 0) > 0 for name in ("stream_pressure", "file_duration")) for row in rows or ()
    }
    dry = sum(not measured.get(task.file_id, True) for task in work.tasks)
    twice = len(rows or ()) - len(measured)
    notes = [f"lines that repeat a file in the SFL: {twice}; the last one counts"] * (twice > 0)
    notes += [f"files without stream pressure or duration in the SFL, and so without abundance: {dry}"] * (dry > 0)
    return tuple(notes)


def _work_through(
    work: Work, out: Path, options: dict[str, Any], scheduler: str | None, done: Callable[[int, int], object], *, quiet: bool
) -> int:  # fmt: skip
    from tqdm import tqdm

    client = _client(scheduler) if scheduler else None
    try:
        with tqdm(total=len(work.tasks), unit="file", disable=quiet or not sys.stderr.isatty()) as bar:

            def more(files: int) -> None:
                bar.update(files)
                done(files, len(work.tasks))

            processed = run_work(work, out, client=client, done=more, **options)
            bar.update(len(work.tasks) - processed)
            return processed
    finally:
        if client is not None:
            client.close()


def _client(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"no Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, or leave --scheduler out."
        ) from error


def _instrument(inputs: Inputs, parameters: Parameters) -> str:
    """From the option, the parameters, or a name such as ``TN413_740.sfl``."""
    if inputs.instrument or parameters.instrument:
        return inputs.instrument or parameters.instrument
    for path in (inputs.sfl, inputs.params):
        match = re.search(r"_(\d{3})\.\w+$", path.name) if path else None
        if match:
            return match[1]
    raise WorkbenchError(f"{inputs.params}: does not say which instrument this is. Name it: --instrument 740")


def _times(rows: Sequence[Row]) -> dict[str, np.datetime64]:
    """When each file began."""
    return rows.times() if isinstance(rows, SflRows) else {row["file"]: _moment(row["date"]) for row in rows}


def _moment(text: Any) -> np.datetime64:
    """NaT where a date cannot be read: that file is left out, not the cruise."""
    try:
        return parse_time(text)
    except WorkbenchError:
        return np.datetime64("NaT", "ns")


def _report(database: sqlite3.Connection, found: Outcome, since: str | None) -> dict[str, Any]:
    work = found.work
    flagged = database.execute("SELECT file, file_flag, message FROM opp2 WHERE file_flag > 0 ORDER BY file").fetchall()
    core = seaflow_cruise.core_of(database)
    notes = [*_about(found.rows, work)]
    if since is not None and not work.tasks:
        notes.append(f"no file since {since}")
    if not found.with_sfl:
        notes.append("no SFL: times come from file names, abundance is left out")
    said = "SELECT message, count(*) FROM opp2 WHERE file_flag = 0 AND message <> '' GROUP BY message ORDER BY message"
    notes += [f"{files} files: {why}" for why, files in database.execute(said)]
    if not found.with_gates:
        notes.append("no gates: particles have no population, vct/ is left out")
    elif not found.with_sizes:
        notes.append("no size table: diameters, quotas and biomass are left out")
    return {
        "instrument": found.instrument,
        "files": len(work.tasks),
        "processed": found.processed,
        "opp": database.execute("SELECT coalesce(sum(opp_count), 0) FROM opp2 WHERE file_flag = 0").fetchone()[0],
        "virtual_core": [None if np.isnan(v) else float(v) for v in core],
        "populations": dict(
            database.execute("SELECT pop, sum(count) FROM vct WHERE quantile = 50 GROUP BY pop ORDER BY pop")
        ),
        "flagged": [{"file": f, "flag": flag, "reason": why} for f, flag, why in flagged],
        "left_out": [{"file": f, "reason": why} for f, why in work.left_out],
        "not_evaluated": list(work.not_evaluated),
        "notes": notes,
    }


def _say(report: dict[str, Any], out: Path) -> str:
    lines = [
        f"{report['files']} files, {report['processed']} processed now; {report['opp']} particles (q50) -> {out}",
        "populations (q50): " + (", ".join(f"{k} {v}" for k, v in report["populations"].items()) or "none"),
        *(f"flag {row['flag']}: {row['file']}: {row['reason']}" for row in report["flagged"]),
        *(f"left out: {row['file']}: {row['reason']}" for row in report["left_out"]),
        *(f"not evaluated: {name} (an auto gate)" for name in report["not_evaluated"]),
        *report["notes"],
    ]
    return "\n".join(lines)
