"""A catalog for a folder: its sources, a board, numbers to watch; a beginning for a person to go on from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from workbench.catalog.proposal import Proposed, give_names, look, once, preferred, word
from workbench.catalog.propose_populations import NAME, Populations, populations
from workbench.catalog.registered import reader_class
from workbench.catalog.survey import Survey, readers, survey
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.variables import VARIABLES
from workbench.readers.paths import matcher

CATALOG = "catalog.yaml"
#: Numbers to watch, in order, with how they are reduced and the range that needs no hand.
_WATCHED = {
    "stream_pressure": ("last", "[11.5, 12.5]"), "event_rate": ("last", "[0, 18000]"),
    "sea_water_temperature": ("mean", ""), "salinity": ("mean", "[20, 38]"), "par": ("mean", ""),
    "bulk_red": ("mean", ""), "speed": ("mean", "[0, 15]"), "heading": ("last", ""),
}  # fmt: skip
_DRAWN = ("sea_water_temperature", "salinity", "par", "stream_pressure", "event_rate", "bulk_red", "conductivity", "speed",
          "course", "heading")  # fmt: skip
#: Pictures on a board, and how many of them are cytograms: many folders of particles leave room for the others.
_MOST, _PLANES = 12, 4
_FAR = np.timedelta64(120, "D")


def write(folder: str | os.PathLike[str], force: bool = False) -> Path:
    """Write ``catalog.yaml`` into a folder; it passes `check`.

    Raises
    ------
    WorkbenchError
        When there is one already and not `force`, or nothing was recognised.
    """
    from workbench.catalog.check import problems

    path = Path(folder) / CATALOG
    if path.exists() and not force:
        raise WorkbenchError(f"{path} exists. Give --force to replace it.")
    text = propose(folder)
    temp = path.with_name(f".{os.getpid()}.{CATALOG}")
    try:
        temp.write_text(text, encoding="utf-8")
        wrong = problems(temp)
        if wrong:
            raise WorkbenchError("the proposal does not pass its own check:\n" + "\n".join(map(str, wrong)))
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)
    return path


def propose(folder: str | os.PathLike[str]) -> str:
    """The text of a catalog for what lies in a folder, to be kept in that folder.

    Raises
    ------
    WorkbenchError
        When no file in it is recognised; what was looked for is told.
    """
    found = survey(folder)
    if not found.groups:
        raise WorkbenchError(_nothing(found))
    name = word(os.path.basename(found.folder)) or "cruise"
    looked = [look(group, found.folder) for group in preferred(found.groups)]
    sources = once(looked)
    twice = [f"{p.group.url} ({p.group.reader})" for p in looked if p not in sources]
    give_names(sources, name)
    made = populations(sources, found)
    if made is not None and made.sizes:
        found.unread.remove(made.sizes)
    return "\n".join([*_head(found, twice), *_metadata(name, sources, made), *_sources(sources, made), ""])


def _nothing(found: Survey) -> str:
    looked = "; ".join(f"{name} ({matcher(reader.patterns)})" for name, reader in readers().items())
    some = f", such as {', '.join(found.unread[:3])}" if found.unread else ""
    return (
        f"{found.folder}: none of {found.files} files{some} is read by any reader. Looked for (# is a digit): {looked}."
    )


# the text


def _head(found: Survey, twice: list[str]) -> list[str]:
    lines = ["# Proposed by `workbench init` from what lies in this folder: names, board and KPIs are yours to change."]
    if not found.whole:
        lines.append(f"# Only the first {found.files} files were looked at.")
    if twice:
        lines.append(f"# Left out, because a source below holds the same files: {', '.join(sorted(twice))}")
    if found.unread:
        shown = ", ".join(found.unread[:5]) + (", ..." if len(found.unread) > 5 else "")
        lines.append(f"# Not read by any reader ({len(found.unread)}): {shown}")
    return lines


def _metadata(name: str, sources: list[Proposed], made: Populations | None) -> list[str]:
    times = _times(sources)
    about = ", ".join([f"id: {_quoted(name)}", *times])
    kpis = _kpis(sources)
    lines = ["metadata:", f"  cruise: {{{about}}}", "  board:"]
    lines += [f"    - {{{item}}}" for item in _board(sources, bool(kpis), made)]
    return [*lines, *(["  kpis:", *kpis] if kpis else [])]


def _times(sources: list[Proposed]) -> list[str]:
    """Start, and end unless data are still coming; feeds whose clock is years off do not count, nor what plans say ahead."""
    spans = [proposed.span for proposed in sources if proposed.span is not None and not proposed.source.is_parameters]
    if not spans:
        return []
    middle = spans[int(np.argsort([span.stop for span in spans])[len(spans) // 2])]
    near = [span for span in spans if abs(span.stop - middle.stop) < _FAR and abs(span.start - middle.start) < _FAR]
    first, last = min(span.start for span in near), max(span.stop for span in near)
    located = _located(sources)
    if located is not None and located.span in near and last - located.span.stop < np.timedelta64(1, "h"):
        last = located.span.stop
    out = [f'start: "{first.astype("M8[m]")}"']
    if clock.now() - last > np.timedelta64(1, "D"):
        out.append(f'end: "{last.astype("M8[m]") + np.timedelta64(1, "m")}"')
    return out


def _board(sources: list[Proposed], watched: bool, made: Populations | None) -> list[str]:
    items = ["view: tiles"] if watched else []
    located = _located(sources)
    if located is not None:
        colour = _colour(sources, located)
        items.append(f"view: cruise_map, source: {located.name}" + (f", colour: {colour}" if colour else ""))
    particles = [p for p in sources if p.source.is_particles]
    planes = []
    for p in particles:
        pairs = [(x, y) for x, y in (("fsc_small", "pe"), ("fsc_small", "chl_small")) if {x, y} <= set(p.has)]
        planes += [
            f"view: cytogram, source: {p.name}, x: {x}, y: {y}" for x, y in (pairs if p is particles[0] else pairs[:1])
        ]
    items += planes[:_PLANES]
    items += [made.picture] if made is not None else []
    for p in sources:
        drawn = [
            name
            for name in (*_DRAWN, *sorted(set(p.has) - set(_DRAWN) - {"latitude", "longitude", "altitude"}))
            if name in p.has
        ]
        if drawn and not (p.source.is_particles or p.source.is_parameters) and len(items) < _MOST:
            items.append(f"view: series, source: {p.name}, variables: [{', '.join(drawn[:5])}]")
    return [*items, *(f"view: files, source: {p.name}" for p in particles[:1])]


def _located(sources: list[Proposed]) -> Proposed | None:
    """The source that knows most of where the ship is."""
    return max((p for p in sources if p.located), key=lambda p: (len(p.times) > 1, len(p.has)), default=None)


def _colour(sources: list[Proposed], located: Proposed) -> str | None:
    """What the track is coloured by: water temperature where somebody measured it at the time, else speed."""
    for name in ("sea_water_temperature", "salinity", "speed"):
        for p in (located, *sources):
            if name in p.has and p.span and located.span and p.span & located.span:
                return f"{p.name}.{name}"
    return None


def _kpis(sources: list[Proposed]) -> list[str]:
    lines = []
    first = _located(sources)
    for name, (reduce, expect) in _WATCHED.items():
        p = next((p for p in (first, *sources) if p and name in p.has and not p.source.is_particles), None)
        if p is None:
            continue
        over = "30min" if p.every and p.every.endswith(("min", "h")) else "2min"
        unit = VARIABLES[name].unit
        shown = f", unit: {unit}" if unit not in ("", "1") else ""
        wanted = f", expect: {expect}" if expect else ""
        lines.append(
            f"    {name}: {{source: {p.name}, variable: {name}, reduce: {reduce}, over: {over}{wanted}{shown}}}"
        )
    return lines


def _sources(sources: list[Proposed], made: Populations | None) -> list[str]:
    lines = ["sources:"]
    for p in sources:
        url = "{{ CATALOG_DIR }}" + (f"/{p.group.url}" if p.group.url else "")
        every = f", every: {p.every}" if p.every else ""
        if made is not None and p is made.plan and made.sizes:
            every += f", size_table: {_quoted(f'{{{{ CATALOG_DIR }}}}/{made.sizes}')}"
        lines += [
            f"  {p.name}:{_count(p)}", "    driver: workbench", f"    description: {_quoted(_describe(p))}",
            f"    args: {{reader: {p.group.reader}, url: {_quoted(url)}{every}}}",
        ]  # fmt: skip
    if made is not None:
        lines += [
            f"  {NAME}:", "    driver: workbench",
            '    description: "Cells per microlitre, diameter and carbon of each population."',
            f"    args: {{{made.args}}}",
        ]  # fmt: skip
    return lines


def _describe(p: Proposed) -> str:
    kind = str(reader_class(p.group.reader).description or p.group.reader).split(":")[0]
    if p.source.is_particles:
        return f"{kind}: particles."
    labels = [VARIABLES[name].long_name if name in VARIABLES else name for name in p.has[:6]]
    return f"{kind}: {', '.join(labels) or 'nothing yet'}."


def _count(p: Proposed) -> str:
    count = len(p.source.files())
    times = f", {p.span.start.astype('M8[m]')} to {p.span.stop.astype('M8[m]')}" if p.span else ""
    return f"  # {count} file{'s' * (count != 1)}{times}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
