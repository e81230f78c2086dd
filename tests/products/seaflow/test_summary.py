"""Summaries by population: laws and plain pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.core.codes import to_linear
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.size import rows
from workbench.products.seaflow.summary import STATISTICS, by_group, of_quantiles, summarize


@pytest.mark.parametrize("rising", [True, False])
def test_equals_pandas_by_population(rising):
    rng = np.random.default_rng(3)
    n = 500
    codes = {name: rng.integers(0, 65536, n).astype(np.uint16) for name in ("chl_small", "pe", "fsc_small")}
    channels = {name: to_linear(values) for name, values in codes.items()}
    values = rng.lognormal(0, 1, (40, 6))
    table = SizeTable("740", np.arange(40.0), np.sort(values, axis=0) if rising else values)
    rows = rng.integers(0, 39, n).astype(np.int32)
    sizes = table.values[rows]
    label = rng.integers(0, 3, n).astype(np.int8)
    found = summarize(codes, rows, table, label, ("beads", "prochloro", "synecho"))
    assert list(found) == ["unknown", "beads", "prochloro"]  # no synecho: no row
    assert sum(count for count, _ in found.values()) == n
    frame = pd.DataFrame({**channels, **dict(zip(COLUMNS, sizes.T, strict=True)), "label": label})
    for number, (count, numbers) in enumerate(found.values()):
        part = frame[frame["label"] == number]
        assert count == len(part)
        for name, value in zip(STATISTICS, numbers, strict=True):
            column, kind = name.rsplit("_", 1)
            column = {"chl": "chl_small", "fsc": "fsc_small"}.get(column, column)
            expected = (
                part[column].mean()
                if kind == "mean"
                else part[column].quantile({"1q": 0.25, "med": 0.5, "3q": 0.75}[kind])
            )
            np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_without_a_size_table_diameters_are_not_a_number():
    one = {name: np.array([2.0]) for name in ("chl_small", "pe", "fsc_small")}
    count, numbers = summarize(one, None, None, np.zeros(1, np.int8), ())["unknown"]
    assert (count, len(numbers)) == (1, len(STATISTICS))
    np.testing.assert_array_equal(np.isnan(numbers), [False] * 9 + [True] * 21)


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("kind", [np.uint16, np.float64])
@pytest.mark.parametrize("labels", [1, 4])
def test_sorted_once_for_all_quantiles_is_sorted_for_each(rising, kind, labels):
    """To the last bit: a copy of the particles for each quantile, summarized by quantile and label."""
    rng = np.random.default_rng(5)
    for n in (1, 2, 700, 3000):
        codes = {name: rng.integers(0, 65536, n).astype(kind) for name in ("chl_small", "pe", "fsc_small")}
        codes["pe"] //= 4000  # many alike
        values = rng.lognormal(0, 1, (40, 6))
        table = SizeTable("740", np.sort(rng.lognormal(0, 3, 40)), np.sort(values, axis=0) if rising else values)
        label, mask = rng.integers(0, labels, n).astype(np.int8), rng.integers(1, 8, n).astype(np.uint8)
        beads = (30000.0, 31000.0, 32000.0)
        for one in (table, None):
            taken = [np.flatnonzero(mask >> at & 1) for at in range(3)]
            own = np.concatenate(taken)
            group = np.concatenate([at * labels + label[some].astype(np.int64) for at, some in enumerate(taken)])
            row = None
            if one is not None:
                row = np.concatenate(
                    [rows(codes["fsc_small"][some], b, one) for some, b in zip(taken, beads, strict=True)]
                )
            wanted = by_group({name: some[own] for name, some in codes.items()}, row, one, group, 3 * labels)
            found = of_quantiles(codes, beads, one, label, mask, labels)
            np.testing.assert_array_equal(found[0], wanted[0])
            np.testing.assert_array_equal(found[1], wanted[1])
