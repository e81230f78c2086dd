"""A cruise as one self-contained HTML file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.catalog.cruise import Cruise
from workbench.core import clock
from workbench.core.angles import is_angle
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.units import convert
from workbench.core.window import ALWAYS, Window
from workbench.live.reductions import reduce_values
from workbench.reports import cytograms, pictures, water
from workbench.reports.content import Content, Progress, gather
from workbench.reports.document import Document
from workbench.reports.finding import Finding
from workbench.reports.findings import expected, findings, position_source
from workbench.reports.pictures import Picture
from workbench.reports.provenance import origins, versions
from workbench.views import curves, numbers, say, series

#: What each template calls itself, how long it looks back (None: everything), and how many pictures through time it shows.
TEMPLATES = {"cruise": ("Cruise report", None, 12), "daily": ("Daily report", np.timedelta64(1, "D"), 24)}
_TICK = np.timedelta64(1, "ns")


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    path : Path
    size : int
        Bytes.
    findings : tuple of Finding
    window : Window
    """

    path: Path
    size: int
    findings: tuple[Finding, ...]
    window: Window


def write(
    cruise: Cruise, path: str | os.PathLike[str], window: Window = ALWAYS, *, template: str = "cruise",
    progress: Progress = lambda what, done, total: None,
) -> Report:  # fmt: skip
    """Write the report of a cruise.

    Parameters
    ----------
    cruise : Cruise
    path : path-like
        The HTML file; it takes its name once it is whole.
    window : Window
        Open sides end where the data end.
    template : {"cruise", "daily"}
        ``daily``: the last day of the window.
    progress : callable of str, int, int
        Told what is being done, how much of it is done, and how much there is.

    Returns
    -------
    Report

    Raises
    ------
    WorkbenchError
        When there is nothing to report, no such template, or no such folder.
    """
    if template not in TEMPLATES:
        raise WorkbenchError(f"'{template}' is not a template. {suggest(template, TEMPLATES)}")
    target = Path(path)
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise WorkbenchError(
            f"{target}: is a folder" if target.is_dir() else f"{target.parent}: there is no such folder"
        )
    kind, back, parts = TEMPLATES[template]
    if back is not None:
        window = _last(cruise, window, back)
    content = gather(cruise, window, parts=parts, progress=progress)
    found = findings(content)
    progress("drawing", 0, 1)
    document = Document(
        content,
        kind,
        found,
        readings(content),
        draw(content, found),
        origins(content, progress),
        versions(),
        clock.now(),
    )
    progress("writing", 0, 1)
    text = document.whole()
    temp = target.absolute().with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temp.write_text(text, encoding="utf-8")
        os.replace(temp, target)
    finally:
        temp.unlink(missing_ok=True)
    progress("writing", 1, 1)
    return Report(target, target.stat().st_size, tuple(found), content.window)


def _last(cruise: Cruise, window: Window, back: np.timedelta64) -> Window:
    """The last day of the window: up to its end, or now."""
    spans = [span for source in cruise.values() if (span := source.span()) is not None]
    newest = min(max((span.stop for span in spans), default=cruise.now()), cruise.now())  # plans reach ahead
    stop = min(window.stop, newest)
    return Window(max(window.start, stop - back), stop)


def draw(content: Content, found: list[Finding]) -> dict[str, list[Picture]]:
    """Every picture, by section."""
    x_range = series.time_range(content.window)
    where = position_source(content)
    names, expect = watched(content)
    out: dict[str, list[Picture]] = {
        "cover": [pictures.chart(content, where)] if where else [],
        "numbers": [pictures.strips(content, names, x_range, found, expect)] if names else [],
        "populations": [pictures.populations(content, name, x_range) for name, ds in content.populations.items() if "abundance" in ds],
        "latitude": water.by_latitude(content, where) if where else [],
        "cytograms": [p for name, mosaic in content.mosaics.items() for pair in cytograms.cytograms(mosaic, name) for p in pair],
        "water": [picture for picture in [water.diagram(content)] if picture],
    }  # fmt: skip
    return out


def watched(content: Content) -> tuple[list[str], dict[str, tuple[float, float]]]:
    """SOURCE.VARIABLE of the KPIs and of the board's time series, and what is expected of them."""
    cruise, expect = content.cruise, {}
    names = [f"{kpi.source}.{kpi.variable}" for kpi in cruise.kpis.values()]
    for item in cruise.board:
        if item.view == "series":
            given = item.options.get("variables", ())
            listed = [given] if isinstance(given, str) else given
            names += [n if n.partition(".")[0] in cruise else f"{item.source}.{n}" for n in listed]
    for kpi in cruise.kpis.values():
        ds = content.rows.get(kpi.source)
        limits = expected(kpi, ds) if ds is not None else None
        if limits is not None:
            expect[f"{kpi.source}.{kpi.variable}"] = limits
    there = [name for name in dict.fromkeys(names) if _has_values(content, name)]
    return there, expect


def _has_values(content: Content, name: str) -> bool:
    found = content.variable(name)
    return found is not None and bool(np.isfinite(found[0][found[1]].values.astype(float)).any())


def readings(content: Content) -> list[numbers.Reading]:
    """Every KPI at the end of the window, with its history."""
    out = []
    for kpi in content.cruise.kpis.values():
        ds = content.rows.get(kpi.source)
        value, when, line = float("nan"), np.empty(0), np.empty(0)
        time = np.datetime64("NaT", "ns")
        unit = ""
        if (ds is None or not ds.sizes["time"]) and kpi.source not in content.faults:
            continue  # what has no data is told in words
        if ds is not None and kpi.variable in ds.variables and ds.sizes["time"]:
            unit = str(ds[kpi.variable].attrs.get("units", ""))
            values, times = ds[kpi.variable].values.astype(float), ds["time"].values
            at = min(content.window.stop - _TICK, times[-1])
            inside = (times >= at - kpi.over) & (times <= at) & np.isfinite(values)
            if inside.any():
                angles = is_angle(kpi.variable, ds[kpi.variable].attrs)
                value, time = reduce_values(kpi.reduce, values[inside], angles=angles), times[inside][-1]
            if kpi.like_rows:
                told = curves.columns(pictures.series_of(ds, kpi.variable, 60), kpi.variable)
                when, line = told["time"].astype(float), told["mean"].astype(float)
            if kpi.unit and kpi.unit != unit and unit and kpi.reduce != "count":
                value, line = float(convert([value], unit, kpi.unit)[0]), convert(line, unit, kpi.unit)
        out.append(
            numbers.Reading(
                kpi.name, kpi.label or say.name(kpi.variable), value, kpi.shown_in(unit), time, kpi.expect, None,
                content.faults.get(kpi.source), when, line, False,
                "newest value" if kpi.reduce == "last" else f"{kpi.reduce} over {say.age(kpi.over)}",
            )
        )  # fmt: skip
    return out
