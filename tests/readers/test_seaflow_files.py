"""Names of EVT files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.readers.paths import matcher
from workbench.readers.seaflow_files import PATTERNS, file_name, parse


@given(st.integers(0, 4_000_000_000))
def test_a_written_name_says_its_time(second: int) -> None:
    time = np.datetime64(second, "s")
    name = parse(file_name(time))
    assert name is not None
    assert name.time64 == time
    assert name.file_id == file_name(time)


@pytest.mark.parametrize(
    ("path", "file_id", "time"),
    [
        ("2014_185/2014-07-04T00-00-02+00-00", "2014_185/2014-07-04T00-00-02+00-00", "2014-07-04T00:00:02"),
        ("/x/2014_185/2014-07-04T00-00-02+00-00.gz", "2014_185/2014-07-04T00-00-02+00-00", "2014-07-04T00:00:02"),
        ("2016-08-08T19-33-41-00-00.zst", "2016_221/2016-08-08T19-33-41-00-00", "2016-08-08T19:33:41"),
        ("wrong_999/2020-12-31T23-59-59+00-00.parquet", "2020_366/2020-12-31T23-59-59+00-00", "2020-12-31T23:59:59"),
        ("2015-05-15T17-07-08-07-00", "2015_136/2015-05-15T17-07-08-07-00", "2015-05-16T00:07:08"),
        ("2014_142/42.evt", "2014_142/42.evt", "NaT"),
        ("2014_142/42.evt.gz", "2014_142/42.evt", "NaT"),
        ("42.evt", "42.evt", "NaT"),
    ],
)
def test_names(path: str, file_id: str, time: str) -> None:
    name = parse(path)
    assert name is not None
    assert name.file_id == file_id
    assert str(name.time64) == str(np.datetime64(time, "ns"))
    assert matcher(PATTERNS)(path)


@pytest.mark.parametrize(
    "path",
    [
        "2014-07-04T00-00-00+00-00.sfl",
        "2014-07-04T00-00-00+00-00.1H.opp.parquet",
        "2014-07-04T00-00-02+00-00.gz.part",
        ".2014-07-04T00-00-02+00-00",
        "x.evt",
        "2014_142",
        "",
    ],
)
def test_other_names(path: str) -> None:
    assert parse(path) is None
    assert not matcher(PATTERNS)(path)


@pytest.mark.parametrize(
    "path", ["2014-02-30T00-00-02+00-00", "2014-07-04T24-00-02+00-00", "2014-07-04T00-61-02+00-00"]
)
def test_impossible_times(path: str) -> None:
    assert parse(path) is None


def test_order() -> None:
    names = [
        "2010_124/9.evt",
        "2010_124/10.evt",
        "2010_125/1.evt",
        "2010-05-06T00-00-00+00-00",
        "2010-05-06T00-03-00+00-00",
    ]
    orders = [parse(name).order for name in names]  # type: ignore[union-attr]
    assert orders == sorted(orders)
