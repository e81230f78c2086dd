"""Flow, virtual core, abundance and size: published figures and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.abundance import abundance, virtual_core
from workbench.products.seaflow.flow import DETECTABLE_REGION, flow_rate, volume
from workbench.products.seaflow.size import size
from workbench.readers.size_table import read_size_table


def test_flow_rate_is_the_published_one():
    rate, sd = flow_rate([12.0, 12.25, 12.66], "740")
    np.testing.assert_allclose(rate, [3.628371, 3.666970, 3.729452], rtol=2e-7)
    assert sd[0] == pytest.approx(0.170554, rel=2e-6)


def test_one_calibration_tells_no_spread():
    rate, sd = flow_rate([12.0], "130")
    assert np.isfinite(rate).all()
    assert np.isnan(sd).all()


@pytest.mark.parametrize("pressure", [0.0, -1.0, np.nan])
def test_no_pressure_is_no_number(pressure):
    assert np.isnan(flow_rate(pressure, "740")[0])
    assert np.isnan(volume(pressure, 180.0, "740"))


def test_an_unknown_instrument_names_the_known():
    with pytest.raises(WorkbenchError, match=r"'7400'.*Did you mean '740'.*130, 740, 751, 989"):
        flow_rate(12.0, "7400")


ratios = st.lists(st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-4, 0.1))] * 3), min_size=1, max_size=20)


@given(ratios, st.randoms())
def test_the_virtual_core_leaves_zero_files_out_and_knows_no_order(rows, random):
    core = virtual_core(rows)
    kept = [r for r in rows if min(r) > 0]
    if not kept:
        assert np.isnan(core).all()
        return
    np.testing.assert_array_equal(core, np.median(kept, axis=0))
    random.shuffle(rows)
    np.testing.assert_array_equal(core, virtual_core(rows))


@given(st.integers(0, 10**6), st.sampled_from(sorted(DETECTABLE_REGION)), st.floats(1e-3, 0.1), st.floats(5, 20))
def test_abundance_is_count_over_volume_in_the_core(count, instrument, ratio, psi):
    cells, se = abundance(count, ratio=ratio, pressure=psi, duration=180.0, instrument=instrument)
    assert cells == pytest.approx(count / (volume(psi, 180.0, instrument) * ratio), rel=1e-12)
    rate, sd = flow_rate(psi, instrument)
    assert np.isnan(se) if np.isnan(sd) else se == pytest.approx(cells * sd / rate, rel=1e-12)


def test_no_water_is_no_abundance_never_infinity():
    for zero in ({"ratio": 0.0}, {"duration": 0.0}, {"pressure": 0.0}):
        given_ = {"ratio": 0.01, "duration": 180.0, "pressure": 12.0, **zero}
        assert np.isnan(abundance(5, **given_, instrument="740")[0])


TABLE = SizeTable("740", np.array([0.1, 0.2, 0.4, 0.8]), np.arange(24.0).reshape(4, 6))


def test_outside_the_table_its_ends_are_taken():
    rows = size([0.0, 0.1, 0.2, 0.39, 0.4, 0.8, 99.0, np.inf], 0.0, TABLE)[:, 0] / 6
    assert rows.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]


def test_the_size_table_is_read_by_instrument(data):
    path = data / "seaflow" / "calibrated-mie.current.csv"
    table = read_size_table(path, "130")
    assert table.values.shape == (3533, len(COLUMNS))
    assert table.scatter[0] == pytest.approx(0.000501643, rel=1e-6)
    with pytest.raises(WorkbenchError, match="no diam_999_lwr for instrument '999'"):
        read_size_table(path, "999")
    with pytest.raises(ReaderError, match="not a size table"):
        read_size_table(data / "seaflow" / "SFlog.txt", "130")
