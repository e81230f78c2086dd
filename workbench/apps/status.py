"""`workbench status`: how the engine of a cruise is, and its boards. The standard library alone, so that it answers at once.

What is said comes from ``engine.json`` (the engine writes it every second), ``engine.lock`` (who holds it is alive)
and ``state.db``; the engine itself is not asked. Boards say where they are (`apps.standing`), and are asked whether they
answer.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time

from workbench.apps import standing
from workbench.core.held import held

TYPE_CHECKING = False  # as in typing; it and pathlib would take a tenth of the time of this command
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

#: Seconds after which an engine that wrote no status is called stuck.
STUCK = 15.0
#: Bytes free on a disk that is as good as full: a database wants pages, a file at least one block.
NO_ROOM = 64 << 10
#: Kinds of events that say what people decided.
_DECIDED = ("'gates'", "'filters'", "'excluded'")
#: A catalog whose cruise folder, where it is there, can be told without reading YAML.
_ID = re.compile(r"^\s*(?:cruise:\s*\{.*?\bid|id):\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)

#: A cruise id, as `catalog.model` has it.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def show(catalog: str, *, data: str | None = None, record: str | None = None, as_json: bool = False) -> int:
    """Print the status of a cruise; of one that nobody has started, what is wrong in its catalog, too.

    Returns
    -------
    int
        0 when the engine is up (with ``workbench up``, its board, too) and no feed has a fault; 1 when something is down.
    """
    found = status(folder_of(catalog, data, record))
    begun = os.path.isdir(found["engine"]["folder"])
    if not as_json:
        print(said(found), file=sys.stdout, flush=True)  # at once: to look through a catalog takes a second
    found["mistakes"] = [] if begun else _mistakes(catalog, data)
    if as_json:
        print(json.dumps(found, indent=1), file=sys.stdout)
    elif not begun:
        print(_not_begun(catalog, found["mistakes"]), file=sys.stdout)
    return 1 if down(found) else 0


def _mistakes(catalog: str, data: str | None) -> list[str]:
    from workbench.catalog.check import problems

    return [str(problem) for problem in problems(catalog, data=data)]


def _not_begun(catalog: str, mistakes: list[str]) -> str:
    """What to do about a cruise that nobody has started."""
    if not mistakes:
        return f"        start it: workbench up {catalog}"
    n = len(mistakes)
    lines = [
        f"catalog WRONG: {n} mistake{'s' * (n > 1)}; nothing can run before {'they are' if n > 1 else 'it is'} mended"
    ]
    return "\n".join(lines + [f"        ! {mistake}" for mistake in mistakes])


def folder_of(catalog: str, data: str | None, record: str | None) -> str:
    """The cruise folder of a catalog, without looking at its sources; opened strictly only where it cannot be told."""
    chosen = record or os.environ.get("WORKBENCH_RECORD")
    if chosen:
        return chosen
    try:
        with open(catalog, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        text = ""  # said below as every command says it
    found = _ID.search(text)
    if found and not re.search(r"^\s*record:", text, re.MULTILINE):
        folder = os.path.join(os.path.dirname(os.path.abspath(catalog)), f"{found[1]}.cruise")
        if os.path.isdir(folder):
            return folder
    declared = _declared(catalog, data)
    if declared is not None:
        return declared
    from workbench.catalog.cruise import open_cruise  # says every mistake, and takes a second to be there

    return str(open_cruise(catalog, data=data).folder)


def _declared(catalog: str, data: str | None) -> str | None:
    """The cruise folder as the YAML has it; None where that cannot be read, or has no good id or place."""
    from workbench.catalog import document, location
    from workbench.core.errors import WorkbenchError

    read = document.read(catalog)
    metadata = read.values.get("metadata") if isinstance(read.values, dict) and not read.problems else None
    about = metadata.get("cruise") if isinstance(metadata, dict) else None
    name = about.get("id") if isinstance(about, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    here, record = os.path.dirname(os.path.abspath(catalog)), metadata.get("record")
    if record is None:
        return os.path.join(here, f"{name}.cruise")
    try:
        wrong = not isinstance(record, str) or location.url_mistake(record)
        return None if wrong else location.expand(location.fill(record, here), data)
    except WorkbenchError:  # $WORKBENCH_DATA is not set
        return None


def status(folder: str | Path) -> dict[str, Any]:
    """``{engine: {pid, up, ...}, feeds: [...], disk: {used, budget, ...}, runs: [...], changes: [...]``,
    ``boards: [{pid, address, up, ...}], up: {pid, ...} or None}``.
    """
    try:
        with open(os.path.join(folder, "engine.json"), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        found = {"engine": {}, "feeds": [], "disk": {}}
    found["disk"] = {"used": None, "budget": None, **found["disk"], "fault": _unwritable(folder)}
    held = _holder(folder)
    engine = found["engine"]
    age = time.time() - engine["at"] if "at" in engine else None
    found["engine"] = {
        **engine, "pid": held, "up": held is not None and age is not None and age < STUCK, "folder": str(folder),
        "status_age_s": None if age is None else round(age, 1),
    }  # fmt: skip
    if age is not None:  # feeds went on growing older since the engine wrote
        for feed in found["feeds"] if held is None else ():
            feed["age_s"] = None if feed["age_s"] is None else feed["age_s"] + age
    found["runs"], found["changes"] = _runs(folder), _changes(folder)
    found["boards"], found["up"] = standing.boards(folder), standing.up(folder)
    return found


def down(found: dict[str, Any]) -> list[str]:
    """What is down, in words."""
    engine = found["engine"]
    wrong = []
    if engine["pid"] is None:
        wrong.append("the engine is not running")
    elif not engine["up"]:
        wrong.append("the engine holds the cruise folder, but says nothing")
    if _boardless(found):
        wrong.append("the board is not running; workbench up starts it again")
    wrong += [f"the board with pid {board['pid']} does not answer" for board in found["boards"] if not board["up"]]
    wrong += [f"{feed['name']}: {feed['fault']}" for feed in found["feeds"] if feed.get("fault")]
    wrong += filter(None, [_disk_fault(found["disk"])])
    wrong += found.get("mistakes", ())
    return wrong


def _boardless(found: dict[str, Any]) -> bool:
    """True when `workbench up` runs, and its board does not."""
    keeper = found["up"]
    return keeper is not None and not any(
        (board["parent"], board["host"]) == (keeper["pid"], keeper["host"]) for board in found["boards"]
    )


def said(found: dict[str, Any]) -> str:
    """The status for people."""
    engine, disk = found["engine"], found["disk"]
    lines = [f"engine  {_state(engine)}  {engine['folder']}"]
    if not os.path.isdir(engine["folder"]):
        lines.append("        nothing has run yet: this cruise folder is not there")
    if _boardless(found):
        lines.append(f"board   DOWN (workbench up, pid {found['up']['pid']}, starts it again)")
    for board in found["boards"]:
        state = "up" if board["up"] else "DOES NOT ANSWER"
        lines.append(f"board   {state}, pid {board['pid']}  {board['address']}")
    for feed in found["feeds"]:
        age = "nothing yet" if feed["age_s"] is None else f"{_span(feed['age_s'])} ago"
        counts = f"{feed['received']} received, {feed['dropped']} dropped, {feed['refused']} refused"
        if feed.get("unread"):
            counts += f", {feed['unread']} unread"
        lines.append(f"  {feed['name']:<14} {age:<14} {feed['rate_hz']:>8g}/s  {counts}")
        if feed.get("fault"):
            lines.append(f"  {'':<14} ! {feed['fault']}")
    if disk["used"] is not None:
        lines.append(f"disk    {disk['used'] / 1e9:.2f} GB of {disk['budget'] / 1e9:.2f} GB")
    if _disk_fault(disk):
        lines.append(f"        ! {_disk_fault(disk)}")
    counted = {state: sum(run["state"] == state for run in found["runs"]) for state in ("queued", "running", "failed")}
    if found["runs"]:
        lines.append(
            f"runs    {', '.join(f'{n} {state}' for state, n in counted.items())} of the last {len(found['runs'])}"
        )
    lines += [
        f"        {run['task']} {run['inputs']}: {run['rows'] or 0} files so far"
        for run in found["runs"]
        if run["state"] == "running"
    ][-1:]
    lines += [
        f"        ! {run['task']} {run['inputs']}: {run['error']}" for run in found["runs"] if run["state"] == "failed"
    ][-5:]
    for at, change in enumerate(found["changes"]):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(change["time"] // 10**9))
        lines.append(f"{'' if at else 'changes':<8}{when}  {change['kind']}: {change['who']} {change['text']}")
    return "\n".join(lines)


def _state(engine: dict[str, Any]) -> str:
    if engine["pid"] is None:
        return "DOWN"
    age = engine["status_age_s"]
    silent = "says nothing" if age is None else f"SAYS NOTHING since {_span(age)}"
    return f"{'up' if engine['up'] else silent}, pid {engine['pid']}"


def _disk_fault(disk: dict[str, Any]) -> str | None:
    """What the disk wants: as it is now, else as the engine saw it."""
    return disk.get("fault") or disk.get("warning")


def _unwritable(folder: str | Path) -> str | None:
    """Why nothing can be written into the cruise folder, as far as its disk tells; looked at now, by us."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return f"the disk of {folder} is read-only: mount it to be written; what can wait is received then"
    if disk.f_bavail * disk.f_frsize < NO_ROOM:
        return f"the disk of {folder} is full: make room; all goes on by itself then"
    return None


def _span(seconds: float) -> str:
    s = max(0, round(seconds))
    return f"{s} s" if s < 100 else f"{s // 60} min" if s < 6000 else f"{s // 3600} h"


def _holder(folder: str | Path) -> int | None:
    """Pid of the engine that holds the folder (-1 where it does not say); None when nobody does."""
    about = held(os.path.join(folder, "engine.lock"))
    return None if about is None else int(about.get("pid", -1))


def _runs(folder: str | Path, newest: int = 50) -> list[dict[str, Any]]:
    """The latest runs, oldest first."""
    names = ("task", "inputs", "state", "attempt", "started", "ended", "rows", "error")
    return _latest(folder, "runs", names, "1", newest)


def _changes(folder: str | Path, newest: int = 5) -> list[dict[str, Any]]:
    """What people changed of gates, filters and files left out: the latest events, oldest first."""
    return _latest(
        folder, "events", ("time", "kind", "source", "who", "text"), f"kind in ({', '.join(_DECIDED)})", newest
    )


def _latest(folder: str | Path, table: str, names: tuple[str, ...], where: str, newest: int) -> list[dict[str, Any]]:
    path = os.path.join(folder, "state.db")
    if not os.path.exists(path):
        return []
    import sqlite3

    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            query = f"select {', '.join(names)} from {table} where {where} order by id desc limit ?"
            rows = connection.execute(query, (newest,)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return []
    return [dict(zip(names, row, strict=True)) for row in reversed(rows)]
