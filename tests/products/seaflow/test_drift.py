"""Bead drift of a cruise that grows: hours that stand are not worked on again, and nothing comes out differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from tests.products.test_contract import plan
from workbench.products.seaflow.drift import bead_drift

START = np.datetime64("2014-07-04T00:00:00", "ns")
CHANNELS = ("D1", "D2", "fsc_small", "pe")


def evt(files: int, *, seed: int = 3, each: int = 300) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    time = START + np.arange(files) * np.timedelta64(900, "s")
    columns = {
        name: ("particle", rng.integers(15_000, 65_000, 40 * each)[: files * each].astype(np.uint16))
        for name in CHANNELS
    }
    return xr.Dataset(
        {**columns, "row_size": ("file", np.full(files, each)), "file_id": ("file", [f"f{i}" for i in range(files)])},
        {"time": ("file", time)},
    )


def test_it_comes_to_the_same_and_loads_only_new_hours(monkeypatch: Any) -> None:
    from workbench.products.seaflow import drift

    loaded: list[int] = []
    whole = drift._loaded

    def counting(ds: xr.Dataset, chosen: Any) -> Any:
        loaded.append(len(chosen))
        yield from whole(ds, chosen)

    monkeypatch.setattr(drift, "_loaded", counting)
    kept: dict[Any, Any] = {}
    for files in (3, 4, 5, 9, 9):
        grown = bead_drift(evt(files), plan(), kept=kept)
        xr.testing.assert_identical(grown, bead_drift(evt(files), plan()))
    mine = loaded[::2]
    assert mine == [3, 1, 1, 5, 0], "of the last hour its new files, of one that ended meanwhile all, of others none"
    assert len(kept["beads"]) == 1, "of one hour, file by file"
    assert len(kept["hours"]) == 3, "what no longer stands is forgotten"
    assert int(grown["beads"].sum()) > 0


def test_other_limits_are_other_numbers() -> None:
    kept: dict[Any, Any] = {}
    bead_drift(evt(6), plan(), kept=kept)
    again = bead_drift(evt(6), plan(), min_pe=6e4, kept=kept)
    xr.testing.assert_identical(again, bead_drift(evt(6), plan(), min_pe=6e4))
