"""The reader `influxdb` against a real InfluxDB 1.6, started by the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.influx import SECRET, Influxd
from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers import influxdb_http
from workbench.readers.influxdb import InfluxDB
from workbench.readers.influxdb_changes import ROUND
from workbench.readers.influxdb_http import Server
from workbench.readers.influxdb_lines import lines
from workbench.readers.influxdb_place import Place
from workbench.testing.stores import StoreTests

pytestmark = pytest.mark.service

READER = InfluxDB()
T0 = 1_700_000_000_123_456_789
HOUR = 3_600_000_000_000
_names = itertools.count()


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        server.create("cruise")
        yield server


@pytest.fixture
def met(influxd: Influxd) -> str:
    """A measurement of its own."""
    return f"met{next(_names)}"


class _Counted:
    """Bytes of answers, as this process reads them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        read = influxdb_http.Body.read

        def counting(body: influxdb_http.Body, size: int = -1) -> bytes:
            raw = read(body, size)
            self.bytes += len(raw)
            return raw

        monkeypatch.setattr(influxdb_http.Body, "read", counting)


class TestLaws(StoreTests):
    engine = "influxdb"

    @pytest.fixture(autouse=True)
    def _server(self, influxd: Influxd, monkeypatch: pytest.MonkeyPatch) -> None:
        self.influxd, self.counted = influxd, _Counted(monkeypatch)

    def place(self, tmp_path: Path) -> str:
        self.name = f"law{next(_names)}"
        return self.influxd.url("cruise", self.name)

    def put(self, url: str, ds: xr.Dataset) -> None:
        self.influxd.write("cruise", lines(ds, self.name, seen=None))

    def asked(self) -> int:
        return self.counted.bytes


class TestLawsWithATag(TestLaws):
    """The same with a tag on every row, of several values."""

    def put(self, url: str, ds: xr.Dataset) -> None:
        ship = np.array(
            [("Thompson", "Kilo Moana, R/V")[int(i) % 2] for i in ds["time"].to_numpy().view(np.int64)], object
        )
        self.influxd.write("cruise", lines(ds.assign_coords(ship=("time", ship)), self.name))


# what rows may hold

WORDS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"), max_size=12)
TAGS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=8).map(lambda t: t.rstrip("\\").strip())
POINT = st.fixed_dictionaries(
    {
        "time": st.integers(0, 40).map(lambda i: T0 + i),
        "ship": TAGS,
        "leg": st.sampled_from(["", "a=b", "c,d e"]),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "whole": st.none() | st.integers(-(2**53), 2**53),
        "yes": st.none() | st.booleans(),
        "note, with=signs": st.none() | WORDS,
    }
)


@pytest.mark.timeout(600)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(POINT, min_size=1, max_size=12), data=st.data())
def test_any_points_come_back(influxd: Influxd, points: list[dict], data: st.DataObject) -> None:
    """Written, opened, opened by a window, and given by `changed` in steps: always the same rows."""
    name = f"any,point {next(_names)}"
    url = influxd.url("cruise", name)
    want: dict[tuple, dict] = {}
    cursor, given_rows = None, 0
    for point in points:
        fields = {key: point[key] for key in ("real", "whole", "yes", "note, with=signs")}
        kept = {key: value for key, value in fields.items() if value is not None and value != ""}
        row = want.setdefault((point["time"], point["leg"], point["ship"]), {})
        row.update(kept or {"influxMissingData": True})
        ds = xr.Dataset({key: ("time", np.array([value], _dtype(value))) for key, value in kept.items()})
        ds = ds.assign_coords(time=[np.datetime64(point["time"], "ns")], ship=point["ship"], leg=point["leg"])
        influxd.write("cruise", lines(ds, name))
        if data.draw(st.booleans()):
            new, cursor = READER.changed(url, cursor)
            if new.attrs["replaces"]:
                new, cursor = READER.changed(url, None)
                given_rows = 0
            given_rows += new.sizes["time"]
    ds = READER.open_dataset(url).load()
    assert _rows(ds) == _wanted(want, ds)
    assert ds.sizes["time"] == READER.count(url) == len(want)
    start, stop = sorted(data.draw(st.tuples(st.integers(T0 - 1, T0 + 42), st.integers(T0 - 1, T0 + 42))))
    part = READER.open_dataset(url, start=np.datetime64(start, "ns"), stop=np.datetime64(stop, "ns")).load()
    inside = Window(np.datetime64(start, "ns"), np.datetime64(stop, "ns")).contains(ds["time"].to_numpy())
    assert _rows(part) == _rows(ds.isel(time=inside))
    new, cursor = READER.changed(url, cursor)
    assert new.attrs["replaces"] or given_rows + new.sizes["time"] == len(want)
    again, _ = READER.changed(url, cursor if not new.attrs["replaces"] else READER.changed(url, None)[1])
    assert again.sizes["time"] == 0 and not again.attrs["replaces"]


def _dtype(value: object) -> object:
    return (
        bool
        if isinstance(value, bool)
        else np.int64
        if isinstance(value, int)
        else None
        if isinstance(value, float)
        else object
    )


def _rows(ds: xr.Dataset) -> list[tuple]:
    names = [*sorted(map(str, ds.data_vars)), "leg", "ship"]
    columns = [np.broadcast_to(ds[name].to_numpy(), ds.sizes["time"]).tolist() if name in ds.variables else [""] * ds.sizes["time"]
               for name in names]  # fmt: skip
    times = ds["time"].to_numpy().view(np.int64).tolist()
    return [(t, *(None if value != value else value for value in row)) for t, *row in zip(times, *columns, strict=True)]


def _wanted(want: dict[tuple, dict], ds: xr.Dataset) -> list[tuple]:
    rows = []
    for (moment, leg, ship), fields in sorted(want.items()):
        values = []
        for name in sorted(map(str, ds.data_vars)):
            text = ds[name].dtype.kind in "OU"
            value = fields.get(name, "" if text else None)
            values.append(value if text or value is None else float(value))
        rows.append((moment, *values, leg, ship))
    return rows


@pytest.mark.timeout(600)
def test_two_million_points(influxd: Influxd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened by counting, a slice read by one partition, everything once, a picture in 2,000 points."""
    n = 2_000_000
    rng = np.random.default_rng(1)
    par = rng.normal(size=n).round(3)
    stamps = T0 + np.arange(n) * 1_000_000_000
    influxd.write("cruise", (f"big par={p},n={i}i {t}" for i, (p, t) in enumerate(zip(par.tolist(), stamps.tolist(), strict=True))), batch=50_000)  # fmt: skip
    url = influxd.url("cruise", "big")
    counted = _Counted(monkeypatch)
    ds = READER.open_dataset(url)
    assert ds.sizes["time"] == n and len(ds.chunksizes["time"]) > 5
    assert counted.bytes < 200_000
    part = ds.isel(time=slice(1_000_000, 1_000_010))
    np.testing.assert_array_equal(part["par"].to_numpy(), par[1_000_000:1_000_010])
    one = counted.bytes
    assert one < 20_000_000
    whole = ds.load()
    np.testing.assert_array_equal(whole["par"].to_numpy(), par)
    np.testing.assert_array_equal(whole["n"].to_numpy(), np.arange(n))
    np.testing.assert_array_equal(whole["time"].to_numpy().view(np.int64), stamps)
    assert counted.bytes < n * 45, "every partition was asked for once"
    few = READER.open_dataset(url, max_points=2000)
    assert 1000 < few.sizes["time"] <= 2000
    assert float(few["par_min"].min()) == par.min() and float(few["par_max"].max()) == par.max()
    total, cursor, steps = 0, None, 0
    while True:
        new, cursor = READER.changed(url, cursor)
        total, steps = total + new.sizes["time"], steps + 1
        assert new.sizes["time"] <= 200_000
        if not new.attrs["more"]:
            break
    assert total == n and steps > 9
    assert len(json.dumps(cursor)) < 100_000


def test_headings_around_north_have_no_mean_of_180(influxd: Influxd, met: str) -> None:
    """The first bins go round north, the last ones lie to the east."""
    rows = (f"{met} heading={(359, 1)[i % 2] if i < 500 else 80 + i % 20} {T0 + i * 10**9}" for i in range(1000))
    influxd.write("cruise", rows)
    few = READER.open_dataset(influxd.url("cruise", met), max_points=100)
    heading, spread = few["heading"].to_numpy(), (few["heading_max"] - few["heading_min"]).to_numpy()
    np.testing.assert_array_equal(np.isnan(heading), spread > 180)
    assert 0.4 < np.isnan(heading).mean() < 0.6
    assert np.nanmin(heading) >= 80 and np.nanmax(heading) < 100


def test_one_partition_is_one_query(influxd: Influxd, met: str, monkeypatch: pytest.MonkeyPatch) -> None:
    influxd.write("cruise", (f"{met} a={i},b={i},c={i} {T0 + i}" for i in range(1000)))
    ds = READER.open_dataset(influxd.url("cruise", met))
    asked = []
    ask = influxdb_http.Server.ask
    monkeypatch.setattr(influxdb_http.Server, "ask", lambda self, *a, **k: asked.append(a) or ask(self, *a, **k))
    ds.load()
    assert len(asked) == 1


def test_names_and_text_that_are_hard(influxd: Influxd) -> None:
    influxd.write("cruise", [
        r'odd\ na"me\,=,a\ b=c\,d\=e,name=x time_=1,name="say ""no""",tags=3i,we\ ird="line\\one' "\n" r'two, \"q\"" 1',
        r'odd\ na"me\,=,a\ b=c\,d\=e,name=y time_=2 2',
    ])  # fmt: skip
    ds = READER.open_dataset(influxd.url("cruise", 'odd na"me,=')).load()
    assert ds["we ird"].values.tolist() == ['line\\one\ntwo, "q"', ""]
    assert ds["a b"].item() == "c,d=e"
    assert ds["name_tag"].values.tolist() == ["x", "y"]
    assert ds["tags"].values[0] == 3.0 and np.isnan(ds["tags"].values[1])


def test_tags_become_coordinates(influxd: Influxd, met: str) -> None:
    influxd.write("cruise", [f"{met},ship=x,pop={pop} abundance={i} {T0 + i}" for i, pop in enumerate("aabb")])
    url = influxd.url("cruise", met)
    ds = READER.open_dataset(url)
    assert ds["ship"].dims == () and ds["ship"].item() == "x"
    assert ds["pop"].dims == ("time",) and ds["pop"].values.tolist() == list("aabb")
    one = READER.open_dataset(url, where={"pop": "b"}).load()
    assert one["pop"].item() == "b" and one["abundance"].values.tolist() == [2.0, 3.0]
    assert READER.open_dataset(url, where={"pop": ["a", "b"]}).sizes["time"] == 4
    influxd.write("cruise", [f"{met},pop=a abundance=9 {T0 + 9}"])
    assert READER.open_dataset(url)["ship"].values.tolist() == ["x"] * 4 + [""]


def test_rows_that_hold_only_some_fields(influxd: Influxd, met: str) -> None:
    """Counted right where no field is always there: with a tag, and without any."""
    for tag in (",ship=x", ""):
        name = f"{met}{len(tag)}"
        influxd.write("cruise", (f"{name}{tag} {'abc'[i % 3]}={i} {T0 + i}" for i in range(3000)))
        ds = READER.open_dataset(influxd.url("cruise", name))
        assert ds.sizes["time"] == 3000
        assert int(np.isfinite(ds["a"].to_numpy()).sum()) == 1000


def test_a_field_that_goes_missing_later(influxd: Influxd, met: str) -> None:
    """It seemed to be always there: reading says so, and opening again counts with more care."""
    influxd.write("cruise", (f"{met} a={i}{',b=1' if i < 2000 else ''} {T0 + i}" for i in range(4000)))
    influxd.write("cruise", (f"{met} b=1 {T0 + i}" for i in range(4000, 5000)))
    url = influxd.url("cruise", met)
    with pytest.raises(ReaderError, match="open it again"):
        READER.open_dataset(url).load()
    assert READER.open_dataset(url).load().sizes["time"] == 5000


def test_canonical_names_and_units(influxd: Influxd, met: str) -> None:
    influxd.write("cruise", [f"{met} temp=50,lat=1.5,flow=2 {T0}"])
    ds = READER.open_dataset(
        influxd.url("cruise", met), rename={"temp": "sea_water_temperature", "lat": "latitude"},
        units={"temp": "degree_Fahrenheit", "flow": "l min-1"},
    ).load()  # fmt: skip
    assert float(ds["sea_water_temperature"].item()) == pytest.approx(10.0)
    assert ds["sea_water_temperature"].attrs["units"] == "degree_Celsius"
    assert ds["latitude"].attrs["standard_name"] == "latitude"
    assert ds["flow"].attrs["units"] == "l min-1" and ds["flow"].item() == 2.0
    with pytest.raises(ReaderError, match="Did you mean 'temp'"):
        READER.open_dataset(influxd.url("cruise", met), rename={"tmp": "salinity"})
    with pytest.raises(ReaderError, match="cannot turn"):
        READER.open_dataset(influxd.url("cruise", met), rename={"temp": "salinity"}, units={"temp": "m"})


def test_empty_answers(influxd: Influxd, met: str) -> None:
    influxd.write("cruise", [f"{met} a=1 {T0}"])
    url = influxd.url("cruise", met)
    none = READER.open_dataset(url, start=np.datetime64("2030-01-01"))
    assert none.sizes["time"] == 0 and none["a"].dtype == np.float64
    assert READER.open_dataset(url, start=np.datetime64("2030-01-01"), max_points=5).sizes["time"] == 0
    influxd.query(f'DELETE FROM "{met}"', "cruise")
    assert READER.count(url) == 0 if _stands(url) else True


def _stands(url: str) -> bool:
    try:
        READER.variables(url)
    except ReaderError:
        return False
    return True


def test_what_is_not_there(influxd: Influxd, met: str) -> None:
    influxd.write("cruise", [f"{met} a=1 {T0}"])
    with pytest.raises(ReaderError, match=f"no measurement.*Did you mean '{met}'"):
        READER.open_dataset(influxd.url("cruise", met + "x"))
    with pytest.raises(ReaderError, match="nowhere"):
        READER.open_dataset(influxd.url("nowhere", met))
    with pytest.raises(ReaderError, match="no field 'b'"):
        READER.open_dataset(influxd.url("cruise", met), fields=["b"])
    with pytest.raises(ReaderError, match="no user and no password"):
        READER.open_dataset(influxd.url("cruise", met).replace("127", "me:secret@127"))


def test_errors_that_arrive_as_csv(influxd: Influxd, met: str) -> None:
    """What the server cannot do is told in its own words."""
    server = Server(Place.parse(influxd.url("cruise", met)))
    for query, said in (("SELEC", "expected SELECT"), ("SHOW FIELD KEYS ON", "found EOF")):
        params, csv = {"q": query, "db": "cruise"}, {"Accept": "application/csv"}
        with pytest.raises(ReaderError, match=said), server.ask("/query", params, headers=csv):
            pass


# who may ask


def _jwt(user: str, secret: str) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = part(json.dumps({"username": user, "exp": int(time.time()) + 600}).encode())
    return f"{head}.{body}.{part(hmac.new(secret.encode(), f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def test_who_may_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Influxd(tmp_path / "influxd", auth=True) as server:
        server.create("cruise")
        server.create("private")
        server.query("CREATE USER crew WITH PASSWORD 'aye aye'")
        server.query('GRANT READ ON "cruise" TO "crew"')
        for database in ("cruise", "private"):
            server.write(database, [f"met par=1 {T0}"])
        url, private = server.url("cruise", "met"), server.url("private", "met")
        with pytest.raises(ReaderError, match="password_env"):
            READER.open_dataset(url)
        monkeypatch.setenv("CREW", "aye aye")
        by_name = {"user": "crew", "password_env": "CREW"}
        assert READER.open_dataset(url, **by_name).load()["par"].item() == 1.0
        (tmp_path / "secret").write_text("aye aye\n")
        assert READER.count(url, user="crew", password_file=str(tmp_path / "secret")) == 1
        with pytest.raises(ReaderError, match="not authorized"):
            READER.open_dataset(private, **by_name)
        monkeypatch.setenv("WRONG", "no")
        with pytest.raises(ReaderError, match=r"authorization failed|authenti"):
            READER.open_dataset(url, user="crew", password_env="WRONG")
        monkeypatch.setenv("JWT", _jwt("crew", SECRET))
        assert READER.open_dataset(url, token_env="JWT").load()["par"].item() == 1.0
        monkeypatch.setenv("JWT", _jwt("crew", "another secret"))
        with pytest.raises(ReaderError, match="token_env"):
            READER.open_dataset(url, token_env="JWT")
        with pytest.raises(ReaderError, match=r"\$NOT_SET"):
            READER.open_dataset(url, token_env="NOT_SET")


# a server that goes and comes


def test_stopped_and_back(tmp_path: Path) -> None:
    with Influxd(tmp_path / "influxd") as server:
        server.create("cruise")
        server.write("cruise", [f"met par={i} {T0 + i}" for i in range(10)])
        url = server.url("cruise", "met")
        ds = READER.open_dataset(url)
        _, cursor = READER.changed(url)
        server.stop()
        for call in (
            lambda: READER.open_dataset(url),
            lambda: READER.changed(url, cursor),
            lambda: READER.span(url),
            ds.load,
        ):
            with pytest.raises(ReaderError, match=f"127.0.0.1:{server.port} does not answer.*asked again"):
                call()
        server.start()
        server.write("cruise", [f"met par=10 {T0 + 10}"])
        new, cursor = READER.changed(url, cursor)
        assert new["par"].values.tolist() == [10.0]
        assert ds.load().sizes["time"] == 10 and READER.open_dataset(url).sizes["time"] == 11


# what is new


@pytest.mark.timeout(600)
def test_older_rows_are_looked_at_again(influxd: Influxd, met: str) -> None:
    """Late, rewritten and deleted rows of long ago are found within some looks; a vanished hour takes nothing with it."""
    url = influxd.url("cruise", met)
    stamps = [T0 + i * 60_000_000_000 for i in range(60 * 24 * 3)]
    influxd.write("cruise", (f"{met} par={i} {t}" for i, t in enumerate(stamps)))

    def looks(cursor: object) -> tuple[str, object]:
        for _ in range(ROUND * 12):
            ds, cursor = READER.changed(url, cursor)
            if ds.attrs["replaces"]:
                return str(ds.attrs["replaces"]), cursor
        return "", cursor

    _, cursor = READER.changed(url)
    assert looks(cursor)[0] == ""
    influxd.write("cruise", [f"{met} par=-5 {stamps[100] + 1}"])
    assert "no longer those" in looks(cursor)[0]
    _, cursor = READER.changed(url)
    assert looks(cursor)[0] == ""
    influxd.write("cruise", [f"{met} par=1e6 {stamps[2000]}"])
    assert "no longer those" in looks(cursor)[0]
    _, cursor = READER.changed(url)
    first = stamps[0] // HOUR * HOUR
    influxd.query(f'DELETE FROM "{met}" WHERE time < {first + HOUR}', "cruise")
    assert looks(cursor)[0] == ""


def test_rows_stamped_ahead_do_not_stop_what_follows(influxd: Influxd, met: str) -> None:
    url = influxd.url("cruise", met)
    influxd.write("cruise", [f"{met} par=0 {T0}", f"{met} par=1 {T0 + 400 * 365 * 24 * HOUR // 10}"])
    ds, cursor = READER.changed(url)
    assert ds.sizes["time"] == 2
    influxd.write("cruise", [f"{met} par=2 {T0 + 30 * 60 * 10**9}"])
    ds, _ = READER.changed(url, cursor)
    assert ds["par"].values.tolist() == [2.0]


def test_a_tag_that_begins_to_differ(influxd: Influxd, met: str) -> None:
    url = influxd.url("cruise", met)
    influxd.write("cruise", [f"{met},ship=x par=0 {T0}"])
    _, cursor = READER.changed(url)
    influxd.write("cruise", [f"{met},ship=y par=1 {T0}", f"{met} par=2 {T0}"])
    ds, _ = READER.changed(url, cursor)
    assert (
        not ds.attrs["replaces"] and ds["par"].values.tolist() == [2.0, 1.0] and ds["ship"].values.tolist() == ["", "y"]
    )
