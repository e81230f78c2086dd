"""What should be found in a simulated cruise: populations of every file, and what happened when."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from workbench.simulate import sea
from workbench.simulate.cruise import EVERY, FIRST, ID, Simulation, begins
from workbench.simulate.happenings import CLOCK_DRIFT, CLOCK_OFFSET
from workbench.simulate.populations import CHANNELS, POPULATIONS, alignment

POPULATIONS_FILE, EVENTS_FILE = "truth/populations.parquet", "truth/events.json"
_OTHERS = ("background", "noise", "saturated")
_DAY = 86400 // EVERY


def write_truth(folder: Path, cruise: Simulation, seconds: float) -> None:
    """Write both files for the cruise up to `seconds` since its start (temp, then rename).

    ``populations.parquet`` has a row for each file and kind: ``time, file_id, population, count, focused, abundance``
    (cells per microlitre as the abundance formula gives it), ``truncated`` (the file was cut short) and the median log
    code of each channel of particles in focus. ``events.json`` lists what happened, with times.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    os.makedirs(folder / "truth", exist_ok=True)
    temp, due = folder / "truth" / f".populations.{os.getpid()}", cruise.due(seconds)
    with pq.ParquetWriter(temp, pa.table(_populations(cruise, 0, min(1, due))).schema) as writer:
        for first in range(0, due, _DAY):  # a row group for each day: memory stays flat
            writer.write_table(pa.table(_populations(cruise, first, min(first + _DAY, due))))
    os.replace(temp, folder / POPULATIONS_FILE)
    told = {"cruise": ID, "until": _iso(cruise, seconds), "events": events(cruise, seconds)}
    temp = folder / "truth" / f".events.{os.getpid()}"
    temp.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    os.replace(temp, folder / EVENTS_FILE)


def told_until(folder: Path, cruise: Simulation) -> int | None:
    """Seconds since the start up to which the truth in `folder` is written; None when there is none."""
    try:
        until = json.loads((folder / EVENTS_FILE).read_text())["until"]
        os.stat(folder / POPULATIONS_FILE)
        return int((np.datetime64(until.removesuffix("Z"), "s") - cruise.start) / np.timedelta64(1, "s"))
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _populations(cruise: Simulation, first: int, stop: int) -> dict[str, Any]:
    index = cruise.numbers(first, stop)
    files = cruise.files(index)
    truth, kinds = files.truth, len(POPULATIONS) + len(_OTHERS)
    nothing = np.full((len(index), len(_OTHERS)), np.nan)
    others = np.stack([truth.background, truth.noise, truth.saturated], axis=1)
    counts = np.concatenate([truth.focused + truth.blurred, others], axis=1)
    focused = np.concatenate([truth.focused, np.zeros_like(others)], axis=1)
    cut = cruise.happenings.covered("truncated", begins(index))
    return {
        "time": np.repeat(np.asarray(files.sfl["time"]).astype("datetime64[ns]"), kinds),
        "file_id": np.repeat(np.array(files.names, dtype=object), kinds),
        "population": np.tile(np.array(POPULATIONS + _OTHERS, dtype=object), len(index)),
        "count": counts.ravel(), "focused": focused.ravel(),
        "abundance": np.concatenate([truth.abundance, nothing], axis=1).ravel(), "truncated": np.repeat(cut, kinds),
        **{
            channel: np.concatenate([truth.medians[:, :, c], nothing], axis=1).ravel()
            for c, channel in enumerate(CHANNELS)
        },
    }  # fmt: skip


def events(cruise: Simulation, seconds: float) -> list[dict[str, Any]]:
    """What has begun by `seconds` since the start, in time order; times are ISO 8601 UTC."""
    found: list[tuple[float, float, str, dict[str, Any]]] = [
        (0.0, seconds, "clock_offset", {"receipt_minus_instrument_s": CLOCK_OFFSET, "per_day_s": CLOCK_DRIFT}),
        (0.0, seconds, "bead_drift", {"log_codes": dict(zip(CHANNELS, _drift(cruise, seconds), strict=True))}),
    ]
    step = {"latitude": sea.FRONT, "temperature_step": -2.2, "salinity_step": 0.95}
    found += [(when, when, "front", step) for when in cruise.track.crossings("latitude", sea.FRONT, seconds)]
    found += [(when, when, "antimeridian", {}) for when in cruise.track.crossings("longitude", 180.0, seconds)]
    for stay in cruise.track.segments:
        if stay.station:
            place = {"latitude": stay.origin[0], "longitude": (stay.origin[1] + 180) % 360 - 180}
            found.append((stay.start, stay.stop, "station", place))
    found += [(h.start, h.stop, h.kind, dict(h.more)) for h in cruise.happenings.all]
    found.sort(key=lambda event: (event[0], event[2]))
    return [
        {"kind": kind, "start": _iso(cruise, start), "stop": _iso(cruise, stop), **_named(cruise, kind, start), **more}
        for start, stop, kind, more in found
        if start < seconds
    ]


def _named(cruise: Simulation, kind: str, start: float) -> dict[str, Any]:
    """The file that a truncation hits."""
    if kind != "truncated":
        return {}
    first = int(np.ceil((start - FIRST) / EVERY))
    return {"file_id": cruise.files(np.array([first])).names[0]}


def _drift(cruise: Simulation, seconds: float) -> list[float]:
    return [round(float(v), 1) for v in alignment(cruise.seed, np.array([seconds]))[0]]


def _iso(cruise: Simulation, seconds: float) -> str:
    moment = cruise.start.astype("datetime64[ms]") + np.timedelta64(round(seconds * 1000), "ms")
    return f"{moment}Z"
