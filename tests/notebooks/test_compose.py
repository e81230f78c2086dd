"""What the workbench gives is ordinary: hvPlot and Matplotlib draw its datasets, and their pictures stand beside ours."""

from __future__ import annotations

from pathlib import Path

import holoviews as hv
import numpy as np
import pytest

import workbench

pytestmark = pytest.mark.notebook
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cruise(data):
    return workbench.open_cruise(ROOT / "catalogs" / "testcruise.yaml", data=data)


def test_hvplot_draws_our_datasets_over_and_beside_ours(cruise):
    import hvplot.xarray  # noqa: F401

    sfl = cruise["sfl"].open().load()
    theirs = sfl.hvplot.line(x="time", y="salinity")
    ours = sfl.cruise.series("salinity")
    (curve,) = theirs.traverse(lambda each: each, [hv.Curve])
    assert np.array_equal(curve.dimension_values("salinity"), sfl["salinity"].values, equal_nan=True)
    hv.extension("bokeh")
    assert hv.render(theirs + sfl.hvplot.scatter(x="salinity", y="sea_water_temperature")) is not None
    assert hv.render(hv.Layout([*ours.traverse(lambda each: each, [hv.Curve]), theirs])) is not None


def test_matplotlib_draws_our_datasets(cruise):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    sfl = cruise["sfl"].open()
    figure, axes = pyplot.subplots()
    sfl["salinity"].plot(ax=axes)
    (line,) = axes.lines
    assert np.array_equal(line.get_ydata(), sfl["salinity"].values, equal_nan=True)
    assert axes.get_ylabel()
    figure.canvas.draw()
    pyplot.close(figure)


def test_our_elements_are_drawn_by_matplotlib_too(cruise):
    import matplotlib as mpl

    mpl.use("agg")
    hv.extension("matplotlib")
    try:
        ours = cruise["sfl"].open().cruise.series("salinity")
        curves = ours.traverse(lambda each: each, [hv.Curve])
        assert hv.render(curves[0].clone(), backend="matplotlib") is not None
    finally:
        hv.extension("bokeh")
