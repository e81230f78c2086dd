"""Rows as line protocol: what TSDATA's own converter writes, and any rows at all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.readers.influxdb_answer import tagset
from workbench.readers.influxdb_lines import lines
from workbench.readers.tsdata import Tsdata

HEAD = [
    "fileType", "cruise", "a description", "\t".join(["NA"] * 6),
    "time\tfloat\tinteger\ttext\tcategory\tboolean", "\t".join(["NA"] * 6), "time\tspeed\tdistance\tnotes\tgroup\tflag",
]  # fmt: skip


def test_tsdata_as_its_own_converter_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "example.tsdata"
    rows = ["2017-05-06T19:34:57.601Z\t6.0\t10\tsome notes\tA\tTRUE", "2017-05-06T19:34:58Z\tNA\tNA\tNA\tNA\tNA"]
    path.write_text("\n".join([*HEAD, *rows]) + "\n")
    ds = Tsdata().open_dataset(path)
    found = list(lines(ds, ds.attrs["file_type"], {"cruise": ds.attrs["project"]}))
    assert found == [
        'fileType,group=A,cruise=cruise speed=6.0,distance=10i,notes="some notes",flag=TRUE 1494099297601000000',
        "fileType,cruise=cruise influxMissingData=true 1494099298000000000",
    ]


def test_the_asserted_line(tmp_path: Path) -> None:
    """The line that FORMATS names, byte for byte."""
    path = tmp_path / "example.tsdata"
    time = np.datetime_as_string(np.datetime64(1494100377601000000, "ns"), unit="ms")
    path.write_text("\n".join([*HEAD, f"{time}Z\t6.0\t10\tsome notes\tA\tTRUE"]) + "\n")
    ds = Tsdata().open_dataset(path)
    wanted = 'fileType,group=A,cruise=cruise speed=6.0,distance=10i,notes="some notes",flag=TRUE 1494100377601000000'
    assert list(lines(ds, "fileType", {"cruise": "cruise"})) == [wanted]


def test_rows_of_one_moment_stay_apart() -> None:
    """Also when they come in two calls; written again they get the same numbers."""
    ds = xr.Dataset({"a": ("time", [1.0, 2.0, 3.0])}, {"time": np.array([5, 5, 5], "M8[ns]")})
    whole = list(lines(ds, "m"))
    assert whole == ["m a=1.0 5", "m,seq=1 a=2.0 5", "m,seq=2 a=3.0 5"]
    seen: dict[str, int] = {}
    parts = [line for k in range(3) for line in lines(ds.isel(time=[k]), "m", seen=seen)]
    assert parts == whole


def test_dims_beside_time_are_tags() -> None:
    ds = xr.Dataset(
        {"abundance": (("time", "population"), [[1.0, 2.0], [np.nan, 4.0]]), "temperature": ("time", [9.0, 8.0])},
        {"time": np.array([1, 2], "M8[ns]"), "population": ["pro", "syn"]},
    )
    assert list(lines(ds, "m")) == [
        "m,population=pro abundance=1.0,temperature=9.0 1", "m,population=pro temperature=8.0 2",
        "m,population=syn abundance=2.0,temperature=9.0 1", "m,population=syn abundance=4.0,temperature=8.0 2",
    ]  # fmt: skip


def test_no_time_and_no_number() -> None:
    time = np.array(["NaT", "2020-01-01"], "M8[ns]")
    ds = xr.Dataset({"a": ("time", [1.0, np.inf]), "a_qc": ("time", np.array([1, 4], "i1"))}, {"time": time})
    assert list(lines(ds, "m")) == ["m influxMissingData=true 1577836800000000000"]
    assert list(lines(ds, "m", quality=True)) == ["m a_qc=4i 1577836800000000000"]


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_line_is_one_line_whatever_names_say(name: str, tag: str, words: str) -> None:
    """Tags come back by the rule by which InfluxDB writes them."""
    ds = xr.Dataset({f"f{name}": ("time", [1.5])}, {"time": np.array([7], "M8[ns]")})
    (line,) = lines(ds, "m", {f"k{name}": tag}) if "\n" not in name else (None,)
    if line is None:
        return
    head = re.split(r"(?<!\\) f", line)[0]
    assert "\n" not in line and line.endswith(" 7")
    if tag.strip("\\\r\n\t\x00") == tag and not set(name + tag) & set("\r\n\t\x00\\"):
        assert tagset(head.partition(",")[2]) == ({f"k{name}": tag} if tag else {})
