"""Products as Sources: what they open, what is new, and that they travel."""

from __future__ import annotations

import gc
import pickle
import weakref

import intake
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog import small
from workbench.catalog.cruise import open_cruise
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window

TEXT = """\
metadata: {cruise: {id: x}}
sources:
  lines: {driver: workbench, args: {reader: small_lines, url: "{{ CATALOG_DIR }}/in"}}
  twice: {driver: workbench, args: {product: small_twice, inputs: {rows: lines}}}
  mean: {driver: workbench, args: {product: small_slope, over: 5, inputs: {rows: lines}}}
  total: {driver: workbench, args: {product: small_sum, factor: 2, inputs: {rows: lines}}}
  again: {driver: workbench, args: {product: small_slope, inputs: {rows: lines}, stale_after: 1h}}
"""


def at(second):
    return np.datetime64(second, "s").astype("datetime64[ns]")


@pytest.fixture
def cruise(catalog, tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path, 0, 6)
    return open_cruise(catalog(TEXT))


def write(folder, first, last):
    with (folder / "in" / "a.lines").open("a") as file:
        file.writelines(small.line(10 * i, "a", i + 1) for i in range(first, last))


def test_a_product_is_what_its_function_says(cruise):
    rows = cruise["lines"].read()
    xr.testing.assert_identical(cruise["total"].open(), small.total(rows, factor=2))
    xr.testing.assert_identical(cruise["mean"].open(), small.slope(rows, over=5))
    assert cruise["total"].count() == 6
    assert cruise["total"].span() == Window(at(0), at(50) + np.timedelta64(1, "ns"))
    assert cruise["twice"].variables()["double"].unit == "psi"
    assert "total" in cruise["total"].variables()
    assert cruise["total"].files() == []
    assert repr(cruise["total"]) == "<Source total: small_sum of lines>"
    assert "small_sum" in repr(cruise)


@pytest.mark.parametrize("name", ["twice", "mean", "again", "total"])
@given(start=st.integers(-5, 60), length=st.integers(0, 60))
@settings(max_examples=20, deadline=None, suppress_health_check=list(__import__("hypothesis").HealthCheck))
def test_a_window_is_the_whole_cut(cruise, name, start, length):
    """However far a product reaches, a window holds the rows of the whole."""
    whole = cruise[name].open().load()
    window = Window(at(start), at(start + length))
    cut = whole.isel(time=window.contains(whole["time"].values))
    xr.testing.assert_allclose(cruise[name].open(window), cut)


@pytest.mark.parametrize("name", ["twice", "mean", "total"])
def test_changes_add_up(cruise, tmp_path, name):
    """Rows given so far, less those that are replaced, are what it opens."""
    pieces, cursor = [], None
    for step in range(5):
        new, cursor = cruise[name].changed(cursor)
        if new.attrs["replaces"]:
            pieces.clear()
        pieces.append(new)
        if step in (0, 2):
            write(tmp_path, 6 + step, 8 + step)
    rows = xr.concat(pieces, "time", data_vars="all", combine_attrs="drop").drop_attrs()
    xr.testing.assert_identical(rows, cruise[name].open().load().drop_attrs())
    assert rows.sizes["time"] == 10
    assert cruise[name].changed(cursor)[0].sizes["time"] == 0


def test_it_is_made_again_only_when_an_input_changed(cruise, tmp_path, monkeypatch):
    calls = []
    product = cruise["total"].origin.product
    monkeypatch.setattr(cruise["total"].origin, "product", lambda **given: calls.append(1) or product(**given))
    _, cursor = cruise["total"].changed()
    cruise["total"].open()
    cruise["total"].changed(cursor)
    assert len(calls) == 1
    write(tmp_path, 6, 7)
    new, _ = cruise["total"].changed(cursor)
    assert new.attrs["replaces"] and new.sizes["time"] == 7
    assert len(calls) == 2


def test_what_a_feed_took_is_not_kept_for_others_until_somebody_opens_it(cruise, tmp_path, monkeypatch):
    calls = []
    origin = cruise["total"].origin
    product = origin.product
    monkeypatch.setattr(origin, "product", lambda **given: calls.append(1) or product(**given))
    _, cursor = cruise["total"].changed()
    write(tmp_path, 6, 7)
    new, cursor = cruise["total"].changed(cursor)
    held = weakref.ref(next(iter(new.data_vars.values())).to_numpy())
    rows = new.load().copy(deep=True).drop_attrs()
    del new
    gc.collect()
    assert held() is None and len(calls) == 2
    nothing, _ = cruise["total"].changed(cursor)
    assert nothing.sizes["time"] == 0 and len(calls) == 2
    for _ in range(2):  # who opens it finds it again: made once, and kept from now on
        xr.testing.assert_identical(cruise["total"].open().load().drop_attrs(), rows)
        assert len(calls) == 3


def test_it_travels_with_its_inputs(cruise):
    again = pickle.loads(pickle.dumps(cruise["total"]))
    xr.testing.assert_identical(again.open(), cruise["total"].open())


def test_plain_intake_opens_it(cruise):
    plain = intake.open_catalog(str(cruise.path))
    xr.testing.assert_identical(plain["total"].read(), cruise["total"].open())


def test_alone_it_says_where_its_inputs_are_sought():
    from workbench.catalog.source import Source

    with pytest.raises(WorkbenchError, match="open it from its catalog"):
        Source(product="small_sum", inputs={"rows": "lines"}).named("s").open()


def test_what_a_product_makes_must_have_times(cruise, monkeypatch):
    monkeypatch.setattr(cruise["total"].origin, "product", lambda **given: xr.Dataset())
    with pytest.raises(WorkbenchError, match="'total' made no dataset with a time"):
        cruise["total"].open()


def test_a_feed_of_it_follows(cruise, tmp_path):
    from workbench.live.feed import open_feed

    feed = open_feed(cruise["total"])
    feed.poll()
    assert (feed.rows, feed.fault) == (6, None)
    write(tmp_path, 6, 9)
    assert feed.poll()
    assert feed.rows == 9
    assert feed.snapshot.dataset["total"].values[-1] == 2 * 45
