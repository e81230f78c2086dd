"""Labelled dims as columns along time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.spread import spread


def populations() -> xr.Dataset:
    values = np.arange(12.0).reshape(2, 2, 3)
    return xr.Dataset(
        {
            "abundance": (("time", "population", "quantile"), values, {"units": "uL-1", "long_name": "abundance"}),
            "flag": ("time", [0, 1]), "table": ("population", [1, 2]),
        },
        {"time": np.array([0, 1], "M8[s]").astype("M8[ns]"), "population": ["synecho", "croco"], "quantile": [2.5, 50.0, 97.5]},
    )  # fmt: skip


def test_a_column_for_each_label_at_the_middle_quantile() -> None:
    ds = spread(populations())
    assert list(ds.data_vars) == ["abundance_synecho", "abundance_croco", "flag"]
    assert ds["abundance_synecho"].values.tolist() == [1, 7]
    assert ds["abundance_croco"].values.tolist() == [4, 10]
    assert ds["abundance_croco"].attrs == {"units": "uL-1", "long_name": "abundance, croco", "population": "croco"}
    assert all(array.dims == ("time",) for array in ds.variables.values())


def test_without_the_middle_the_first_stands() -> None:
    assert spread(populations().sel(quantile=[2.5, 97.5]))["abundance_croco"].values.tolist() == [3, 9]


def test_rows_stay_as_they_are() -> None:
    rows = populations()[["flag"]].drop_vars(["population", "quantile"], errors="ignore")
    assert spread(rows) is rows


def test_it_stays_lazy() -> None:
    assert spread(populations().chunk({"time": 1}))["abundance_croco"].chunks == ((1, 1),)
