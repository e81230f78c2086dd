"""All sentences of a report, by topic."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.catalog.declared import Kpi
from workbench.reports.content import Content
from workbench.reports.finding import Finding
from workbench.reports.rules import beads, clocks, gaps, populations, ranges, refused, way
from workbench.views import say

#: Numbers that are told even where no KPI watches them.
ALWAYS_TOLD = ("stream_pressure",)


def findings(content: Content) -> list[Finding]:
    """Every rule applied to what it can be applied to."""
    found: list[Finding] = []
    where = position_source(content)
    if where is not None:
        found += way.told(content.way(where), where)
    found += _numbers(content)
    for name, ds in content.populations.items():
        found += populations.cells(_abundance_alone(ds), name)
        found += beads.drifted(ds, name)
    for name, ds in content.rows.items():
        found += [] if name in content.populations else beads.drifted(ds, name)
    found += _silences(content)
    for name, ds in content.rows.items():
        found += clocks.told(content.clocks.get(name, ds), name)
        found += refused.lines(str(ds.attrs.get("bad") or ""), ds.sizes.get("time", 0), name, content.window)
    return [*found, *_files(content)]


def _silences(content: Content) -> list[Finding]:
    """Gaps of every source, but not again those that one has because what it is made of has them."""
    found: list[Finding] = []
    for name, ds in content.rows.items():
        times, source = ds["time"].values if ds.sizes.get("time") else np.empty(0, "M8[ns]"), content.cruise[name]
        found += gaps.silent(times, name, every=source.every, allowed=source.stale_after)
    for name, mosaic in content.mosaics.items():
        times = mosaic.table.times.view("M8[ns]")
        found += gaps.silent(times, name, every=content.cruise[name].every, what="files")
    silent = {finding.source: finding.episodes for finding in found}
    raw = content.raw()
    out = []
    for finding in found:
        name = finding.source
        origins = content.cruise[name].inputs.values() if name not in content.mosaics else set(raw) - {name}
        own = name in raw or not origins
        if own or not gaps.explained(finding.episodes, [gap for each in origins for gap in silent.get(each, ())]):
            out.append(finding)
    return out


def position_source(content: Content) -> str | None:
    """The source whose positions are the ship's: the one of the board's map, else the first that has any."""
    for item in content.cruise.board:
        ds = content.rows.get(item.source or "")
        if (
            item.view == "cruise_map"
            and ds is not None
            and "latitude" in ds.variables
            and np.isfinite(ds["latitude"].values).any()
        ):
            return item.source
    return content.first("latitude", "longitude")


def _numbers(content: Content) -> list[Finding]:
    found: list[Finding] = []
    told: set[str] = set()
    for kpi in content.cruise.kpis.values():
        ds = content.rows.get(kpi.source)
        if ds is not None and (kpi.expect is not None or kpi.variable in ALWAYS_TOLD):
            told.add(kpi.variable)
            found += ranges.watched(ds, kpi.variable, kpi.source, expect=expected(kpi, ds), name=kpi.label or "")
    for variable in ALWAYS_TOLD:
        for name, ds in content.rows.items():
            if variable in ds.variables and variable not in told:
                found += ranges.watched(ds, variable, name)
    return found


def expected(kpi: Kpi, ds: xr.Dataset) -> tuple[float, float] | None:
    """What is expected of the rows of a KPI, in their unit; None where that is of their sum, or of how many there are."""
    from workbench.core.units import convert

    if kpi.expect is None or not kpi.like_rows:
        return None
    own = str(ds[kpi.variable].attrs.get("units", "")) if kpi.variable in ds.variables else ""
    if not kpi.unit or kpi.unit == own or not own:
        return kpi.expect
    low, high = (v if np.isinf(v) else float(convert([v], kpi.unit, own)[0]) for v in kpi.expect)
    return min(low, high), max(low, high)


def _abundance_alone(ds: xr.Dataset) -> xr.Dataset:
    return ds[[name for name in ("abundance", "latitude") if name in ds.variables]]


def _files(content: Content) -> list[Finding]:
    found: list[Finding] = []
    for name, mosaic in content.mosaics.items():
        total = int(mosaic.table.sizes.sum())
        found += refused.files(len(mosaic.table), mosaic.refused, name, content.window, particles=total)
        there = [*mosaic.table.names, *(line.split(": ", 1)[0] for line in mosaic.refused)]
        for log, ds in content.rows.items() if name in content.raw() else ():
            if "file_id" in ds.variables and ds.sizes.get("time"):
                theirs = mosaic.table.names if content.cruise[log].product else there  # nothing is made of refused ones
                found += refused.unmatched(list(map(str, ds["file_id"].values)), theirs, log, name, content.window)
    for name, ds in content.rows.items():
        lines = [line for line in str(ds.attrs.get("refused") or "").splitlines() if line]
        if lines:
            found += refused.files(0, lines, name, content.window)[1:]
        if not ds.sizes.get("time"):
            found.append(refused.nothing(name, content.window))
    found += [refused.nothing(name, content.window, fault) for name, fault in content.faults.items()]
    return found


def topics(found: list[Finding]) -> dict[str, list[Finding]]:
    """By topic, in the order of their first sentence."""
    out: dict[str, list[Finding]] = {}
    for finding in found:
        out.setdefault(finding.topic, []).append(finding)
    return out


def value_text(value: object, unit: str) -> str:
    """A number as the footnotes show it."""
    if isinstance(value, np.datetime64):
        return f"{say.moment(value)} UTC"
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return f"{say.count(int(value))} {_unit(unit)}".strip()
    return f"{say.number(float(value), 6)} {_unit(unit)}".strip()  # type: ignore[arg-type]


def _unit(unit: str) -> str:
    return say.unit(unit).replace("_", " ")
