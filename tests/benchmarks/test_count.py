"""A cytogram of a hundred million particles: nanoseconds a particle, and how many times less than others take.

The peers get what suits them best: datashader pandas (an xarray Dataset would cost it 17 to 25 times more), DuckDB a
table of its own in memory, Polars its own columns; all have run once before. A cytogram needs log axes. From codes they
cost us nothing; datashader needs linear values and takes their logarithm. Counts are compared before they are timed:
cell by cell, on log axes by their sum, as real codes sit on the edges of cells there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import datashader
import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import columns, count_peers, limits
from tests.benchmarks.beside import Beside, beside
from tests.benchmarks.columns import CHANNELS, Codes
from workbench.core.codes import to_linear
from workbench.raster import accumulate
from workbench.raster.count import count_by, count_codes
from workbench.raster.encode import decode, encode, pack
from workbench.raster.levels import levels
from workbench.raster.plane import snap

pytestmark = pytest.mark.timeout(600)

WHOLE = snap(0, 65536, 0, 65536)
PAIRS = list(combinations(CHANNELS, 2))
LARGE = [("fsc_small", "chl_small"), ("D1", "D2")]
LINEAR = datashader.Canvas(512, 512, (0, 65536), (0, 65536))
LOG = datashader.Canvas(512, 512, (1, 10**3.5), (1, 10**3.5), x_axis_type="log", y_axis_type="log")
NS = "ns/particle"
Candidates = dict[str, Callable[[], object]]


@pytest.fixture(scope="module", params=["simulated", "real"])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def big(kind: str, size, request) -> dict[str, Codes]:
    """A hundred million particles."""
    n = size(1e8)
    return columns.simulated(n) if kind == "simulated" else columns.real(request.getfixturevalue("data"), n)


@pytest.fixture(scope="module")
def others(root: Path, smoke: bool) -> Iterator[Beside | None]:
    """DuckDB and Polars, or None where they cannot be had."""
    try:
        python = count_peers.found(root) if smoke else count_peers.make(root)
    except (OSError, subprocess.SubprocessError) as error:
        print(
            f"no DuckDB and no Polars: they cannot be installed here ({error}); with a package index: make bench-peers"
        )
        python = None
    if python is None:
        yield None
        return
    with beside([python, "-m", "tests.benchmarks.count_peers", "answer"]) as process:
        yield process


def one_thread(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        kept, accumulate.THREADED = accumulate.THREADED, 10**12
        try:
            return call()
        finally:
            accumulate.THREADED = kept

    return run


def of_datashader(x: Codes, y: Codes, want: np.ndarray) -> Candidates:
    """What it takes, compared (and so compiled) before."""
    codes = pd.DataFrame({"x": x, "y": y})
    values = pd.DataFrame({"x": to_linear(x).astype(np.float32), "y": to_linear(y).astype(np.float32)})
    np.testing.assert_array_equal(LINEAR.points(codes, "x", "y").values, want)
    assert int(LOG.points(values, "x", "y").values.sum()) == int(want.sum())
    return {
        "datashader, log axes": lambda: LOG.points(values, "x", "y"),
        "datashader, linear axes": lambda: LINEAR.points(codes, "x", "y"),
    }


def of_others(others: Beside | None, x: Codes, y: Codes, want: np.ndarray, folder: Path) -> Candidates:
    """DuckDB and Polars, compared; one that takes far longer than the other is not the best and stays out."""
    if others is None:
        return {}
    paths = [folder / "x.npy", folder / "y.npy"]
    for path, column in zip(paths, (x, y), strict=True):
        np.save(path, column)
    others.ask(load=[str(path) for path in paths])
    for name in count_peers.NAMES:
        others.ask(counts=name, to=str(folder / "counts.npy"))
        np.testing.assert_array_equal(np.load(folder / "counts.npy"), want)
    for path in paths:
        path.unlink()
    once = {name: others.ask(run=name) for name in count_peers.NAMES}  # it has counted once before
    print(f"{x.size:.0e}: {', '.join(f'{name} {1e9 * s / x.size:.1f} ns' for name, s in once.items())}")
    near = [name for name, seconds in once.items() if seconds < 1.5 * min(once.values())]
    return {name: lambda name=name: others.ask(run=name) for name in near}


def ours_and_limits(x: Codes, y: Codes) -> Candidates:
    out = np.zeros((512, 512), np.uint32)
    return {
        "one core": one_thread(lambda: count_codes(x, y, WHOLE, out)),
        "two cores": lambda: count_codes(x, y, WHOLE, out),
        "read, one core": lambda: limits.read([x, y]),
        "read, two cores": lambda: limits.read([x, y], 2),
    }


@pytest.mark.parametrize("pair", LARGE, ids="-".join)
def test_a_hundred_million(kind, big, pair, others, measure, row, tmp_path) -> None:
    x, y = big[pair[0]], big[pair[1]]
    want = count_codes(x, y, WHOLE)
    peers = of_datashader(x, y, want) | of_others(others, x, y, want, tmp_path)
    title, saturated = f"count 1e8, {kind} {' x '.join(pair)}", pair == ("D1", "D2")
    took = measure(title, ours_and_limits(x, y) | peers, per=x.size, repeats=5, warmed=peers)
    took = {name: 1e9 * seconds / x.size for name, seconds in took.items()}
    two, at_most = took["read, two cores"], 1.3 if saturated else 0.8
    row(f"{title}, one core", NS, took["one core"], limit=took["read, one core"], at_most=at_most)
    log = {"peer": took["datashader, log axes"], "peer_name": "datashader, log axes", "least_ratio": 15}
    row(title, NS, took["two cores"], limit=two, at_most=6 * two, **log)
    linear = {"peer": took["datashader, linear axes"], "peer_name": "datashader, linear axes"}
    row(title, NS, took["two cores"], limit=two, least_ratio=1.8 if saturated else 3, **linear)
    row(title, NS, took["two cores"], limit=two, **best(took, 20))


def best(took: dict[str, float], least: float) -> dict[str, object]:
    """The faster one of DuckDB and Polars, and the bar for both."""
    there = [name for name in count_peers.NAMES if name in took]
    name = min(there, key=took.__getitem__, default=None)
    return {"peer": took[name], "peer_name": name, "least_ratio": least} if name else {}


def by_population(x: Codes, y: Codes, measure, title: str) -> dict[str, float]:
    """Nanoseconds a particle; five populations that are clouds, as gates leave them."""
    label = (x // 13108).astype(np.uint8)
    points = pd.DataFrame({"x": x, "y": y, "pop": pd.Categorical(label, categories=range(5))})
    out = np.zeros((5, 512, 512), np.uint32)
    shaded = LINEAR.points(points, "x", "y", datashader.count_cat("pop"))
    np.testing.assert_array_equal(shaded.transpose("pop", ...).values, count_by(x, y, label, WHOLE, 5))
    candidates = {
        "one core": one_thread(lambda: count_by(x, y, label, WHOLE, 5, out)),
        "two cores": lambda: count_by(x, y, label, WHOLE, 5, out),
        "datashader": lambda: LINEAR.points(points, "x", "y", datashader.count_cat("pop")),
        "read, two cores": lambda: limits.read([x, y, label], 2),
    }
    took = measure(title, candidates, per=x.size, repeats=5, warmed=("datashader",))
    return {name: 1e9 * seconds / x.size for name, seconds in took.items()}


def test_a_hundred_million_by_population(kind, big, measure, row) -> None:
    title = f"count 1e8 by population, {kind} fsc_small x chl_small"
    took = by_population(big["fsc_small"], big["chl_small"], measure, title)
    row(title, NS, took["two cores"], peer=took["datashader"], peer_name="datashader, linear axes",
        limit=took["read, two cores"], least_ratio=8)  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_ten_million(kind, big, pair, others, measure, row, size, tmp_path) -> None:
    x, y = (big[name][: size(1e7)] for name in pair)
    want = count_codes(x, y, WHOLE)
    of_datashader(x, y, want)  # compared; its times stand in the rows of 1e8
    peers = of_others(others, x, y, want, tmp_path)
    title = f"count 1e7, {kind} {' x '.join(pair)}"
    took = measure(title, ours_and_limits(x, y) | peers, per=x.size, repeats=5, warmed=peers)
    took = {name: 1e9 * seconds / x.size for name, seconds in took.items()}
    two = took["read, two cores"]
    row(title, NS, took["two cores"], limit=two, at_most=8 * two, **best(took, 12))


def test_ten_million_by_population(kind, big, measure, row, size) -> None:
    x, y = (big[name][: size(1e7)] for name in ("fsc_small", "pe"))
    title = f"count 1e7 by population, {kind} fsc_small x pe"
    took = by_population(x, y, measure, title)
    row(title, NS, took["two cores"], peer=took["datashader"], peer_name="datashader, linear axes",
        limit=took["read, two cores"], least_ratio=6)  # fmt: skip


def test_zoomed_and_strided(kind, big, measure, row, size) -> None:
    """A zoom costs little more than the whole plane, and rows as they lie in a file little more than columns."""
    x, y = (big[name][: size(1e7)] for name in ("fsc_small", "chl_small"))
    near = snap(*np.percentile(x, (50, 99)), *np.percentile(y, (50, 99)))
    rows = np.zeros((x.size, 7), np.uint16)
    rows[:, 4], rows[:, 1] = x, y
    out = np.zeros((512, 512), np.uint32)
    candidates = {
        "whole": one_thread(lambda: count_codes(x, y, WHOLE, out)),
        "zoomed": one_thread(lambda: count_codes(x, y, near)),
        "rows of a file": one_thread(lambda: count_codes(rows[:, 4], rows[:, 1], WHOLE, out)),
    }
    took = measure(f"count 1e7, {kind}, other ways", candidates, per=x.size, repeats=5)
    whole = 1e9 * took["whole"] / x.size
    for name in ("zoomed", "rows of a file"):
        row(
            f"count 1e7, {kind} fsc_small x chl_small, {name}",
            NS,
            1e9 * took[name] / x.size,
            limit=whole,
            at_most=4 * whole,
        )


def test_one_new_file(big, kind, measure, row) -> None:
    """A live tick: one file of 40,000 particles into a picture that is there, then to bytes for the browsers."""
    x, y = (big[name][:40_000] for name in ("fsc_small", "pe"))
    out = count_codes(x, y, WHOLE)
    shaded = levels(out)
    candidates = {
        "count": lambda: count_codes(x, y, WHOLE, out),
        "eq_hist": lambda: levels(out),
        "pack": lambda: pack(shaded),
        "decode": lambda: decode(encode({}, shaded)),
    }
    took = measure(f"a live tick, 512 x 512, {kind}", candidates, repeats=25)
    tick = took["count"] + took["eq_hist"] + took["pack"]
    row(f"a new file of 40,000 {kind} particles, to bytes", "ms", 1e3 * tick)


def test_shading(big, kind, measure, row) -> None:
    import datashader.transfer_functions as tf
    import xarray as xr

    counts = count_codes(big["D1"][:1_000_000], big["D2"][:1_000_000], WHOLE)
    named = xr.DataArray(counts, dims=("y", "x"))
    candidates = {"ours": lambda: levels(counts), "datashader": lambda: tf.shade(named)}
    took = measure(f"shading 512 x 512, {kind}", candidates, repeats=25)
    row(f"shading 512 x 512, {kind}", "ms", 1e3 * took["ours"], peer=1e3 * took["datashader"],
        peer_name="datashader shade, eq_hist", least_ratio=3)  # fmt: skip
