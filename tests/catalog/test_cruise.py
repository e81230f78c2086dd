"""A catalog opened: Sources by name, and what is declared about them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import intake
import numpy as np
import pytest

from tests.catalog import small
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.catalog.declared import REDUCTIONS, VIEW_OPTIONS, BoardItem, Kpi
from workbench.catalog.model import KpiModel
from workbench.core import clock, plugins
from workbench.core.clock import Clock
from workbench.core.errors import CatalogError

TEXT = """\
metadata:
  cruise: {id: X1, ship: R/V X, title: "<b>", start: 2023-01-12, end: 2023-02-20}
  board: [{view: tiles}, {view: series, source: a, variables: [number, b.number], title: Numbers}]
  kpis:
    p: {source: a, variable: number, reduce: mean, over: 2 min, expect: [11.5, null], unit: kPa, label: Pressure}
    q: {source: b, variable: number}
sources:
  a: {driver: workbench, description: "A & <i>", args: {reader: small_lines, url: "{{ CATALOG_DIR }}/a", every: 1s, stale_after: 1min, factor: 2}}
  b: {driver: workbench, args: {reader: small_boxes, url: ["{{CATALOG_DIR}}/b", $WORKBENCH_DATA/b]}}
"""


@pytest.fixture
def cruise(catalog, tmp_path):
    return open_cruise(catalog(TEXT), data=tmp_path / "data")


def test_it_is_a_mapping_of_sources(cruise, tmp_path):
    assert isinstance(cruise, Cruise)
    assert list(cruise) == ["a", "b"]
    assert len(cruise) == 2
    a, b = cruise["a"], cruise["b"]
    assert (a.name, a.description, a.reader, a.url) == ("a", "A & <i>", "small_lines", str(tmp_path / "a"))
    assert a.options == {"factor": 2}
    assert (a.every, a.stale_after) == (np.timedelta64(10**9, "ns"), np.timedelta64(60 * 10**9, "ns"))
    assert b.url == (str(tmp_path / "b"), str(tmp_path / "data" / "b"))
    assert (b.description, b.every, b.stale_after, b.options) == ("", None, None, {})


def test_an_unknown_source_is_told_with_the_nearest(cruise):
    with pytest.raises(KeyError, match=r"no source 'aa'\. Did you mean 'a'"):
        cruise["aa"]
    assert "aa" not in cruise
    assert cruise.get("aa") is None


def test_what_is_declared(cruise):
    assert (cruise.id, cruise.ship, cruise.title) == ("X1", "R/V X", "<b>")
    assert cruise.start == np.datetime64("2023-01-12", "ns")
    assert cruise.end == np.datetime64("2023-02-21", "ns")
    assert cruise.board == (
        BoardItem("tiles"),
        BoardItem("series", "a", {"variables": ("number", "b.number"), "title": "Numbers"}),
    )
    two = np.timedelta64(120 * 10**9, "ns")
    assert cruise.kpis == {
        "p": Kpi("p", "a", "number", "mean", two, (11.5, np.inf), "kPa", "Pressure"),
        "q": Kpi("q", "b", "number", "last", 5 * two, None, None, None),
    }


def test_the_clock_decides_whether_it_is_finished(cruise):
    moment = np.datetime64("2023-02-20T23:59:59", "ns")
    clock.use(Clock(moment, 0.0, 0.0))
    assert not cruise.finished
    assert cruise.now() == moment
    clock.use(Clock(moment + np.timedelta64(1, "D"), 0.0, 0.0))
    assert cruise.finished
    assert cruise.now() == cruise.end


def test_the_last_hour_of_a_finished_cruise_is_its_own(catalog, tmp_path):
    cruise = open_cruise(catalog(TEXT), data=tmp_path)
    small.box(
        tmp_path / "b" / "x.box",
        [small.line(int(cruise.end.astype("M8[s]").astype(int)) - s, "x", s) for s in (7200, 60)],
    )
    for source in (cruise["b"], pickle.loads(pickle.dumps(cruise["b"])), cruise["b"].configure_new(every="1s")):
        assert source.open("last 1h")["number"].values.tolist() == [60.0]
        assert source.open("now-3h..now-1h")["number"].values.tolist() == [7200.0]


def test_an_endless_cruise_is_never_finished(catalog):
    cruise = open_cruise(catalog("metadata: {cruise: {id: x}}\nsources: {}"))
    assert (cruise.start, cruise.end, cruise.finished, cruise.board, len(cruise)) == (None, None, False, (), 0)


def test_where_the_cruise_folder_is(catalog, tmp_path, monkeypatch):
    plain = catalog("metadata: {cruise: {id: x}}\nsources: {}")
    said = catalog("metadata: {cruise: {id: x}, record: $WORKBENCH_DATA/here}\nsources: {}", "said.yaml")
    assert open_cruise(plain).folder == tmp_path / "x.cruise"
    assert open_cruise(said, data="/data").folder == Path("/data/here")
    monkeypatch.setenv("WORKBENCH_RECORD", str(tmp_path / "environment"))
    assert open_cruise(said, data="/data").folder == tmp_path / "environment"
    monkeypatch.chdir(tmp_path)
    assert open_cruise(said, data="/data", record="given").folder == tmp_path / "given"
    assert not (tmp_path / "given").exists()
    assert not (tmp_path / "x.cruise").exists()


def test_a_url_may_be_in_the_cruise_folder(catalog, tmp_path, monkeypatch):
    """Wherever that is; what is missing there was not written yet."""
    text = "metadata: {cruise: {id: x}%s}\nsources: {b: {driver: workbench, args: {reader: small_boxes, url: %s}}}"
    path = catalog(text % ("", "$WORKBENCH_RECORD/made"))
    for record in (None, tmp_path / "other"):
        source = open_cruise(path, record=record)["b"]
        place = (record or tmp_path / "x.cruise") / "made"
        assert source.places() == (str(place),)
        assert source.open().sizes["time"] == source.changed()[0].sizes["time"] == len(source.files()) == 0
        small.box(place / "x.box", [small.line(1, "x", 1)])
        for each in (source, pickle.loads(pickle.dumps(source)), source.configure_new(every="1s")):
            assert each.open().sizes["time"] == each.changed()[0].sizes["time"] == 1
    plain = intake.open_catalog(str(path))["b"]
    assert plain.places() == (str(tmp_path / "x.cruise" / "made"),)
    said = catalog(text % (", record: '{{ CATALOG_DIR }}/said'", "'${WORKBENCH_RECORD}/made'"), "said.yaml")
    assert intake.open_catalog(str(said))["b"].places() == (str(tmp_path / "said" / "made"),)
    monkeypatch.setenv("WORKBENCH_RECORD", str(tmp_path / "environment"))
    assert plain.places() == open_cruise(path)["b"].places() == (str(tmp_path / "environment" / "made"),)


def test_the_cruise_folder_is_not_in_itself(catalog):
    path = catalog("metadata: {cruise: {id: x}, record: $WORKBENCH_RECORD/here}\nsources: {}")
    with pytest.raises(CatalogError, match="is this folder itself"):
        open_cruise(path)


def test_opening_follows_the_clock_of_the_cruise_folder(catalog, tmp_path):
    path = catalog("metadata: {cruise: {id: x, end: 2020-01-02}}\nsources: {}")
    Clock(np.datetime64("2020-01-01T00:00", "ns"), 0.0, 0.0).save(tmp_path / "x.cruise")
    assert not open_cruise(path).finished
    assert clock.now() == np.datetime64("2020-01-01T00:00", "ns")


def test_the_catalog_may_lie_anywhere(tmp_path, monkeypatch):
    folder = tmp_path / "a [b] {{ 7*7 }} $WORKBENCH_DATA ü"
    small.box(folder / "b" / "x.box", [small.line(1, "x", 1)])
    (folder / "c.yaml").write_text(
        'metadata: {cruise: {id: x}}\nsources: {b: {driver: workbench, args: {reader: small_boxes, url: "{{ CATALOG_DIR }}/b/*.box"}}}'
    )
    monkeypatch.chdir(folder)
    cruise = open_cruise("c.yaml")
    monkeypatch.chdir(tmp_path)
    assert cruise.path == folder / "c.yaml"
    assert cruise["b"].files() == [folder / "b" / "x.box"]
    assert cruise["b"].open().sizes["time"] == 1
    assert cruise["b"].changed()[0].sizes["time"] == 1


def test_people_see_what_is_in_it(cruise):
    assert repr(cruise).splitlines() == [
        "<Cruise X1 on R/V X: 2 sources>", "  a  small_lines  A & <i>", "  b  small_boxes",
    ]  # fmt: skip
    shown = cruise._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "A &amp; &lt;i&gt;" in shown


def test_it_goes_to_another_process(cruise):
    again = pickle.loads(pickle.dumps(cruise))
    assert repr(again) == repr(cruise)
    assert dict(again) == dict(cruise)
    assert (again.board, again.kpis, again.folder) == (cruise.board, cruise.kpis, cruise.folder)


def test_opening_reads_no_data(catalog, tmp_path):
    small.box(tmp_path / "b" / "x.box", [], claimed=10)
    os.mkfifo(tmp_path / "b" / "pipe.box")
    assert open_cruise(catalog(TEXT), data=tmp_path)["b"]


def test_the_models_and_the_values_agree():
    assert KpiModel.model_fields["reduce"].annotation.__args__ == REDUCTIONS
    assert (
        set(VIEW_OPTIONS)
        == {
            "cruise_map",
            "cytogram",
            "series",
            "populations",
            "t_s",
            "by_latitude",
            "tiles",
            "files",
            "operations",
            "file_cytogram",
            "file",
            "corrected",
            "corrected_by_latitude",
            "gate_editor",
            "filter_editor",
        }
        <= set(plugins.names("workbench.views"))
    )


def test_opening_imports_no_picture_libraries(root):
    code = (
        "import sys; from workbench import open_cruise; open_cruise('catalogs/demo.yaml'); "
        "print([m for m in ('panel', 'bokeh', 'holoviews', 'datashader') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
