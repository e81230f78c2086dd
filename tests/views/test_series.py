"""Time series: gaps stay open, envelopes hold the data, a person's range reaches the session."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.live.standin import Item, RowSource, StandInCruise, at, stop_clock
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views import say
from workbench.views.curves import columns, shown
from workbench.views.navigator import Navigator
from workbench.views.navigator import columns as strip
from workbench.views.series import Mark, Series, draw, look, marks_columns

T0 = np.datetime64("2024-01-01T00:00:00", "ns")


def dataset(seconds: list[int], values: list[float], **more: list[float]) -> xr.Dataset:
    time = (T0 + np.array(seconds, "timedelta64[s]")).astype("M8[ns]")
    data = {"par": values, **more}
    return xr.Dataset({n: ("time", np.array(v, float)) for n, v in data.items()}, {"time": time})


def test_a_gap_over_four_minutes_breaks_the_line() -> None:
    told = columns(dataset([0, 60, 120, 480, 540], [1, 2, 3, 4, 5]), "par")
    assert np.isnan(told["mean"]).tolist() == [False, False, False, True, False, False]
    assert told["time"][3] == pytest.approx((120 + 480) / 2 * 1000 + say.milliseconds(T0))


def test_four_minutes_do_not() -> None:
    assert not np.isnan(columns(dataset([0, 60, 120, 360], [1, 2, 3, 4]), "par")["mean"]).any()


def test_sparse_rows_are_not_all_gaps() -> None:
    told = columns(dataset([0, 3600, 7200, 10800, 36000], [1, 2, 3, 4, 5]), "par")
    assert np.isnan(told["mean"]).sum() == 1


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True).map(sorted))
def test_every_row_is_drawn_once_and_in_order(seconds: list[int]) -> None:
    values = [float(s) for s in seconds]
    told = columns(dataset(seconds, values), "par")
    kept = np.isfinite(told["mean"])
    assert told["mean"][kept].tolist() == values
    assert (np.diff(told["time"]) > 0).all()


def test_the_envelope_is_that_of_the_bins() -> None:
    ds = dataset([0, 60], [2.0, 3.0], par_min=[1.0, 2.0], par_max=[4.0, 9.0])
    told = columns(ds, "par")
    assert told["low"].tolist() == [1.0, 2.0]
    assert told["high"].tolist() == [4.0, 9.0]


def test_a_variable_that_is_not_there_is_no_data() -> None:
    assert all(len(c) == 0 for c in columns(dataset([0], [1]), "salinity").values())
    window = Window(T0, T0 + np.timedelta64(1, "h"))
    told = shown(dataset([0], [1]), "salinity", window)
    assert told["time"].tolist() == [say.milliseconds(t) for t in window], "the axes stand all the same"
    assert np.isnan(told["mean"]).all()
    plot = draw(xr.Dataset(coords={"time": np.empty(0, "M8[ns]")}), "salinity", Window(T0, T0 + np.timedelta64(1, "h")))
    assert plot.renderers


def test_marks() -> None:
    data = marks_columns([Mark(T0, "pump fault", "Ana"), Mark(T0, "wind")])
    assert data["text"].tolist() == ["pump fault (Ana)", "wind"]
    plot = draw(dataset([0, 60], [1, 2]), "par", Window(T0, T0 + np.timedelta64(1, "h")), marks=[Mark(T0, "x")])
    assert {r.name for r in plot.renderers} == {"band", "line", "marks"}


def test_the_strip_is_between_nothing_and_all() -> None:
    told = strip(dataset([0, 60, 120, 2000], [0.0, 500.0, 2000.0, 10.0]), "par")
    good = np.isfinite(told["top"])
    assert told["top"][good].min() > 0
    assert told["top"][good].max() == 1.0
    assert not good.all()


def session() -> Session:
    stop_clock(at(3600))
    source = RowSource("sfl", time=[at(60 * k) for k in range(60)], par=np.arange(60.0), salinity=np.full(60, 35.0))
    feeds = Feeds(StandInCruise(source, board=(Item("series", "sfl", {"variables": ("par",)}),)))
    feeds.poll()
    return Session(feeds)


def test_a_drawn_range_goes_into_the_time_control_and_pauses() -> None:
    s = session()
    look(s, [say.milliseconds(at(600)), say.milliseconds(at(1200.4))])
    assert s.window == Window(at(600), at(1200))
    assert not s.follow


@pytest.mark.parametrize("ends", [[], [5.0], [5.0, 5.0], [6.0, 5.0]])
def test_a_range_that_is_none_changes_nothing(ends: list[float]) -> None:
    s = session()
    before = s.time
    look(s, ends)
    assert s.time == before


@pytest.mark.parametrize("scale", [1e6, 1.0, 3e-5, 2e-12])
def test_small_values_are_no_flat_line_and_steady_ones_no_noise(scale: float) -> None:
    times = np.array([at(i) for i in range(50)])
    moved = scale * (1 + 0.3 * np.sin(np.arange(50)))
    plot = draw(xr.Dataset({"x": ("time", moved)}, {"time": times}), "x", Window(at(0), at(50)))
    assert np.ptp(moved) > plot.y_range.min_interval
    assert plot.y_range.min_interval > 1e-6 * min(scale, 1.0)


def test_values_that_become_small_get_their_axis() -> None:
    s = session()
    view = Series(s)
    view.card()
    assert view._values[0].min_interval == 1e-3
    view._columns = lambda name: {n: np.full(3, 2e-9) for n in ("time", "mean", "low", "high")}  # type: ignore[method-assign]
    view._renew()
    assert view._values[0].min_interval == pytest.approx(1e-12)


def test_choosing_variables_makes_panels() -> None:
    s = session()
    view = Series(s)
    view.card()
    assert [r.name for r in [view.range]] == ["time"]
    assert len(view.stage.figures) == 1
    view._head.chosen = {"key": "variables", "value": ["sfl.salinity", "sfl.par"]}
    assert s.charts == [("sfl.salinity", "sfl.par")]
    assert len(view.stage.figures) == 2
    assert view.stage.names["series:sfl.salinity"]["label"] == "Practical salinity"


def test_new_rows_are_streamed_not_sent_again() -> None:
    s = session()
    s.look(at(0), at(4000))
    view = Series(s)
    view.card()
    source = view._sources[0]
    before = source.data
    s.feeds["sfl"].source.add(at(3600), par=99.0)
    s.feeds.poll()
    assert source.data is before
    assert source.data["mean"][-1] == 99.0


def test_the_brush_is_the_range_of_the_panels() -> None:
    s = session()
    view = Series(s)
    strip_view = Navigator(s, brush=view.range)
    strip_view.bare()
    view.card()
    strip_view.stage.asked = [say.milliseconds(at(60)), say.milliseconds(at(1000))]
    assert s.window == Window(at(60), at(1000))
    assert (view.range.start, view.range.end) == (say.milliseconds(at(60)), say.milliseconds(at(1000)))
    assert (view.range.reset_start, view.range.reset_end) == (view.range.start, view.range.end)


def test_the_strip_shows_par_because_it_tells_day_from_night() -> None:
    s = session()
    assert Navigator(s).variable == "sfl.par"
