"""Plain intake opens the same files with the same result."""

from __future__ import annotations

import intake
import pytest
import xarray as xr

from tests.catalog import small
from workbench.catalog.cruise import open_cruise
from workbench.catalog.source import Source
from workbench.core.errors import WorkbenchError

TEXT = """\
metadata:
  cruise: {id: X1, start: 2023-01-12}
  kpis: {p: {source: a, variable: number}}
sources:
  a: {driver: workbench, description: Lines., args: {reader: small_lines, url: "{{ CATALOG_DIR }}/a", every: 1s, factor: 2}}
  b: {driver: workbench, args: {reader: small_boxes, url: ["{{CATALOG_DIR}}/b", $WORKBENCH_DATA/b]}}
"""


@pytest.fixture
def path(catalog, tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.lines").write_text("1 a 1\n2 a 2\n")
    small.box(tmp_path / "b" / "1.box", ["1 b 1\n"])
    small.box(tmp_path / "data" / "b" / "2.box", ["2 b 1\n"])
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    return catalog(TEXT)


def test_the_same_sources_and_the_same_rows(path):
    plain, cruise = intake.open_catalog(str(path)), open_cruise(path)
    assert list(plain) == list(cruise)
    assert plain.metadata["cruise"]["id"] == cruise.id
    for name, source in cruise.items():
        theirs = plain[name]
        assert type(theirs) is Source
        assert (theirs.name, theirs.description, theirs.options, theirs.every) == (
            source.name, source.description, source.options, source.every,
        )  # fmt: skip
        assert theirs.files() == source.files()
        xr.testing.assert_identical(theirs.to_dask().compute(), source.open().compute())
        xr.testing.assert_identical(theirs.read(), source.read())
        xr.testing.assert_identical(theirs.changed()[0].compute(), source.changed()[0].compute())
        assert theirs.discover()["npartitions"] == 1


def test_intakes_ways_of_asking(path):
    plain = intake.open_catalog(str(path))
    assert plain.a.to_dask().sizes["time"] == 2
    assert plain["a"](factor=3).read()["number"].values.tolist() == [3.0, 6.0]
    assert "small_lines" in repr(plain["a"])
    assert "Lines." in plain["a"].yaml()
    assert intake.open_workbench(reader="small_lines", url=str(path.parent / "a")).read().sizes["time"] == 2


def test_mistakes_are_errors_there_too(catalog):
    def source(args):
        return intake.open_catalog(str(catalog(f"sources: {{a: {{driver: workbench, args: {{{args}}}}}}}")))["a"]

    with pytest.raises(WorkbenchError, match="Did you mean 'small_lines'"):
        source("reader: small_line, url: /x")
    with pytest.raises(WorkbenchError, match="made of itself: a -> a"):
        source("product: small_sum, inputs: {rows: a}").read()
    with pytest.raises(WorkbenchError, match="which is not set"):
        source("reader: small_lines, url: $WORKBENCH_DATA/x").read()
