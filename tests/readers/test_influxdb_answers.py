"""What InfluxDB answers, as bytes: any of it comes to columns or to a ReaderError, and to nothing else."""

from __future__ import annotations

import csv
import http.client
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers import influxdb_answer as answer
from workbench.readers.influxdb import InfluxDB, Options
from workbench.readers.influxdb_changes import _compared, _mixed, _packed, _unpacked
from workbench.readers.influxdb_dialect import Table
from workbench.readers.influxdb_http import Body, Server
from workbench.readers.influxdb_place import Place
from workbench.readers.secret import Secret
from workbench.testing.mutations import mutants

URL = "influxdb://host:8086/cruise/met"
KINDS = {"time": "time", "f0": "float", "f1": "boolean", "f2": "string", "t0": "string", "f3": "integer"}


class _Raw:
    """A socket that holds an answer."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, mode: str, *args: object) -> io.BytesIO:
        return io.BytesIO(self.raw)


def body(content: bytes) -> Body:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    response = http.client.HTTPResponse(_Raw(head + content))  # type: ignore[arg-type]
    response.begin()
    return Body(response)


ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63) + 2, 2**63 - 2),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r")),
        st.text(st.characters(blacklist_categories=("Cs", "Cc"))),
        st.none() | st.integers(-(2**53), 2**53),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


def written(rows: list[tuple], *, header: bool = True, end: str = "\n") -> bytes:
    out = io.StringIO()
    write = csv.writer(out, lineterminator=end).writerow
    if header:
        write(["name", "tags", "time", "f0", "f1", "f2", "t0", "f3"])
    for t, f0, f1, f2, t0, f3 in rows:
        write(
            [
                "met",
                "",
                t,
                "" if f0 is None else repr(f0),
                "" if f1 is None else str(f1).lower(),
                f2,
                t0,
                "" if f3 is None else f3,
            ]
        )
    return out.getvalue().encode()


@given(ROWS)
def test_csv_comes_back(rows: list[tuple]) -> None:
    """Nanoseconds exactly, numbers to the bit, missing as NaN, text with quotes and newlines."""
    found = answer.plain(body(written(rows)), KINDS, URL)
    assert found["time"].view(np.int64).tolist() == [row[0] for row in rows]
    for i, name in ((1, "f0"), (2, "f1"), (5, "f3")):
        want = [np.nan if row[i] is None else float(row[i]) for row in rows]
        np.testing.assert_array_equal(found[name], want)
    assert found["f2"].tolist() == [row[3] if row[3] != "NaN" else "" for row in rows]


def test_newlines_in_text_where_blocks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "_BLOCK", 256)
    rows = [(i, 0.5, None, "line\n" * (i % 9) + f"end {i}", "a", None) for i in range(200)]
    found = answer.plain(body(written(rows)), KINDS, URL)
    assert found["f2"].tolist() == [row[3] for row in rows]


@pytest.mark.parametrize("way", ["plain", "annotated", "parquet", "typed"])
def test_damaged_answers(way: str) -> None:
    """Columns or a ReaderError, whatever bytes come."""
    rows = [(i, i * 0.5, i % 2 == 0, 'two\nlines "x"', "a, b", i) for i in range(50)]
    raw = written(rows)
    if way in ("annotated", "typed"):
        raw = (
            b"#datatype,string,string,long,double,boolean,string,string,long\r\n" + written(rows, end="\r\n") + b"\r\n"
        )
    if way == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = io.BytesIO()
        pq.write_table(pa.table({"time": [1, 2], "f0": [1.0, None], "f2": ["a", None]}), out)
        raw = out.getvalue()
    outcomes: Counter[str] = Counter()
    for what, damaged in mutants(raw, 400, seed=5):
        try:
            if way == "typed":
                answer.typed(body(damaged), "f0", "f2", URL)
            else:
                getattr(answer, way)(body(damaged), KINDS, URL)
            outcomes["read"] += 1
        except ReaderError:
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    print(f"{way}: {sum(outcomes.values())} damaged answers tried, {outcomes['refused']} refused")
    assert outcomes["refused"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'error\n"error parsing query: found SELEC"\n', "error parsing query: found SELEC"),
        (b"error\ntimeout\n", "timeout"),
        (b'{"error":"authorization failed"}', "authorization failed"),
        (b"error,reference\r\nfailed to initialize execute state,897\r\n", "failed to initialize execute state,897"),
        (b",error,reference\r\n,no such bucket,\r\n", "no such bucket"),
        (b"name,tags,time,error\nm,,1,2\n", None),
        (b"", None),
    ],
)
def test_errors_that_arrive_as_csv_under_a_good_status(raw: bytes, said: str | None) -> None:
    assert body(raw).error() == said


def test_no_rows() -> None:
    found = answer.plain(body(b"\n"), KINDS, URL)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(KINDS, 0)
    assert found["time"].dtype == np.dtype("M8[ns]") and found["f0"].dtype == np.float64


@given(
    st.dictionaries(
        st.text(st.sampled_from("ab ,=é\"'"), min_size=1, max_size=5),
        st.text(st.sampled_from("ab ,=é\"'"), min_size=1, max_size=5),
    )
)
def test_tagsets(tags: dict[str, str]) -> None:
    def escaped(text: str) -> str:
        return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")

    assert answer.tagset(",".join(f"{escaped(key)}={escaped(value)}" for key, value in tags.items())) == tags


@given(
    st.lists(
        st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        unique_by=lambda r: r[:2],
    )
)
def test_what_a_cursor_holds_comes_back(rows: list[tuple[int, int, int]]) -> None:
    packed = _packed(np.array(sorted(rows), np.int64).reshape(-1, 3).T)
    assert _unpacked(packed) == {(time, key): value for time, key, value in rows}


@given(st.lists(st.integers(0, 30), unique=True, min_size=1), st.data())
def test_rows_compared_one_by_one(times: list[int], data: st.DataObject) -> None:
    """Late rows are new; a rewritten or vanished one is told; the same rows are neither."""
    times.sort()
    known = {(t, 0): t * 7 for t in times if data.draw(st.booleans())}
    time, keys = np.array(times, np.int64), np.zeros(len(times), np.int64)
    new, gone = _compared(known, time, keys, time * 7, 2**62)
    assert gone == "" and time[new].tolist() == [t for t in times if (t, 0) not in known]
    if known:
        t = data.draw(st.sampled_from(sorted(known)))[0]
        assert "rewritten" in _compared(known, time, keys, np.where(time == t, -1, time * 7), 2**62)[1]
        assert "gone" in _compared(known, time[time != t], keys[time != t], time[time != t] * 7, 2**62)[1]


def test_a_row_is_the_same_with_a_field_more_that_it_lacks() -> None:
    a = _mixed("par", np.array([1.0, np.nan]))
    assert a[1] == 0 and a[0] != 0 and a[0] != _mixed("par", np.array([1.5]))[0] != _mixed("rap", np.array([1.5]))[0]
    assert _mixed("note", np.array(["", "x"], object))[0] == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.sampled_from("xy")), unique=True))
def test_rows_are_in_order_of_time_and_tags(rows: list[tuple[int, str, str]]) -> None:
    time = np.array([row[0] for row in rows], "M8[ns]") if rows else np.empty(0, "M8[ns]")
    tags = {name: np.array([row[i] for row in rows], object) for i, name in ((1, "p"), (2, "q"))}
    table = Table(time, {"f": np.arange(len(rows), dtype=float)}, tags).sorted()
    found = list(zip(table.time.view(np.int64).tolist(), table.tags["p"], table.tags["q"], strict=True))
    assert found == sorted(rows)
    assert [rows[int(i)] for i in table.fields["f"]] == found


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("influxdb://host/cruise", "names no measurement"),
        ("influxdb://host", "names no database"),
        ("influxdb:///cruise/met", "is not the url"),
        ("http://host/cruise/met", "is not the url"),
        ("influxdb://host:99999/cruise/met", "no port"),
        ("influxdb://me:pw@host/cruise/met", "no user and no password"),
        ("influxdb://host/cruise/met?x=1", "is not the url"),
    ],
)
def test_urls_that_are_none(url: str, said: str) -> None:
    with pytest.raises(ReaderError, match=said) as caught:
        Place.parse(url)
    assert "pw" not in str(caught.value)


@given(
    st.text(st.characters(min_codepoint=33, blacklist_categories=("Cs",)), min_size=1),
    st.text(st.characters(min_codepoint=33, blacklist_categories=("Cs",)), min_size=1),
)
def test_places_come_back(database: str, measurement: str) -> None:
    place = Place(False, "host", 8086, database.replace("/", "_"), measurement.strip("/") or "m")
    assert Place.parse(str(place)) == place


def test_secrets_are_in_no_text_and_no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setenv("THE_SECRET", "hunter2hunter2")
    server = Server(Place.parse(URL), "crew", Secret("password", "THE_SECRET"))
    assert server._access()["Authorization"].startswith("Basic ")
    assert "hunter2" not in repr(server) and b"hunter2" not in pickle.dumps(server)


def test_nobody_there() -> None:
    from tests.server import free_port

    with pytest.raises(ReaderError, match=r"does not answer.*Is the server running"):
        InfluxDB().open_dataset(f"influxdb://127.0.0.1:{free_port()}/cruise/met")


def test_options_stand_in_one_place() -> None:
    """`Options` and the signature of `open_dataset` say the same."""
    from dataclasses import fields
    from inspect import signature

    taken = signature(InfluxDB.open_dataset).parameters
    for option in fields(Options):
        assert taken[option.name].default == option.default and taken[option.name].annotation == option.type
