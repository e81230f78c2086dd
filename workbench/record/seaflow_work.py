"""What a SeaFlow run has to do: EVT files and SFL rows brought together, and what is left over on either side."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating
from workbench.core.parameters import Parameters
from workbench.core.sizes import SizeTable
from workbench.products.seaflow.limits import MAX_EVENTS, MAX_OPP
from workbench.readers import seaflow_files as names
from workbench.readers.seaflow_evt import SeaflowEvt


@dataclass(frozen=True)
class Limits:
    """Files with more are left out.

    Attributes
    ----------
    events, opp : int
    """

    events: int = MAX_EVENTS
    opp: int = MAX_OPP

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Limits:
        """As the options ``max_particles`` and ``max_opp`` of a product in the catalog say."""
        return cls(int(options.get("max_particles", MAX_EVENTS)), int(options.get("max_opp", MAX_OPP)))


@dataclass(frozen=True, eq=False)
class Task:
    """One EVT file and the parameters that hold at its time.

    Attributes
    ----------
    paths : tuple of str
        Where it stands, plain and compressed, in the order in which they are tried.
    file_id : str
    time : numpy.datetime64[ns]
    filter : FilterParameters
    gating : Gating or None
    key : str
        Digest of everything its result depends on; the same key, the same result.
    """

    paths: tuple[str, ...]
    file_id: str
    time: np.datetime64
    filter: FilterParameters
    gating: Gating | None
    key: str


@dataclass(frozen=True, eq=False)
class Work:
    """The files of a run, and what is left out before it begins.

    Attributes
    ----------
    tasks : tuple of Task
        In order of time.
    left_out : tuple of (str, str)
        File id and reason: only in the SFL, only on disk, no time, no parameters yet.
    not_evaluated : tuple of str
        ``gating: population`` of gates that are kept but not evaluated.
    """

    tasks: tuple[Task, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    not_evaluated: tuple[str, ...] = ()


def plan_work(
    evt: str | Iterable[str],
    parameters: Parameters,
    *,
    sfl: Mapping[str, np.datetime64] | None,
    table: SizeTable | None,
    limits: Limits,
    since: np.datetime64 | None = None,
) -> Work:
    """Decide which files are processed, with which parameters.

    Parameters
    ----------
    evt : path or paths
        Folders or files of EVT.
    parameters : Parameters
    sfl : mapping of str to datetime64, optional
        Time of each file id in the SFL; without it times come from file names.
    table : SizeTable, optional
    limits : Limits
    since : datetime64, optional
        Only files from then on.
    """
    on_disk: dict[str, str] = {}
    times: dict[str, np.datetime64] = {}
    for path in SeaflowEvt().files(evt):
        parsed = names.parse(path) or names.undated(os.fspath(path))
        on_disk.setdefault(parsed.file_id, os.fspath(path))
        times[parsed.file_id] = parsed.time64
    left_out = [] if sfl is None else [(name, "in the SFL, not on disk") for name in sfl if name not in on_disk]
    chosen: list[tuple[str, str, np.datetime64]] = []
    base = _digest(table.scatter.tobytes(), table.values.tobytes()) if table is not None else ""
    known: dict[int, str] = {}
    for name, place in on_disk.items():
        time = times[name] if sfl is None else sfl.get(name)
        if time is None:
            left_out.append((name, "on disk, not in the SFL"))
            continue
        if np.isnat(time):
            left_out.append((name, "no time in its name and none in an SFL" if sfl is None else "no time in the SFL"))
            continue
        if since is None or time >= since:
            chosen.append((place, name, time))
    moments = np.array([time for _, _, time in chosen], dtype="datetime64[ns]")
    filters = parameters.filters.each_at(moments)
    held = parameters.gatings.each_at(moments) if parameters.gatings else [None] * len(chosen)
    tasks = []
    for (place, name, time), filter_, gating in zip(chosen, filters, held, strict=True):
        if filter_ is None:
            left_out.append((name, "before the first entry of the filter plan"))
        else:
            tasks.append(_task(place, name, time, filter_, gating, limits, base, known))
    tasks.sort(key=lambda t: (t.time, t.file_id))
    gatings = parameters.gatings.sets if parameters.gatings else {}
    auto = tuple(f"{name}: {pop}" for name, gating in sorted(gatings.items()) for pop in gating.not_evaluated)
    return Work(tuple(tasks), tuple(sorted(left_out)), auto)


def _task(
    path: str, name: str, time: np.datetime64, chosen: FilterParameters, gating: Gating | None, limits: Limits, base: str,
    known: dict[int, str],
) -> Task:  # fmt: skip
    for value in (chosen, gating):
        if id(value) not in known:
            known[id(value)] = _digest(json.dumps(_plain(value), sort_keys=True).encode())
    places = _places(path)
    state = [f"{place.st_size} {place.st_mtime_ns}" for place in places.values()]
    key = _digest(base, known[id(chosen)], known[id(gating)], f"{limits} {time}", *state)
    return Task(tuple(places), name, time, chosen, gating, key)


def _places(path: str) -> dict[str, os.stat_result]:
    """Where a file stands, under its own name and compressed beside it."""
    plain, _ = names.stem(path)
    found = {}
    for place in (path, *(plain + suffix for suffix in names.SUFFIXES)):
        with contextlib.suppress(OSError):
            found[place] = os.stat(place)
    return found


def _plain(value: FilterParameters | Gating | None) -> Any:
    return json.loads(json.dumps(asdict(value), default=str)) if value is not None else None


def _digest(*parts: str | bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
        total.update(b"\0")
    return total.hexdigest()[:32]
