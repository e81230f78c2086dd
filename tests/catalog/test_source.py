"""A reader pointed somewhere: what it opens, which files it has, and how it travels."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import xarray as xr
import yaml

from tests.catalog import small
from workbench.catalog import tree
from workbench.catalog.source import Source
from workbench.core.errors import CatalogError, PluginError, ReaderError, WorkbenchError
from workbench.core.window import ALWAYS, Window


def at(second):
    return np.datetime64(second, "s").astype("datetime64[ns]")


@pytest.fixture
def boxes(tmp_path):
    for i in range(5):
        small.box(tmp_path / f"{i % 2}" / f"{i}.box", [small.line(10 * i + j, f"{i}", j) for j in range(3)])
    (tmp_path / "0" / ".hidden.box").write_text("1\n0 h 0\n")
    (tmp_path / "0" / "notes.txt").write_text("no box")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "9.box").write_text("1\n0 h 0\n")
    return Source("small_boxes", str(tmp_path), every="10s").named("boxes", "Boxes")


def test_open_is_lazy_and_whole(boxes):
    ds = boxes.open()
    assert ds.sizes["time"] == 15
    assert ds["number"].chunks
    xr.testing.assert_identical(boxes.read(), ds.compute())
    xr.testing.assert_identical(boxes.to_dask().compute(), ds.compute())


@pytest.mark.parametrize(
    "window", ["1970-01-01T00:00:05..1970-01-01T00:00:21", Window(at(5), at(21)), slice(at(5), at(21))]
)
def test_a_window_is_the_rows_in_it(boxes, window):
    whole = boxes.open().compute()
    expected = whole.isel(time=(whole["time"].values >= at(5)) & (whole["time"].values < at(21)))
    xr.testing.assert_identical(boxes.open(window).compute().drop_attrs(), expected.drop_attrs())


def test_files_stand_in_the_order_of_time(boxes):
    assert [path.name for path in boxes.files()] == ["0.box", "1.box", "2.box", "3.box", "4.box"]
    assert [path.name for path in boxes.files(Window(at(12), at(30)))] == ["1.box", "2.box"]
    assert [path.name for path in boxes.files(Window(at(13), at(20)))] == []
    assert boxes.span() == Window(at(0), at(42) + np.timedelta64(1, "ns"))


def test_files_are_those_of_the_reader(boxes, tmp_path):
    from workbench.readers.reader import Reader

    for url in (str(tmp_path), str(tmp_path / "*"), str(tmp_path / "**" / "*.box"), str(tmp_path / "?" / "[0-2].box"),
                str(tmp_path / "0" / "2.box"), [str(tmp_path / "1"), str(tmp_path / "0" / "*")]):  # fmt: skip
        found = Source("small_boxes", url).files()
        assert sorted(found) == sorted(Reader.files(small.Boxes(), url))
        assert found


def test_new_rewritten_and_broken_files_are_seen(boxes, tmp_path):
    assert len(boxes.files()) == 5
    small.box(tmp_path / "new" / "deep" / "7.box", [small.line(70, "7", 1)])
    small.box(tmp_path / "new" / "8.box", [small.line(80, "8", 1)], claimed=2)
    small.box(tmp_path / "0" / "0.box", [small.line(900, "0", 1)])
    assert {path.name for path in boxes.files()} == {"0.box", "1.box", "2.box", "3.box", "4.box", "7.box", "8.box"}
    assert [path.name for path in boxes.files(Window(at(60), at(1000)))] in (["7.box", "0.box"], ["0.box", "7.box"])
    assert boxes.span() == Window(at(10), at(900) + np.timedelta64(1, "ns"))
    ds = boxes.open()
    assert ds.attrs["refused"].splitlines() == [str(caught(small.Boxes().whole, str(tmp_path / "new" / "8.box")))]


def caught(call, *args):
    with pytest.raises(ReaderError) as error:
        call(*args)
    return error.value


def test_nothing_written_yet(tmp_path):
    source = Source("small_boxes", str(tmp_path)).named("empty")
    ds = source.open("last 1h")
    assert dict(ds.sizes) == {"time": 0}
    assert set(ds.data_vars) == {"name", "number"}
    assert ds["number"].attrs["units"] == "psi"
    assert (source.files(), source.span()) == ([], None)
    assert source.changed()[0].sizes["time"] == 0


@pytest.mark.parametrize("call", [Source.open, Source.files, Source.span, Source.changed])
def test_a_url_that_leads_nowhere_is_an_error(tmp_path, call):
    with pytest.raises(ReaderError, match="no such file or folder"):
        call(Source("small_boxes", str(tmp_path / "nowhere")))


def test_it_may_come_later(tmp_path):
    source = Source("small_boxes", str(tmp_path / "later"))
    with pytest.raises(ReaderError):
        source.changed()
    small.box(tmp_path / "later" / "1.box", [small.line(1, "a", 1)])
    ds, cursor = source.changed()
    assert ds.sizes["time"] == 1
    (tmp_path / "later").rename(tmp_path / "gone")
    with pytest.raises(ReaderError):
        source.changed(cursor)
    (tmp_path / "gone").rename(tmp_path / "later")
    assert source.changed(cursor)[0].sizes["time"] == 0


@pytest.mark.timeout(60)
def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.box")
    assert Source("small_boxes", str(tmp_path)).files() == []
    assert Source("small_boxes", str(tmp_path)).changed()[0].sizes["time"] == 0
    for url in (str(tmp_path / "pipe.box"), "/dev/zero"):
        with pytest.raises(ReaderError, match="neither a file nor a folder"):
            Source("small_boxes", url).open()


def test_links_that_go_in_circles_end(boxes, tmp_path):
    (tmp_path / "0" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert {path.name for path in boxes.files()} == {"0.box", "1.box", "2.box", "3.box", "4.box"}


def test_a_place_that_is_far_too_large_is_refused(boxes, monkeypatch):
    monkeypatch.setattr(tree, "_MOST", 2)
    with pytest.raises(ReaderError, match="more than 2 folders"):
        boxes.files()


def test_the_root_of_the_data_is_expanded_when_it_is_used(tmp_path, monkeypatch):
    source = Source("small_boxes", "${WORKBENCH_DATA}/x").named("s")
    with pytest.raises(WorkbenchError, match=r"source s: .* needs \$WORKBENCH_DATA, which is not set; give --data DIR"):
        source.open()
    small.box(tmp_path / "x" / "1.box", [small.line(1, "a", 1)])
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    assert source.open().sizes["time"] == 1
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(ReaderError):
        source.open()


@pytest.mark.parametrize("url", ["s3://a/b", "simplecache::/x", "$HOME/x", "${PATH}", "file:///etc", "/a\nb", "/a\0"])
def test_only_paths_are_opened(url):
    with pytest.raises(WorkbenchError):
        Source("small_boxes", url).open()


def test_options_go_to_the_reader(tmp_path):
    (tmp_path / "a.lines").write_text("1 a 3\n")
    source = Source("small_lines", str(tmp_path), factor=2.0)
    assert source.open()["number"].values.tolist() == [6.0]
    assert source.changed()[0]["number"].values.tolist() == [6.0]
    with pytest.raises(CatalogError, match=r"'fcator' is not an option of small_lines; did you mean 'factor'"):
        Source("small_lines", "/x", fcator=2)


def test_what_is_not_in_this_version_is_said():
    with pytest.raises(CatalogError, match="'bucket' is not in this version"):
        Source("nmea_log", "/x", bucket="b")
    with pytest.raises(CatalogError, match="'inputs' is missing"):
        Source(product="seaflow", inputs={})
    with pytest.raises(CatalogError, match="'reader' is missing"):
        Source(url="/x")
    with pytest.raises(CatalogError, match="'url' is missing"):
        Source("nmea_log")
    with pytest.raises(PluginError, match="Did you mean 'nmea_log'"):
        Source("nmea_lgo", "/x")


def test_what_the_reader_provides(boxes):
    assert list(boxes.variables()) == ["time", "name", "number"]
    assert boxes.variables()["number"].unit == "psi"
    assert not boxes.is_particles
    assert Source("seaflow_evt", "/x").is_particles


def test_columns_are_plain_arrays(boxes):
    columns = boxes.columns(boxes.files()[1], ["number", "time"])
    assert list(columns) == ["number", "time"]
    assert columns["number"].tolist() == [0.0, 1.0, 2.0]
    assert type(columns["number"]) is np.ndarray


def test_it_travels(boxes):
    again = pickle.loads(pickle.dumps(boxes))
    assert (again.name, again.description, again.every, again.url) == (boxes.name, "Boxes", boxes.every, boxes.url)
    assert again == boxes
    assert hash(again) == hash(boxes)
    assert again != boxes.configure_new(every="1s")
    xr.testing.assert_identical(again.open().compute(), boxes.open().compute())


def test_it_says_what_it_is(boxes, tmp_path):
    assert repr(boxes) == f"<Source boxes: small_boxes at {tmp_path}>"
    assert yaml.safe_load(boxes.yaml()) == {
        "sources": {
            "boxes": {
                "driver": "workbench", "description": "Boxes",
                "args": {"reader": "small_boxes", "url": str(tmp_path), "every": "10s"},
            }
        }
    }  # fmt: skip
    assert "<script>" not in boxes.named("<script>")._repr_html_()
    assert boxes.describe()["driver"] == "workbench"
    assert boxes.discover()["npartitions"] == 1


def test_it_is_shown_in_a_notebook_without_reading(tmp_path, monkeypatch):
    shown = []
    import IPython.display

    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    Source("small_boxes", str(tmp_path / "nowhere")).named("s")._ipython_display_()
    assert set(shown[0]) == {"text/plain", "text/html"}


def test_a_new_folder_listing_costs_nothing_when_nothing_changed(boxes, monkeypatch):
    boxes.files()
    cursor = boxes.changed()[1]
    tree = boxes.origin._looked[1]
    for listed in tree._listed.values():  # as if the folders had been quiet for a while
        listed.mtime = os.stat(next(p for p, k in tree._listed.items() if k is listed)).st_mtime_ns
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail(f"{path} listed again"))
    assert len(boxes.files()) == 5
    assert boxes.changed(cursor)[0].sizes["time"] == 0
    assert boxes.files(ALWAYS)


def test_what_an_engine_has_not_written_yet_is_no_data_and_no_fault(tmp_path):
    """Particles in the cruise folder before the engine ran; elsewhere a missing folder is an error."""
    from workbench.catalog.cruise import open_cruise
    from workbench.live.particle_feed import ParticleFeed

    text = """
metadata:
  cruise: {{id: X, start: "2025-01-14", end: "2025-01-20"}}
  board: [{{view: cytogram, source: vct, by: population}}]
sources:
  vct: {{driver: workbench, description: d, args: {{reader: seaflow_vct, url: "{{{{ CATALOG_DIR }}}}/{where}/particles/vct"}}}}
"""
    path = tmp_path / "c.yaml"
    path.write_text(text.format(where="X.cruise"))
    source = open_cruise(path)["vct"]
    assert source.span() is None and source.open().sizes["particle"] == 0 and source.files() == []
    feed = ParticleFeed(source)
    feed.poll()
    assert feed.fault is None
    path.write_text(text.format(where="elsewhere"))
    feed = ParticleFeed(open_cruise(path)["vct"])
    feed.poll()
    assert "no such file or folder" in feed.fault
