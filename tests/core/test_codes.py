"""SeaFlow log codes: the scale, its inverse, and datasets on it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import workbench
from workbench.core.codes import CHANNELS, LOG, to_codes, to_linear, to_log
from workbench.core.errors import WorkbenchError

ALL = np.arange(65536, dtype=np.uint16)


@pytest.mark.parametrize(
    ("code", "value"), [(0, 1.0), (1, 1.0001229789), (32768, 56.234132519), (65536, 3162.2776601684)]
)
def test_asserted_values(code: int, value: float) -> None:
    assert float(to_linear(code)) == pytest.approx(value, rel=1e-10)


def test_every_code_comes_back() -> None:
    np.testing.assert_array_equal(to_codes(to_linear(ALL)), ALL)
    np.testing.assert_allclose(to_log(to_linear(ALL)), ALL, atol=1e-9)
    single = to_linear(ALL).astype(np.float32)  # as OPP files hold them
    np.testing.assert_array_equal(to_codes(single), ALL)


def test_beyond_the_scale() -> None:
    assert to_codes([0.0, 0.5, 1e9]).tolist() == [0, 0, 65535]
    for wrong in (np.nan, -1.0):
        with pytest.raises(WorkbenchError, match="no log code"):
            to_codes([1.0, wrong])


def _particles(chunks: dict[str, int] | None = None) -> xr.Dataset:
    pe = xr.DataArray(ALL[::7], dims="particle", attrs={**LOG, "units": "1", "long_name": "phycoerythrin"})
    ds = xr.Dataset({"pe": pe, "pulse_width": ("particle", ALL[::7])}, attrs={"layout": "v2"})
    return ds.chunk(chunks) if chunks else ds


@pytest.mark.parametrize("chunks", [None, {"particle": 1000}])
def test_linear_and_back(chunks: dict[str, int] | None) -> None:
    ds = _particles(chunks)
    linear = workbench.linear(ds)
    assert (linear["pe"].chunks is None) == (chunks is None), "lazy stays lazy"
    assert linear["pe"].dtype == np.float64
    assert linear["pe"].attrs == {"scale": "linear", "units": "1", "long_name": "phycoerythrin"}
    np.testing.assert_array_equal(linear["pe"], to_linear(ALL[::7]))
    assert linear["pulse_width"].identical(ds["pulse_width"]), "not a log channel"
    assert workbench.linear(linear).identical(linear), "only once"
    xr.testing.assert_identical(workbench.log_codes(linear).compute(), _particles())
    for name, channel in ds.items():
        assert workbench.linear(channel).identical(linear[name]), "one channel is turned as in its dataset"
        assert workbench.log_codes(linear[name]).compute().identical(_particles()[name])


def test_numbers_without_a_scale_are_refused() -> None:
    for turned in (workbench.linear, workbench.log_codes):
        with pytest.raises(WorkbenchError, match="not ndarray: its attributes say"):
            turned(ALL)  # type: ignore[type-var]


def test_other_decades_are_respected() -> None:
    ds = xr.Dataset({"pe": ("particle", [65536.0], {"scale": "log", "decades": 4.0})})
    assert workbench.linear(ds)["pe"].item() == pytest.approx(10_000.0)


def test_channels_on_the_scale() -> None:
    assert "pulse_width" not in CHANNELS
    assert "evt_rate" not in CHANNELS
    assert {"D1", "D2", "fsc_small", "pe", "chl_small", "chl_big"} <= set(CHANNELS)
