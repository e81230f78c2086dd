"""The catalogs that come with the project: they pass, they agree, and they open real data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import intake
import numpy as np
import pytest
import xarray as xr
import yaml

from workbench.apps import demo
from workbench.catalog import schema
from workbench.catalog.check import problems, remarks
from workbench.catalog.cruise import open_cruise
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.simulate import cruise as simulation

NAMES = ("demo", "testcruise", "nbp1406")


@pytest.fixture(params=NAMES)
def path(request, root) -> Path:
    return root / "catalogs" / f"{request.param}.yaml"


def test_no_mistakes(path, tmp_path):
    assert problems(path, data=tmp_path) == []


def test_the_schema_is_current(root):
    assert (root / "catalogs" / "schema.json").read_text(encoding="utf-8") == schema.text(), (
        "python -m workbench.catalog.schema"
    )


def test_the_schema_says_what_the_checks_say(path, root):
    jsonschema = pytest.importorskip("jsonschema")
    from workbench.catalog import document

    known = json.loads((root / "catalogs" / "schema.json").read_text())
    checker = jsonschema.Draft202012Validator(known)
    values = document.read(path).values
    assert list(checker.iter_errors(values)) == []
    assert list(checker.iter_errors({**values, "tasks": []}))
    values["metadata"]["cruise"]["shipp"] = "x"
    assert list(checker.iter_errors(values))


def test_editors_find_the_schema(path):
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_the_demo_is_what_the_simulation_writes(root):
    ours = yaml.safe_load((root / "catalogs" / "demo.yaml").read_text())
    written = yaml.safe_load(simulation.catalog(simulation.Parameters(7, 20_000, str(simulation.START)), demo.LENGTH))
    assert ours["metadata"].pop("record") == f"{{{{ CATALOG_DIR }}}}/../demo-data/{simulation.ID}.cruise"
    for source in written["sources"].values():
        for key in {"url", "listen", "size_table"} & source["args"].keys():
            source["args"][key] = source["args"][key].replace("{{ CATALOG_DIR }}", "{{ CATALOG_DIR }}/../demo-data")
    assert ours == written


def test_the_demo_opens_a_simulated_cruise(root, tmp_path):
    simulation.write(tmp_path / "demo-data", days=0.02, particles=500)
    (tmp_path / "catalogs").mkdir()
    copy = tmp_path / "catalogs" / "demo.yaml"
    copy.write_text((root / "catalogs" / "demo.yaml").read_text())
    here, there = open_cruise(copy), open_cruise(tmp_path / "demo-data" / "catalog.yaml")
    plain = intake.open_catalog(str(copy))
    assert here.folder == there.folder
    assert here.kpis == there.kpis
    assert here.board == there.board
    assert remarks(copy) == []
    for name in there:
        xr.testing.assert_identical(here[name].open().compute(), there[name].open().compute())
        xr.testing.assert_identical(here[name].open().compute(), plain[name].to_dask().compute())
        made = here[name].listen == "udp://127.0.0.1:0" or name == "vct"  # no engine ran yet
        assert (max(here[name].open().sizes.values()) > 0) is not made


def test_particles_of_the_demo_come_with_their_populations_when_the_engine_has_worked(root, tmp_path, data):
    """Before there is nothing, which is no fault; nothing is opened anew when it comes."""
    simulation.write(tmp_path, days=0.01, particles=500)
    cruise = open_cruise(tmp_path / "catalog.yaml", record=tmp_path / "elsewhere")
    feeds = Feeds(cruise)
    feeds.poll()
    feed = feeds["vct"]
    assert (feed.rows, feed.fault, feeds.stale("vct")) == (0, None, False)
    assert remarks(cruise.path) == []
    written = data / "seaflow" / "testcruise" / "vct_plan"
    shutil.copytree(written, tmp_path / "elsewhere" / "particles" / "vct")
    assert feed.poll() and feed.rows == 710 + 314 and feed.fault is None
    assert "pop_q50" in feed.groups
    plain = intake.open_catalog(str(cruise.path))["vct"]
    assert plain.to_dask().sizes["file"] == 0  # of the folder beside the catalog


def test_the_test_cruise(root, data):
    cruise = open_cruise(root / "catalogs" / "testcruise.yaml", data=data)
    assert remarks(cruise.path, data=data) == []
    assert cruise.finished
    ds = cruise["seaflow"].open()
    assert ds.sizes["particle"] == 5 * 40_000
    first = ds.isel(particle=slice(0, 40_000))
    assert [int(first[name].astype(np.int64).sum()) for name in ("D1", "D2", "fsc_small", "pe", "chl_small")] == [
        639422192, 522251760, 65239168, 151654274, 272846193,
    ]  # fmt: skip
    assert len(ds.attrs["refused"].splitlines()) == 5
    assert cruise["sfl"].open().sizes["time"] == 9
    found = cruise["populations"].open()
    np.testing.assert_allclose(
        [float(found[name].sum()) for name in ("n_count", "abundance", "abundance_se")],
        [1878, 43.5544, 2.04763],
        rtol=5e-6,
    )  # what the SFL file says; the one in the databases says 12.00 psi for the last file: 43.6686, 2.05291
    assert len(cruise["seaflow"].files()) == 10
    assert len(cruise["seaflow"].files("2014-07-04T01:00..2014-07-04T01:20")) == 2
    assert cruise["seaflow"].open("2014-07-04T01:00..2014-07-04T01:20").sizes["file"] == 2
    changed, cursor = cruise["seaflow"].changed()
    assert changed.sizes == ds.sizes
    assert changed.attrs["refused"] == ds.attrs["refused"]
    assert cruise["seaflow"].changed(json.loads(json.dumps(cursor)))[0].sizes["particle"] == 0


def test_nbp1406(root, data):
    cruise = open_cruise(root / "catalogs" / "nbp1406.yaml", data=data)
    assert remarks(cruise.path, data=data) == []
    ds = cruise["underway"].open().compute()
    fixes = ds.isel(time=np.isfinite(ds["latitude"].values))
    assert np.isclose(float(fixes["latitude"][0]), -22.0018483, atol=1e-7)
    assert np.isclose(float(fixes["longitude"][-1]), -17.9580083, atol=1e-7)
    for name, source in cruise.items():
        whole = source.open().compute()
        assert whole.sizes["time"] > 600, name
        changed, _ = source.changed()
        for variable in whole.variables:
            np.testing.assert_array_equal(changed[variable].values, whole[variable].values)


@pytest.mark.parametrize("name", ["testcruise", "nbp1406"])
def test_plain_intake_opens_them(root, data, name, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(data))
    path = root / "catalogs" / f"{name}.yaml"
    plain, cruise = intake.open_catalog(str(path)), open_cruise(path)
    assert list(plain) == list(cruise)
    for source in cruise:
        theirs, ours = plain[source].to_dask(), cruise[source].open()
        assert theirs.sizes == ours.sizes
        assert theirs.attrs == ours.attrs
        xr.testing.assert_identical(theirs.compute(), ours.compute())


@pytest.mark.parametrize("name", ["testcruise", "nbp1406"])
def test_a_window_opens_the_rows_in_it(root, data, name):
    for source in open_cruise(root / "catalogs" / f"{name}.yaml", data=data).values():
        whole = source.open().compute()
        dim = "file" if source.is_particles else "time"
        times = whole["time"].values
        window = Window(times[len(times) // 3], times[2 * len(times) // 3])
        assert source.open(window).sizes[dim] == int(window.contains(times).sum())


def test_a_growing_feed_of_real_lines(data, tmp_path):
    """Real files, arriving in pieces cut anywhere, add up to the whole."""
    from workbench.catalog.source import Source

    origin = data / "underway" / "NBP1406" / "PCOD" / "raw" / "NBP1406_PCOD-2014-08-01"
    raw = origin.read_bytes()
    copy = tmp_path / origin.name
    source, cursor, pieces = Source("nmea_log", str(tmp_path)), None, []
    random = np.random.default_rng(3)
    for end in [0, *np.sort(random.integers(0, len(raw), 12)).tolist(), len(raw)]:
        copy.write_bytes(raw[:end]) if not copy.exists() else copy.open("ab").write(raw[copy.stat().st_size : end])
        ds, cursor = source.changed(cursor)
        assert not ds.attrs["replaces"]
        if ds.sizes["time"]:
            pieces.append(ds)
    both, whole = xr.concat(pieces, "time"), source.open().compute()
    for name in whole.variables:
        np.testing.assert_array_equal(both[name].values, whole[name].values, err_msg=str(name))
