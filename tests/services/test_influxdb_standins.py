"""The reader `influxdb` against protocol stand-ins of InfluxDB 2 and 3 (see standin_influxdb.py for what that proves)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.services.influx import Influxd
from tests.services.standin_influxdb import TOKEN, Point, Standin, Standin2, Standin3
from workbench import cli
from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers import influxdb_http
from workbench.readers.influxdb import InfluxDB
from workbench.readers.influxdb_lines import lines

pytestmark = pytest.mark.service

READER = InfluxDB()
T0 = 1_700_000_000_123_456_789
SECOND = 1_000_000_000
WAYS: dict[str, tuple[type[Standin], dict[str, Any]]] = {
    "2, InfluxQL with a token": (Standin2, {}),
    "2, Flux": (Standin2, {"org": "ship"}),
    "3, SQL, Parquet": (Standin3, {}),
    "3, SQL, CSV": (Standin3, {"answers": "csv"}),
    "3, InfluxQL, Parquet": (Standin3, {"api": "influxql"}),
    "3, InfluxQL, CSV": (Standin3, {"api": "influxql", "answers": "csv"}),
}


def points() -> list[Point]:
    out: list[Point] = []
    for i in range(400):
        fields: dict[str, Any] = {
            "par": i * 0.25,
            "n": i,
            "on": i % 2 == 0,
            "note": ("", "a, b", 'two\nlines "x"', "ü")[i % 4],
        }
        if i % 4 == 0:
            del fields["note"]
        if i % 7 == 3:
            del fields["par"]
        out.append((T0 + i * SECOND, {"ship": "Thompson", "side": "ab"[i % 2]}, fields))
    return out


def one_row(time: int, tags: dict[str, str], fields: dict[str, Any]) -> xr.Dataset:
    arrays = {n: ("time", np.array([v], object if isinstance(v, str) else None)) for n, v in fields.items()}
    return xr.Dataset(arrays).assign_coords(time=[np.datetime64(time, "ns")], **tags)


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        server.create("cruise")
        server.write("cruise", [line for point in points() for line in lines(one_row(*point), "met")])
        yield server


@pytest.fixture(params=list(WAYS))
def way(
    request: pytest.FixtureRequest, influxd: Influxd, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Standin, dict]]:
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    monkeypatch.setattr(influxdb_http, "_versions", {})  # a port is soon another server's
    kind, options = WAYS[request.param]
    with kind(points(), behind=influxd.port) as standin:
        yield standin, {**options, "token_env": "THE_TOKEN"}


@pytest.fixture(scope="module")
def real(influxd: Influxd) -> xr.Dataset:
    """The same points from the real InfluxDB 1."""
    return READER.open_dataset(influxd.url("cruise", "met")).load()


def same(a: xr.Dataset, b: xr.Dataset, why: str = "") -> None:
    assert set(a.variables) == set(b.variables), why
    for name in b.variables:
        assert a[name].dims == b[name].dims, (why, name)
        np.testing.assert_array_equal(a[name].to_numpy(), b[name].to_numpy(), err_msg=f"{why} {name}")


def test_the_same_rows(way: tuple[Standin, dict], real: xr.Dataset) -> None:
    standin, options = way
    ds = READER.open_dataset(standin.url, **options)
    assert ds["ship"].item() == "Thompson"
    same(ds.load(), real)
    assert READER.count(standin.url, **options) == 400
    assert READER.span(standin.url, **options) == (real["time"].values[0], real["time"].values[-1])
    assert set(READER.variables(standin.url, **options)) == set(ds.variables)


def test_windows(way: tuple[Standin, dict], real: xr.Dataset) -> None:
    standin, options = way
    times = real["time"].to_numpy()
    for start, stop in ((times[3], times[9]), (times[3] + 1, times[9] + 1), (times[9], times[9]), (times[390], None)):
        part = READER.open_dataset(standin.url, start=start, stop=stop, **options)
        inside = (times >= start) if stop is None else Window(start, stop).contains(times)
        same(part.load(), real.isel(time=inside), f"{start} to {stop}")
    one = READER.open_dataset(standin.url, where={"side": "b"}, fields=["n", "par"], **options).load()
    assert one["n"].values.tolist() == list(range(1, 400, 2)) and one["side"].item() == "b"


def test_fewer_points(way: tuple[Standin, dict], real: xr.Dataset, influxd: Influxd) -> None:
    standin, options = way
    few = READER.open_dataset(standin.url, max_points=60, **options).load()
    want = READER.open_dataset(influxd.url("cruise", "met"), max_points=60).load()
    assert set(few.variables) == set(want.variables) and few.sizes == want.sizes
    for name in want.variables:
        if want[name].dtype.kind == "f":
            np.testing.assert_allclose(few[name].to_numpy(), want[name].to_numpy(), err_msg=name)
    assert few.attrs["left_out"] == "note, on"


def test_changes(way: tuple[Standin, dict], real: xr.Dataset) -> None:
    standin, options = way
    ds, cursor = READER.changed(standin.url, None, **options)
    np.testing.assert_array_equal(ds["n"].to_numpy(), real["n"].to_numpy())
    again, _ = READER.changed(standin.url, cursor, **options)
    assert again.sizes["time"] == 0 and not again.attrs["replaces"]


def test_both_bounds_are_always_sent(way: tuple[Standin, dict]) -> None:
    standin, options = way
    READER.open_dataset(standin.url, max_points=10, **options).load()
    READER.open_dataset(standin.url, **options).load()
    for query in standin.asked:
        if "GROUP BY time" in query or "|>" in query:
            assert ("time >=" in query and "time <" in query) or (
                "start: time(v:" in query and "stop: time(v:" in query
            )


def test_who_may_ask(way: tuple[Standin, dict], monkeypatch: pytest.MonkeyPatch) -> None:
    standin, options = way
    monkeypatch.setenv("THE_TOKEN", "another")
    with pytest.raises(ReaderError, match="token_env"):
        READER.open_dataset(standin.url, **options)


def test_what_is_not_there(way: tuple[Standin, dict]) -> None:
    standin, options = way
    with pytest.raises(ReaderError, match="no measurement"):
        READER.open_dataset(standin.url.replace("/met", "/mett"), **options)
    with pytest.raises(ReaderError, match=r"no field 'paar'.*Did you mean 'par'"):
        READER.open_dataset(standin.url, fields=["paar"], **options)


def test_a_wrong_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    with Standin2(points()) as standin, pytest.raises(ReaderError, match="organization name not found"):
        READER.open_dataset(standin.url, org="shore", token_env="THE_TOKEN")
    with Standin2(points()) as standin, pytest.raises(ReaderError, match="Give org"):
        READER.open_dataset(standin.url, api="flux", token_env="THE_TOKEN")


def test_writing_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To ``/api/v2/write`` of an organisation."""
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    head = "met\nTN413\na table\nNA\tNA\ntime\tfloat\nNA\tNA\ntime\tpar\n"
    (tmp_path / "met.tsdata").write_text(head + "2024-01-01T00:00:00Z\t1.5\n")
    (tmp_path / "catalog.yaml").write_text(
        "metadata: {cruise: {id: X1}}\nsources:\n"
        "  met: {driver: workbench, args: {reader: tsdata, url: '{{ CATALOG_DIR }}/met.tsdata'}}\n"
    )
    with Standin2() as standin:
        to = f"influxdb://127.0.0.1:{standin.port}/cruise"
        command = ["influx", "write", str(tmp_path / "catalog.yaml"), "met", "--to", to, "--org", "ship"]
        assert cli.main([*command, "--token-env", "THE_TOKEN", "--tag", "leg=2"]) == 0
        assert standin.written == [b"met,cruise=TN413,leg=2 par=1.5 1704067200000000000"]
