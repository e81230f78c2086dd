"""What happened to an instrument, as marks on its charts: faults, pauses, files with a flag, broken or taken out, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import xarray as xr

from workbench.core.window import Window
from workbench.readers.seaflow_files import parse
from workbench.views import say
from workbench.views.by_file import MOST, ByFile
from workbench.views.curves import Columns
from workbench.views.series import Mark

_NAT = np.datetime64("NaT", "ns")


@dataclass(frozen=True)
class Kind:
    """A kind of mark.

    Attributes
    ----------
    label : str
        What the legend calls it.
    sign : str
        Marker of Bokeh that stands on its line; empty for spans and notes.
    group : {"faults", "files", "notes", "spans"}
        Drawn alike.
    """

    label: str
    sign: str
    group: str


#: Kinds of marks in the order of the legend. A kind is told by its sign, never by colour alone.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "inlet_fault": Kind("Inlet fault", "triangle", "faults"),
        "pump_fault": Kind("Pump fault", "diamond", "faults"),
        "syringe_pump_fault": Kind("Syringe pump fault", "square", "faults"),
        "write_off": Kind("Not writing files", "", "spans"),
        "flagged": Kind("File with a flag", "inverted_triangle", "files"),
        "refused": Kind("File that cannot be read", "cross", "files"),
        "excluded": Kind("File taken out", "x", "files"),
        "note": Kind("Note", "", "notes"),
    }
)
GROUPS = ("faults", "files", "notes")


@dataclass(frozen=True)
class Happened:
    """One thing that happened.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    start, stop : numpy.datetime64[ns]
        The same for a moment; `stop` is NaT while it goes on.
    text : str
        What a person reads.
    """

    kind: str
    start: np.datetime64
    stop: np.datetime64
    text: str


def of_log(ds: xr.Dataset) -> list[Happened]:
    """Faults and pauses in an instrument log (reader ``seaflow_log``), in order."""
    if "event" not in ds or not ds.sizes.get("time"):
        return []
    time = ds["time"].to_numpy().astype("datetime64[ns]")
    events, values = ds["event"].to_numpy().astype(str), ds["value"].to_numpy().astype(float)
    texts = ds["message"].to_numpy().astype(str) if "message" in ds else np.full(len(time), "")
    found = [
        Happened(str(events[i]), time[i], time[i], f"{KINDS[str(events[i])].label}: {texts[i]}")
        for i in np.flatnonzero(np.isin(events, [k for k, kind in KINDS.items() if kind.group == "faults"]))
        if not np.isnat(time[i])
    ]
    return sorted([*found, *_pauses(time, values, np.flatnonzero(events == "write_evt"))], key=lambda one: one.start)


def _pauses(time: np.ndarray, values: np.ndarray, rows: np.ndarray) -> Iterable[Happened]:
    """Spans between "write evt: 0" and the next "write evt: 1"."""
    since = _NAT
    for i in rows:
        if np.isnat(time[i]):
            continue
        if values[i] == 0 and np.isnat(since):
            since = time[i]
        elif values[i] == 1 and not np.isnat(since):
            if time[i] > since:
                yield Happened("write_off", since, time[i], f"Not writing files, {say.period(since, time[i])}")
            since = _NAT
    if not np.isnat(since):
        yield Happened("write_off", since, _NAT, f"Not writing files since {say.moment(since, seconds=False)}")


def of_files(files: ByFile, excluded: Mapping[str, str]) -> list[Happened]:
    """Files with a flag, and files taken out.

    Parameters
    ----------
    files : ByFile
    excluded : mapping of str to str
        ``file_id`` of those taken out, and why (with who).
    """
    out = files.among(excluded)
    found = [
        Happened("flagged", files.time[i], files.time[i], f"{files.names[i]}: {files.meaning(i)}")
        for i in files.flagged() if not out[i]
    ]  # fmt: skip
    found += [
        Happened("excluded", files.time[i], files.time[i], f"{files.names[i]} taken out: {excluded[str(files.names[i])]}")
        for i in np.flatnonzero(out)
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.start)


def of_refused(lines: Iterable[str]) -> list[Happened]:
    """Raw files that could not be read, by the time in their names.

    Parameters
    ----------
    lines : iterable of str
        ``path: reason``, as a reader tells them; of files whose name tells no time there is no mark.
    """
    found = []
    for line in lines:
        path, _, why = line.partition(": ")
        name = parse(path)
        if name is not None and not np.isnat(time := name.time64):
            found.append(Happened("refused", time, time, f"{name.file_id} cannot be read: {why}"))
    return sorted(found, key=lambda one: one.start)


def of_notes(marks: Sequence[Mark]) -> list[Happened]:
    """Notes that people wrote."""
    return [
        Happened("note", m.time, m.time, f"{m.text} ({m.who})" if m.who else m.text)
        for m in marks if not np.isnat(m.time)
    ]  # fmt: skip


def inside(found: Sequence[Happened], window: Window) -> list[Happened]:
    """Those that touch the window."""
    return [
        one for one in found
        if one.start < window.stop and (np.isnat(one.stop) or one.stop > window.start or one.stop == one.start >= window.start)
    ]  # fmt: skip


def columns(found: Sequence[Happened], window: Window, end: np.datetime64) -> dict[str, Columns]:
    """What is drawn: time (ms), kind, sign, y, text of each group of moments; left, right, kind, text of spans.

    Parameters
    ----------
    found : sequence of Happened
    window : Window
    end : numpy.datetime64[ns]
        Where what still goes on is drawn to.
    """
    shown = inside(found, window)
    out: dict[str, Columns] = {}
    for group in GROUPS:
        mine = sorted((one for one in shown if KINDS[one.kind].group == group), key=lambda one: one.start)[-MOST:]
        out[group] = {
            "time": np.array([say.milliseconds(one.start) for one in mine], float),
            "y": np.full(len(mine), 0.5),
            "sign": np.array([KINDS[one.kind].sign or "dot" for one in mine], object),
            "kind": np.array([one.kind for one in mine], object),
            "text": np.array([one.text for one in mine], object),
        }
    spans = [one for one in shown if KINDS[one.kind].group == "spans"][-MOST:]
    stops = [end if np.isnat(one.stop) else one.stop for one in spans]
    out["spans"] = {
        "left": np.array([say.milliseconds(one.start) for one in spans], float),
        "right": np.array([say.milliseconds(max(one.start, stop)) for one, stop in zip(spans, stops, strict=True)], float),
        "text": np.array([one.text for one in spans], object),
    }  # fmt: skip
    return out


def legend(found: Sequence[Happened], window: Window) -> list[dict[str, object]]:
    """kind, label, sign and how many there are in the window, of each kind that ever happened."""
    ever = {one.kind for one in found}
    now = Counter(one.kind for one in inside(found, window))
    return [
        {"kind": name, "label": kind.label, "sign": kind.sign or kind.group, "count": now[name]}
        for name, kind in KINDS.items() if name in ever
    ]  # fmt: skip
