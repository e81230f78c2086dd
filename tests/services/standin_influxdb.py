"""Stand-ins for InfluxDB 2 and 3: the shape of their answers on the wire, and never the servers themselves.

What they can answer are the queries that the reader asks. They prove the client's half: authorization, addresses,
formats, escapes, blocks. `Standin2` answers Flux from points in memory, and InfluxQL by a real InfluxDB 1 behind it;
`Standin3` answers SQL by SQLite, and InfluxQL by a real InfluxDB 1.
"""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import sqlite3
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

TOKEN = "the-token"
Point = tuple[int, dict[str, str], dict[str, Any]]
_KINDS = {bool: "boolean", int: "long", float: "double", str: "string"}


def iso(ns: int) -> str:
    """RFC 3339 as InfluxDB writes it: no more digits than needed."""
    text = str(np.datetime_as_string(np.datetime64(int(ns), "ns")))
    return text.rstrip("0").rstrip(".") + "Z"


class Standin:
    """An HTTP server in a thread; use it in a ``with`` statement.

    Parameters
    ----------
    points : list of Point
        The points of the measurement ``met`` of the database ``cruise``.
    behind : int or None
        Port of a real InfluxDB 1 that answers InfluxQL.
    """

    version = ""
    scheme = ""

    def __init__(self, points: Iterable[Point] = (), behind: int | None = None) -> None:
        self.points, self.behind = list(points), behind
        self.asked: list[str] = []
        self.written: list[bytes] = []
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _answer(self, body: bytes) -> None:
                split = urlsplit(self.path)
                params = {key: values[0] for key, values in parse_qs(split.query).items()}
                try:
                    allowed = self.headers.get("Authorization") == f"{standin.scheme} {TOKEN}"
                    status, kind, out = standin.answer(split.path, params, body, allowed)
                except Exception as error:
                    status, kind, out = 500, "text/plain", repr(error).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("X-Influxdb-Version", standin.version)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"influxdb://127.0.0.1:{self.port}/cruise/met"

    def __enter__(self) -> Any:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, params: dict[str, str], body: bytes, allowed: bool) -> tuple[int, str, bytes]:
        raise NotImplementedError

    def from_behind(self, params: dict[str, str], accept: str) -> tuple[int, str, bytes]:
        assert self.behind is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=30)
        connection.request("GET", f"/query?{urlencode(params)}", headers={"Accept": accept})
        answer = connection.getresponse()
        out = answer.status, answer.getheader("Content-Type") or "", answer.read()
        connection.close()
        return out


class Standin2(Standin):
    """Stands in for InfluxDB 2."""

    version, scheme = "v2.7.10-standin", "Token"

    def answer(self, path: str, params: dict[str, str], body: bytes, allowed: bool) -> tuple[int, str, bytes]:
        if path == "/ping":
            return 204, "", b""
        if not allowed:
            return 401, "application/json", b'{"code":"unauthorized","message":"unauthorized access"}'
        if path == "/query":
            self.asked.append(params["q"])
            return self.from_behind(params, "application/csv" if "epoch" in params else "application/json")
        if path == "/api/v2/write":
            assert params["precision"] == "ns" and params["bucket"] == "cruise"
            self.written.append(body)
            return 204, "", b""
        if path != "/api/v2/query" or params.get("org") != "ship":
            return 404, "application/json", b'{"code":"not found","message":"organization name not found"}'
        query = json.loads(body)["query"]
        self.asked.append(query)
        return 200, "text/csv; charset=utf-8", self.flux(query)

    # Flux, as far as the reader asks it

    def flux(self, query: str) -> bytes:
        if "schema.measurementTagKeys" in query:
            keys = sorted({key for _, tags, _ in self.points for key in tags})
            return _annotated([{"_value": key} for key in ["_start", "_measurement", *keys]])
        if "schema.measurements" in query:
            return _annotated([{"_value": "met"}])
        points = self._filtered(query)
        rest = query.partition("|> filter")[2]
        if "|> first()" in rest:
            seen: dict[tuple[str, str], dict[str, Any]] = {}
            for _, _, fields in points:
                for name, value in fields.items():
                    seen.setdefault((_KINDS[type(value)], name), {"_field": name, "_value": value})
            return b"".join(_annotated([row]) for _, row in sorted(seen.items()))
        if found := re.search(r'distinct\(column: "((?:[^"\\]|\\.)*)"\)', rest):
            name = _plain(found[1])
            return _annotated([{"_value": value} for value in sorted({tags.get(name, "") for _, tags, _ in points})])
        times = [time for time, _, fields in points if fields]
        if found := re.search(r'\|> (min|max)\(column: "_time"\)', rest):
            return _annotated(
                [{"_time": np.datetime64(min(times) if found[1] == "min" else max(times), "ns")}] if times else []
            )
        if "aggregateWindow" in rest:
            return self._windows(points, rest)
        if "|> count()" in rest:
            return self._counts(times, rest)
        return self._rows(points, rest)

    def _filtered(self, query: str) -> list[Point]:
        start, stop = (int(n) for n in re.findall(r"st(?:art|op): time\(v: (-?\d+)\)", query)[:2])
        condition = query.partition("|> filter(fn: (r) => ")[2]
        text = r'"((?:[^"\\]|\\.)*)"'
        assert re.match(rf"r\._measurement == {text}", condition)
        named = re.match(rf"r\._measurement == {text}", condition)
        fields = [_plain(name) for name in re.findall(rf"r\._field == {text}", condition)]
        wanted: dict[str, set[str]] = {}
        for tag, value in re.findall(rf"r\[{text}\] == {text}", condition):
            wanted.setdefault(_plain(tag), set()).add(_plain(value))
        if named is None or _plain(named[1]) != "met":
            return []
        return sorted(
            ((time, tags, {name: value for name, value in values.items() if not fields or name in fields})
             for time, tags, values in self.points
             if start <= time < stop and all(tags.get(tag) in values_ for tag, values_ in wanted.items())),
            key=lambda point: point[0],
        )  # fmt: skip

    def _rows(self, points: list[Point], rest: str) -> bytes:
        rows = [{"_time": np.datetime64(t, "ns"), **tags, **fields} for t, tags, fields in points if fields]
        order = [
            _plain(name)
            for name in re.findall(r'"((?:[^"\\]|\\.)*)"', rest.partition("sort(columns: [")[2].partition("]")[0])
        ]
        rows.sort(key=lambda row: [str(row.get(name, "")) if name != "_time" else row[name] for name in order])
        if found := re.search(r"limit\(n: (\d+)\)", rest):
            rows = rows[: int(found[1])]
        half = len(rows) // 2  # two blocks, as when the schema changes in between
        return _annotated(rows[:half]) + _annotated(rows[half:])

    def _counts(self, times: list[int], rest: str) -> bytes:
        width, offset = (int(n) for n in re.findall(r"duration\(v: (\d+)\)", rest))
        bins, n = np.unique([(t - offset) // width for t in times], return_counts=True)
        rows = [
            {"_start": np.datetime64(int(b) * width + offset, "ns"), "_value": int(k)}
            for b, k in zip(bins, n, strict=True)
        ]
        return _annotated(rows)

    def _windows(self, points: list[Point], rest: str) -> bytes:
        width, offset = (int(n) for n in re.findall(r"duration\(v: (\d+)\)", rest))
        how = {"mean": np.mean, "min": np.min, "max": np.max}[re.search(r"fn: (\w+)", rest)[1]]  # type: ignore[index]
        by = [
            _plain(n)
            for n in re.findall(r'"((?:[^"\\]|\\.)*)"', rest.partition("group(columns: [")[2].partition("]")[0])
        ][1:]
        cells: dict[tuple[Any, ...], dict[str, list[float]]] = {}
        for t, tags, fields in points:
            key = ((t - offset) // width * width + offset, *(tags.get(tag, "") for tag in by))
            for name, value in fields.items():
                cells.setdefault(key, {}).setdefault(name, []).append(value)
        return _annotated([
            {"_time": np.datetime64(key[0], "ns"), **dict(zip(by, key[1:], strict=True)),
             **{name: float(how(values)) for name, values in each.items()}}
            for key, each in sorted(cells.items()) if each
        ])  # fmt: skip


def _plain(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\${", "${").replace("\\\\", "\\")


def _annotated(rows: list[dict[str, Any]]) -> bytes:
    """One block of annotated CSV."""
    if not rows:
        return b""
    names = list(dict.fromkeys(name for row in rows for name in row))
    kinds = [next(_type(row[name]) for row in rows if name in row) for name in names]
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    write(["#datatype", "string", "long", *kinds])
    write(["#group", "false", "false", *["false"] * len(names)])
    write(["#default", "_result", "", *[""] * len(names)])
    write(["", "result", "table", *names])
    for row in rows:
        write(["", "", 0, *(_cell(row.get(name)) for name in names)])
    return out.getvalue().encode() + b"\r\n"


def _type(value: Any) -> str:
    return "dateTime:RFC3339" if isinstance(value, np.datetime64) else _KINDS[type(value)]


def _cell(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return iso(int(value.astype(np.int64)))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


class Standin3(Standin):
    """Stands in for InfluxDB 3."""

    version, scheme = "3.0.1-standin", "Bearer"

    def answer(self, path: str, params: dict[str, str], body: bytes, allowed: bool) -> tuple[int, str, bytes]:
        if path == "/ping":
            return 200, "application/json", json.dumps({"version": self.version}).encode()
        if not allowed:
            return 401, "application/json", b'{"error": "the request was not authenticated"}'
        self.asked.append(params["q"])
        if path == "/api/v3/query_sql":
            try:
                table = self.sql(params["q"])
            except sqlite3.Error as error:
                return 400, "application/json", json.dumps({"error": f"query error: {error}"}).encode()
        elif path == "/api/v3/query_influxql":
            table = self.influxql(params["q"], params["db"])
        else:
            return 404, "text/plain", b"not found"
        return 200, "", _parquet(table) if params["format"] == "parquet" else _csv(table)

    def sql(self, query: str) -> pa.Table:
        names = sorted({name for _, _, fields in self.points for name in fields})
        tags = sorted({tag for _, each, _ in self.points for tag in each})
        kinds = {name: next(type(f[name]) for _, _, f in self.points if name in f) for name in names}
        arrow = {bool: "Boolean", int: "Int64", float: "Float64", str: "Utf8"}
        memory = sqlite3.connect(":memory:")
        memory.create_function("date_bin", 3, lambda w, t, o: None if t is None else (t - o) // w * w + o)
        columns = ", ".join(f'"{name}"' for name in ("time", *tags, *names))
        memory.execute(f"create table met ({columns})")
        for time, each, fields in self.points:
            row = [time, *(each.get(tag) for tag in tags), *(fields.get(name) for name in names)]
            memory.execute(f"insert into met values ({', '.join('?' * len(row))})", row)
        memory.execute("create table columns (table_schema, table_name, column_name, data_type)")
        types = [("time", "Timestamp(Nanosecond, None)"), *((tag, "Dictionary(Int32, Utf8)") for tag in tags)]
        types += [(name, arrow[kinds[name]]) for name in names]
        memory.executemany("insert into columns values ('iox', 'met', ?, ?)", types)
        text = query.replace("information_schema.columns", "columns")
        text = re.sub(r"INTERVAL '(\d+) nanoseconds'", r"\1", text)
        text = re.sub(r"TIMESTAMP '([^']+)Z'", lambda m: str(np.datetime64(m[1], "ns").astype(np.int64)), text)
        cursor = memory.execute(text)
        rows = cursor.fetchall()
        source = {alias: name for name, alias in re.findall(r'"([^"]+)" AS "(\w+)"', query)}
        arrays = {}
        for i, (alias, *_) in enumerate(cursor.description):
            values = [row[i] for row in rows]
            kind = kinds.get(source.get(alias, alias))
            if alias in ("time", "a", "b") and alias != "f0":
                arrays[alias] = pa.array(values, pa.timestamp("ns"))
            elif kind is bool and alias.startswith("f"):
                arrays[alias] = pa.array([None if v is None else bool(v) for v in values])
            elif alias.startswith(("t", "column", "data")):
                arrays[alias] = pa.array(values, pa.string())
            else:
                arrays[alias] = pa.array(values)
        return pa.table(arrays)

    def influxql(self, query: str, database: str) -> pa.Table:
        """By the real InfluxDB 1 behind, in the shape of InfluxDB 3: tags of a grouping are columns."""
        if query.startswith("SHOW"):
            query = re.sub(r"^(SHOW (?:FIELD KEYS|TAG VALUES|MEASUREMENTS))", rf'\1 ON "{database}"', query)
        params = {"db": database, "q": query, "epoch": "ns"}
        _, _, raw = self.from_behind(params, "application/json")
        series = [each for result in json.loads(raw)["results"] for each in result.get("series", ())]
        rows = [
            {"iox::measurement": each.get("name"), **each.get("tags", {}), **dict(zip(each["columns"], values, strict=True))}
            for each in series for values in each.get("values", ())
        ]  # fmt: skip
        names = list(dict.fromkeys(name for row in rows for name in row))
        arrays = {name: pa.array([row.get(name) for row in rows]) for name in names}
        if "time" in arrays:
            arrays["time"] = arrays["time"].cast(pa.int64()).cast(pa.timestamp("ns"))
        return pa.table(arrays)


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _csv(table: pa.Table) -> bytes:
    out = io.BytesIO()
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            words = [None if v is None else iso(v)[:-1] for v in column.cast(pa.int64()).to_pylist()]
            column = pa.array(words, pa.string())
        columns[name] = column
    if table.num_rows:
        pacsv.write_csv(pa.table(columns), out)
    return out.getvalue()
