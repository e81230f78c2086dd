"""What a SeaFlow run has to do: EVT files and SFL rows brought together, and what is left over on either side."""

from __future__ import annotations

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
from workbench.readers import paths as locate
from workbench.readers import seaflow_files as names

#: Of a file: order, name without suffix, first place, id and time.
_Told = tuple[tuple[int, int], str, str, str, int]
#: By folder: its paths as they were found last, and what their names say.
_known: dict[str, tuple[list[str], list[_Told]]] = {}


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


@dataclass(frozen=True, eq=False, slots=True)
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
    on_disk = _on_disk(evt)
    chosen, left_out = _dated(on_disk, sfl, since)
    moments = np.array([time for _, _, time in chosen], dtype="datetime64[ns]")
    filters = parameters.filters.each_at(moments)
    held = parameters.gatings.each_at(moments) if parameters.gatings else [None] * len(chosen)
    base = [table.scatter.tobytes(), table.values.tobytes()] if table is not None else []
    keys, folder = _Keys(_digest(*base) if base else "", limits), _Folder()
    tasks = []
    numbers = moments.view(np.int64).tolist()  # sorted more quickly than times
    for number, (place, name, time), filter_, gating in zip(numbers, chosen, filters, held, strict=True):
        if filter_ is None:
            left_out.append((name, "before the first entry of the filter plan"))
            continue
        places = folder.places(place)
        key = keys.of(filter_, gating, time, places.values())
        tasks.append((number, name, Task(tuple(places), name, time, filter_, gating, key)))
    tasks.sort()
    return Work(tuple(task for _, _, task in tasks), tuple(sorted(left_out)), _not_evaluated(parameters))


def _not_evaluated(parameters: Parameters) -> tuple[str, ...]:
    gatings = parameters.gatings.sets if parameters.gatings else {}
    return tuple(f"{name}: {pop}" for name, gating in sorted(gatings.items()) for pop in gating.not_evaluated)


def _on_disk(evt: str | Iterable[str]) -> dict[str, tuple[str, int]]:
    """The first place of each file id, and the time in its name (ns since 1970), in the order of the files."""
    folders: dict[str, list[str]] = {}
    for path in locate.find(evt, locate.matcher(names.PATTERNS)).paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    every = [each for folder, paths in folders.items() for each in _in_folder(folder, paths)]
    found: dict[str, tuple[str, int]] = {}
    for _, _, place, file_id, time in sorted(every):
        found.setdefault(file_id, (place, time))
    return found


def _in_folder(folder: str, paths: list[str]) -> list[_Told]:
    """What the names of a folder's files say; while a cruise goes on, most folders stay what they are."""
    before, told = _known.get(folder, ([], []))
    if before != paths:
        told = [
            (name.order, names.stem(places[0])[0], places[0], name.file_id, name.time)
            for name, places in names.grouped(paths)
        ]
        _known[folder] = paths, told
    return told


def _dated(
    on_disk: Mapping[str, tuple[str, int]], sfl: Mapping[str, np.datetime64] | None, since: np.datetime64 | None
) -> tuple[list[tuple[str, str, np.datetime64]], list[tuple[str, str]]]:
    """Files that have a time (place, file id, time), and what is left out, with the reason."""
    left_out = [] if sfl is None else [(name, "in the SFL, not on disk") for name in sfl if name not in on_disk]
    chosen: list[tuple[str, str, np.datetime64]] = []
    for name, (place, written) in on_disk.items():
        time = np.datetime64(written, "ns") if sfl is None else sfl.get(name)
        if time is None:
            left_out.append((name, "on disk, not in the SFL"))
        elif time != time:  # NaT; one by one np.isnat takes longer
            left_out.append((name, "no time in its name and none in an SFL" if sfl is None else "no time in the SFL"))
        elif since is None or time >= since:
            chosen.append((place, name, time))
    return chosen, left_out


class _Keys:
    """Digests of what results depend on; what many files share is taken in once."""

    def __init__(self, base: str, limits: Limits) -> None:
        self._base, self._limits = base, str(limits)
        self._begun: dict[tuple[int, int], Any] = {}

    def of(
        self, chosen: FilterParameters, gating: Gating | None, time: np.datetime64, states: Iterable[os.stat_result]
    ) -> str:  # fmt: skip
        shared = id(chosen), id(gating)
        if shared not in self._begun:
            held = (_digest(json.dumps(_plain(value), sort_keys=True).encode()) for value in (chosen, gating))
            self._begun[shared] = _taken_in(hashlib.sha256(), self._base, *held)
        own = "".join([f"{state.st_size} {state.st_mtime_ns}\0" for state in states])
        total = self._begun[shared].copy()
        total.update(f"{self._limits} {time}\0{own}".encode())
        return str(total.hexdigest()[:32])


class _Folder:
    """Where files stand, under their own names and compressed beside them; each folder is listed once for its files."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._names: frozenset[str] | None = None

    def places(self, path: str) -> dict[str, os.stat_result]:
        """What stands there for a file, in the order in which it is tried."""
        folder, _, base = path.rpartition("/")
        if folder != self._folder:
            self._folder, self._names = folder, _listed(path[: len(path) - len(base)])
        plain, _ = names.stem(base)
        here = path[: len(path) - len(base)]
        found = {}
        for name in (base, *[plain + suffix for suffix in names.SUFFIXES]):
            if self._names is None or name in self._names:
                place = here + name
                if place not in found:
                    try:
                        found[place] = os.stat(place)
                    except OSError:  # gone
                        continue
        return found


def _listed(folder: str) -> frozenset[str] | None:
    """The names in a folder; None where it cannot be listed, though its files may be read."""
    try:
        return frozenset(os.listdir(folder or "."))
    except OSError:
        return None


def _plain(value: FilterParameters | Gating | None) -> Any:
    return json.loads(json.dumps(asdict(value), default=str)) if value is not None else None


def _digest(*parts: str | bytes) -> str:
    return str(_taken_in(hashlib.sha256(), *parts).hexdigest()[:32])


def _taken_in(total: Any, *parts: str | bytes) -> Any:
    """A hash with more in it."""
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
        total.update(b"\0")
    return total
