"""Small blocks of rows to be recorded."""

from __future__ import annotations

from itertools import count

import numpy as np
import xarray as xr
from hypothesis import strategies as st

T = np.datetime64("2024-05-01T00:00:00", "ns")
HOUR = np.timedelta64(1, "h")
_fresh = count(1)

KINDS = {
    "number": lambda n: np.where(n % 5 == 0, np.nan, n / 4),
    "whole": lambda n: n.astype(np.int32),
    "word": lambda n: np.array([f"w{i}" * (i % 3) for i in n.tolist()], dtype=str),
    "good": lambda n: n % 2 == 0,
    "when": lambda n: T + n * np.timedelta64(1, "ms"),
    "flag_qc": lambda n: (n % 4 + 1).astype(np.int8),
}
ATTRS = {
    "number": {"units": "m", "standard_name": "depth", "valid_min": 0},
    "flag_qc": {"flag_values": np.array([1, 2, 3, 4, 9], dtype=np.int8), "flag_meanings": "a b c d missing"},
}


def block(
    hours: list[int], names: tuple[str, ...] = ("number", "whole", "word"), *, seeds: list[int] | None = None
) -> xr.Dataset:
    """Rows at these hours after `T`; without `seeds` no two rows ever made say the same."""
    n = np.array([next(_fresh) for _ in hours] if seeds is None else seeds, dtype=np.int64)
    time = xr.Variable("time", T + np.array(hours, dtype=np.int64) * HOUR, {"long_name": "time"})
    data = {name: ("time", KINDS[name](n), ATTRS.get(name, {})) for name in names}
    return xr.Dataset({"id": ("time", n), **data}, {"time": time}, {"Conventions": "CF-1.11"})


def sorted_by_time(ds: xr.Dataset) -> xr.Dataset:
    """In the order of time; rows of equal time stay as they came."""
    return ds.isel(time=np.argsort(ds["time"].to_numpy(), kind="stable"))


hours = st.lists(st.integers(0, 96), min_size=1, max_size=8)
names = st.lists(st.sampled_from(sorted(KINDS)), unique=True).map(tuple)
blocks = st.builds(block, hours, names)
