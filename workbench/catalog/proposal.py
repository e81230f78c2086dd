"""What a proposed source is called and what is in it, found by reading a little of its files."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog.pieces import blank
from workbench.catalog.registered import reader_class
from workbench.catalog.source import Source
from workbench.catalog.survey import Group, rows
from workbench.core.window import Window

_USUAL = {
    "seaflow_evt": "seaflow", "seaflow_sfl": "sfl", "nmea_log": "underway", "seaflow_opp": "opp", "seaflow_vct": "vct",
    "seaflow_plan": "plan",
}  # fmt: skip
#: Files at the end of a source that are read for what they hold.
_LAST = 3


@dataclass(eq=False)
class Proposed:
    """One source to be, and what is in it."""

    group: Group
    source: Source
    name: str = ""
    span: Window | None = None
    times: npt.NDArray[np.datetime64] = field(default_factory=lambda: np.empty(0, "M8[ns]"))
    every: str | None = None
    has: tuple[str, ...] = ()  # variables with a value in them
    bad: str = ""

    @property
    def located(self) -> bool:
        """True when it can be drawn on a map."""
        return {"latitude", "longitude"} <= set(self.has) and not self.source.is_particles


def preferred(groups: list[Group]) -> list[Group]:
    """Without the SFLs that lie between EVT files, where another one tells of them all."""
    trees = [group.top + os.sep for group in groups if group.reader == "seaflow_evt"]
    inside = [g for g in groups if g.reader == "seaflow_sfl" and (g.top + os.sep).startswith(tuple(trees))]
    outside = [g for g in groups if g.reader == "seaflow_sfl" and g not in inside]
    return [group for group in groups if not (outside and group in inside)]


def look(group: Group, folder: str) -> Proposed:
    """What the files of a group say: their times, how often they come, which variables have values."""
    source = Source(group.reader, os.path.join(folder, group.url) if group.url else folder)
    reader = reader_class(group.reader)()
    proposed = Proposed(group, source, span=source.span())
    if source.is_particles:
        ds = source.open()
        proposed.times = np.array([reader.span(path)[0] for path in source.files()], dtype="datetime64[ns]")
        proposed.has = tuple(str(name) for name in ds.data_vars if ds[name].dims == ("particle",))
    else:
        found = [opened for path in source.files()[::-1][:_LAST] if (opened := rows(reader, path)) is not None]
        ds = max(found, key=lambda ds: ds.sizes["time"], default=blank(reader))
        proposed.times = ds["time"].values
        proposed.has = tuple(str(name) for name, array in ds.data_vars.items() if _has_values(str(name), array))
        proposed.bad = str(ds.attrs.get("bad", ""))
        if "sentence" in ds and ds.sizes["time"]:  # one sentence after another is no step of time
            proposed.every = _every(ds["time"].values[ds["sentence"].values == ds["sentence"].values[0]])
    if source.is_particles or reader.appends:  # what a person writes, such as a plan, comes when it comes
        proposed.every = proposed.every or _every(proposed.times)
    return proposed


def _has_values(name: str, array: xr.DataArray) -> bool:
    return name.isidentifier() and array.dtype.kind == "f" and bool(np.isfinite(array.values).any())


def once(found: list[Proposed]) -> list[Proposed]:
    """Of sources that tell of the same SeaFlow files by the same reader, the one with the fewest faults, then bytes."""
    best: dict[tuple[str, bytes], Proposed] = {}
    for proposed in sorted(found, key=lambda p: (p.bad.count("\n") + bool(p.bad), _bytes(p), p.group.url)):
        files = "file_id" in proposed.source.variables() and len(proposed.times) > 0
        same = proposed.times.tobytes() if files else proposed.group.url.encode()
        best.setdefault((proposed.group.reader, same), proposed)
    return [proposed for proposed in found if any(proposed is kept for kept in best.values())]


def _bytes(proposed: Proposed) -> int:
    return sum(os.path.getsize(path) for path in proposed.group.paths)


def give_names(sources: list[Proposed], cruise: str) -> None:
    """The usual name where there is one source of a kind, else a word from its folder or its files."""
    kinds = Counter(p.group.reader for p in sources)
    neighbours = Counter((p.group.reader, p.group.top) for p in sources)
    taken: set[str] = set()
    for p in sources:
        usual = _USUAL.get(p.group.reader, p.group.reader)
        label = word(p.group.label(neighbours[p.group.reader, p.group.top] == 1).removeprefix(cruise))
        name = usual if kinds[p.group.reader] == 1 or not label else label if label[0].isalpha() else f"{usual}_{label}"
        p.name = next(each for each in (name, *(f"{name}_{n}" for n in range(2, 9999))) if each not in taken)
        p.source.named(p.name)
        taken.add(p.name)


def word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:40]


def _every(times: npt.NDArray[np.datetime64]) -> str | None:
    """The usual time between rows, as one would say it."""
    steps = np.diff(np.sort(times[~np.isnat(times)])) / np.timedelta64(1, "s")
    steps = steps[steps > 0]
    if not len(steps):
        return None
    usual = float(np.median(steps))
    if usual < 0.75:
        return None
    return (
        f"{round(usual)}s" if usual < 100 else f"{round(usual / 60)}min" if usual < 6000 else f"{round(usual / 3600)}h"
    )
