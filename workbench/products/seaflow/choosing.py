"""Which files of a cruise are worked on, when they were and with which parameters; and why others are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.parameters import Parameters


def dated(ids: list[str], evt: xr.Dataset, sfl: xr.Dataset | None) -> tuple[dict[str, int], npt.NDArray[np.datetime64]]:
    """Rows of the SFL by file, and the time of each file: by the SFL, without one by its name."""
    if sfl is None:
        return {}, evt["time"].to_numpy().astype("datetime64[ns]")
    rows = {str(name): at for at, name in enumerate(sfl["file_id"].to_numpy().tolist())}
    known = sfl["time"].to_numpy().astype("datetime64[ns]")
    nat = np.datetime64("NaT")
    return rows, np.array([known[rows[name]] if name in rows else nat for name in ids], dtype="datetime64[ns]")


def chosen_of(
    ids: list[str], times: npt.NDArray[np.datetime64], rows: dict[str, int] | None, parameters: Parameters
) -> tuple[dict[int, tuple[Any, Any]], list[tuple[str, str]]]:
    """Filter and gating of each file that is worked on, and why others are left out."""
    filters = parameters.filters.each_at(times)
    gatings = parameters.gatings.each_at(times) if parameters.gatings else [None] * len(times)
    chosen: dict[int, tuple[Any, Any]] = {}
    seen = set(ids)
    left_out = [(name, "in the SFL, no EVT file that can be read") for name in rows or () if name not in seen]
    for at, (name, undated) in enumerate(zip(ids, np.isnat(times).tolist(), strict=True)):
        if rows is not None and name not in rows:
            left_out.append((name, "on disk, not in the SFL"))
        elif undated:
            left_out.append((name, "no time"))
        elif filters[at] is None:
            left_out.append((name, "before the first entry of the filter plan"))
        elif name in seen:
            seen.remove(name)  # once, however often it stands
            chosen[at] = filters[at], gatings[at]
    return chosen, left_out
