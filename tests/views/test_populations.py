"""Populations: a line each, nights behind, nothing at zero on a log axis."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tests.live.standin import Item, RowSource, StandInCruise, at, stop_clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.populations import Populations, night_columns, populations_of


def session(**columns: object) -> Session:
    stop_clock(at(2 * 86400))
    time = [at(180 * k) for k in range(960)]
    light = np.maximum(0, 1500 * np.sin(2 * np.pi * (np.arange(960) / 480 - 0.25)))
    given = columns or {
        "abundance_synecho": np.linspace(1, 100, 960), "abundance_prochloro": np.where(np.arange(960) < 5, 0, 50.0),
        "abundance_odd": np.ones(960), "diameter_synecho": np.full(960, 0.9),
    }  # fmt: skip
    source, sfl = RowSource("pops", time=time, **given), RowSource("sfl", time=time, par=light)
    feeds = Feeds(StandInCruise(source, sfl, board=(Item("populations", "pops"),)))
    feeds.poll()
    return Session(feeds)


def test_populations_stand_in_one_order() -> None:
    names = ["abundance_x", "abundance_croco", "abundance_prochloro", "abundance_se_croco", "diameter_beads"]
    assert populations_of(names, "abundance") == ("prochloro", "croco", "x")
    assert populations_of(names, "biomass") == ()


def test_one_panel_a_quantity_one_line_a_population() -> None:
    view = Populations(session())
    view.card()
    assert view.source == "pops"
    assert view.quantities == ("abundance", "diameter")
    abundance, diameter = view._figures
    lines = [r.name for r in abundance.renderers if r.name.startswith("line:")]
    assert lines == ["line:prochloro", "line:synecho", "line:odd"]
    assert [r.name for r in diameter.renderers if r.name.startswith("line:")] == ["line:synecho"]
    told = view.stage.names["populations:abundance"]
    assert told["lines"]["prochloro"] == "Prochlorococcus"
    assert type(abundance.y_scale).__name__ == "LogScale"
    assert type(diameter.y_scale).__name__ == "LinearScale"
    assert abundance.x_range is diameter.x_range is view.range


def test_what_is_not_above_zero_is_not_on_a_log_axis() -> None:
    s = session()
    s.look(at(0), at(3600))
    view = Populations(s)
    view.card()
    data = next(r for r in view._figures[0].renderers if r.name == "line:prochloro").data_source.data
    assert np.isnan(data["mean"][:5]).all()
    assert (data["mean"][5:] == 50).all()


def test_nights_are_where_par_is_dark() -> None:
    s = session()
    s.time = "all"
    view = Populations(s)
    view.card()
    data = next(r for r in view._figures[0].renderers if r.name == "night").data_source.data
    hours = (np.stack([data["left"], data["right"]]) - float(at(0).astype(np.int64)) / 1e6) / 3.6e6
    np.testing.assert_allclose(hours.T, [[0, 6], [18, 30], [42, 48]], atol=0.3)
    assert night_columns(xr.Dataset(), "par")["left"].size == 0


def test_new_rows_and_new_populations_come() -> None:
    s = session()
    s.look(at(86400), at(3 * 86400))
    view = Populations(s)
    view.card()
    source = next(r for r in view._figures[0].renderers if r.name == "line:synecho").data_source
    before = source.data
    s.feeds["pops"].source.add(at(2 * 86400 + 60), abundance_synecho=7.0)
    s.feeds.poll()
    assert source.data is before and source.data["mean"][-1] == 7.0
    s.feeds["pops"].source.add(at(2 * 86400 + 120), abundance_croco=3.0)
    s.feeds.poll()
    assert "croco" in view.stage.names["populations:abundance"]["lines"]


def test_without_populations_there_is_still_a_card() -> None:
    view = Populations(session(temperature=np.ones(960)), "pops")
    assert view.quantities == ()
    assert view.card() is not None
    assert view.stage.empty == "No populations yet"


def test_where_they_cannot_be_worked_out_the_card_says_why() -> None:
    stop_clock(at(100))
    source = RowSource("pops")
    source.broken = WorkbenchError("there are no filter parameters in the plan yet")
    feeds = Feeds(StandInCruise(source))
    feeds.poll()
    view = Populations(Session(feeds), "pops")
    view.card()
    assert view.stage.empty == "Cannot read pops: there are no filter parameters in the plan yet."
    assert Populations(Session(feeds))._why_not("No populations yet") == "No populations yet", (
        "it is not known to be one"
    )
    source.broken = None
    source.add(at(10), abundance_synecho=7.0)
    feeds.poll()
    assert view.stage.empty == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_draw_is_pure(theme: str) -> None:
    view = Populations(session())
    ds = view.feeds["pops"].snapshot.dataset
    plot = view.draw(ds, "abundance", Window(at(0), at(86400)), theme=theme)
    assert len([r for r in plot.renderers if r.name.startswith("line:")]) == 3


def test_where_no_line_has_anything_something_unseen_holds_the_axes() -> None:
    s = session()
    s.look(at(0), at(3600))
    view = Populations(s)
    view.card()
    papers = [next(r for r in plot.renderers if r.name == "paper").data_source for plot in view._figures]
    assert [paper.data["value"].tolist() for paper in papers] == [[], []]
    s.look(at(9 * 86400), at(10 * 86400))
    assert [paper.data["value"].tolist() for paper in papers] == [[0], [0]]
    s.look(at(0), at(3600))
    assert [paper.data["value"].tolist() for paper in papers] == [[], []]
