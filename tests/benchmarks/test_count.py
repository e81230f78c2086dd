"""A cytogram of ten million particles: nanoseconds a particle, and how many times less than datashader takes.

The peers get what suits them best: pandas (an xarray Dataset would cost them 17 to 25 times more), compiled before.
A cytogram needs log axes. From codes they cost us nothing; datashader needs linear values and takes their logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import datashader
import numpy as np
import pandas as pd
import pytest

from workbench.core.codes import to_linear
from workbench.raster import accumulate
from workbench.raster.count import count_by, count_codes
from workbench.raster.encode import decode, encode, pack
from workbench.raster.levels import levels
from workbench.raster.plane import snap

WHOLE = snap(0, 65536, 0, 65536)
CHANNELS = ("pulse_width", "chl_small", "D1", "D2", "fsc_small", "pe", "evt_rate")
PAIRS = [("fsc_small", "chl_small"), ("fsc_small", "pe"), ("D1", "D2"), ("chl_small", "pe")]
LINEAR = datashader.Canvas(512, 512, (0, 65536), (0, 65536))
LOG = datashader.Canvas(512, 512, (1, 10**3.5), (1, 10**3.5), x_axis_type="log", y_axis_type="log")


@pytest.fixture(scope="module")
def simulated_codes(size) -> tuple[np.ndarray, np.ndarray]:
    """Five populations as log-normal clouds, as in a cytogram; a tenth is noise at code 0."""
    rng, n = np.random.default_rng(7), size(1e7)
    centre = rng.uniform(12_000, 52_000, (5, 2)).astype(np.float32)
    which = rng.integers(0, 5, n)
    x, y = (centre[which, k] + rng.normal(0, 2500, n).astype(np.float32) for k in (0, 1))
    x[::10] = 0
    return tuple(np.clip(v, 0, 65535).astype(np.uint16) for v in (x, y))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def real_rows(data: Path, size) -> np.ndarray:
    """One real file again and again, as rows of seven channels."""
    path = data / "seaflow/testcruise/evt_v2/2014_185/2014-07-04T00-00-02+00-00"
    rows = np.fromfile(path, "<u2", offset=8).reshape(-1, 7)
    return np.tile(rows, (max(1, size(1e7) // len(rows)), 1))


def one_thread(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with monkeypatch.context() as patch:
            patch.setattr(accumulate, "THREADED", 10**12)
            return call()

    return run


def peers(x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], object]]:
    codes = pd.DataFrame({"x": x, "y": y})
    values = pd.DataFrame({"x": to_linear(x).astype(np.float32), "y": to_linear(y).astype(np.float32)})
    want = LINEAR.points(codes, "x", "y").values
    np.testing.assert_array_equal(count_codes(x, y, WHOLE), want)
    return {
        "datashader, linear axes": lambda: LINEAR.points(codes, "x", "y"),
        "datashader, log axes": lambda: LOG.points(values, "x", "y"),
    }


def test_simulated_particles(simulated_codes, measure, monkeypatch, smoke) -> None:
    x, y = simulated_codes
    out = np.zeros((512, 512), np.uint32)
    ours = {
        "two threads": lambda: count_codes(x, y, WHOLE, out),
        "one thread": one_thread(monkeypatch, lambda: count_codes(x, y, WHOLE, out)),
    }
    took = measure("cytogram, simulated 1e7", ours | peers(x, y), per=x.size)
    assert smoke or took["datashader, log axes"] > 8 * took["one thread"]
    assert smoke or took["datashader, log axes"] > 8 * took["two threads"]
    assert smoke or took["datashader, linear axes"] > 1.5 * took["one thread"]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_real_particles(real_rows, pair, measure, monkeypatch, smoke) -> None:
    """Real particles crowd in few columns: rows of a power of two cost ten times more there."""
    strided = [real_rows[:, CHANNELS.index(name)] for name in pair]
    x, y = (np.ascontiguousarray(column) for column in strided)
    out = np.zeros((512, 512), np.uint32)
    near = snap(*np.percentile(x, (50, 99)), *np.percentile(y, (50, 99)))
    ours = {
        "one thread": one_thread(monkeypatch, lambda: count_codes(x, y, WHOLE, out)),
        "two threads": lambda: count_codes(x, y, WHOLE, out),
        "one thread, zoomed": one_thread(monkeypatch, lambda: count_codes(x, y, near)),
        "one thread, rows of the file": one_thread(monkeypatch, lambda: count_codes(*strided, WHOLE, out)),
    }
    took = measure(f"cytogram, real {' x '.join(pair)}", ours | peers(x, y), per=x.size, repeats=5)
    assert smoke or took["datashader, log axes"] > 6 * took["one thread"]
    assert smoke or took["datashader, linear axes"] > 1.2 * took["one thread"]
    assert smoke or took["one thread, zoomed"] < 4 * took["one thread"]


def test_populations(simulated_codes, measure, monkeypatch, smoke) -> None:
    x, y = simulated_codes
    label = np.random.default_rng(8).integers(0, 5, x.size).astype(np.uint8)
    points = pd.DataFrame({"x": x, "y": y, "pop": pd.Categorical(label)})
    out = np.zeros((5, 512, 512), np.uint32)
    candidates = {
        "one thread": one_thread(monkeypatch, lambda: count_by(x, y, label, WHOLE, 5, out)),
        "two threads": lambda: count_by(x, y, label, WHOLE, 5, out),
        "datashader, linear axes": lambda: LINEAR.points(points, "x", "y", datashader.count_cat("pop")),
    }
    took = measure("cytogram by population, simulated 1e7", candidates, per=x.size, repeats=5)
    assert smoke or took["datashader, linear axes"] > 2 * took["one thread"]


def test_one_new_file(real_rows, measure) -> None:
    """A live tick: one file of 40,000 particles into a picture that is there, then to bytes for the browsers."""
    rows = real_rows[:40_000]
    out = count_codes(real_rows[:, 4], real_rows[:, 5], WHOLE)
    shaded = levels(out)
    candidates = {
        "count": lambda: count_codes(rows[:, 4], rows[:, 5], WHOLE, out),
        "eq_hist": lambda: levels(out),
        "log": lambda: levels(out, "log"),
        "pack": lambda: pack(shaded),
        "decode": lambda: decode(encode({}, shaded)),
    }
    measure("a live tick, 512 x 512", candidates, repeats=25)


def test_shading(real_rows, measure, smoke) -> None:
    import datashader.transfer_functions as tf
    import xarray as xr

    counts = count_codes(real_rows[:, 2], real_rows[:, 3], WHOLE)
    named = xr.DataArray(counts, dims=("y", "x"))
    candidates = {"levels, eq_hist": lambda: levels(counts), "datashader shade, eq_hist": lambda: tf.shade(named)}
    took = measure("shading 512 x 512", candidates, repeats=25)
    assert smoke or took["datashader shade, eq_hist"] > 3 * took["levels, eq_hist"]
