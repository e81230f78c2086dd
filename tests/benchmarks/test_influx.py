"""A measurement as a dataset: CPU of the client, compared to the DataFrame paths of the two client libraries.

The peers live in an environment of their own (``make bench-peers``, `.benchmarks/influx-peers`): they need pandas 2.
Every candidate is a process of its own that says how much CPU its second and later readings took; a server's is not
counted. InfluxDB 1 is a real one; Flux comes from a stand-in (Debian has no InfluxDB 2), so that is the client's half.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import influx_peers
from tests.services.influx import Influxd
from tests.services.standin_influxdb import TOKEN, Standin2, _annotated, iso

NAMES = ("a", "b", "c", "d", "e", "f")
T0 = 1_700_000_000_000_000_000
OURS = """
from workbench.readers.influxdb import InfluxDB
ds = InfluxDB().open_dataset({url!r}, **{options!r}).load()
assert ds.sizes["time"] == {rows} and len(ds.data_vars) == 6
"""
DATAFRAMES = """
from influxdb import DataFrameClient
client = DataFrameClient("127.0.0.1", {port}, database="cruise")
frame = client.query("SELECT * FROM met")["met"]
assert frame.shape == ({rows}, 6)
"""
FLUX = """
from influxdb_client import InfluxDBClient
with InfluxDBClient("http://127.0.0.1:{port}", token={token!r}, org="ship", timeout=600_000) as client:
    frame = client.query_api().query_data_frame({query!r})
assert len(frame) == {rows}
"""
TIMED = """
import json, statistics, time
def read():
{body}
read()
took = []
for _ in range({repeats}):
    begun = time.process_time()
    read()
    took.append(time.process_time() - begun)
print(json.dumps(statistics.median(took)))
"""


class Flux(Standin2):
    """A stand-in that has its rows as text already."""

    def __init__(self, values: np.ndarray) -> None:
        fields = [dict(zip(NAMES, map(float, row), strict=True)) for row in (values[0], values[-1])]
        super().__init__([(T0, {}, fields[0]), (T0 + (len(values) - 1) * 10**9, {}, fields[1])])
        head = _annotated([{"_time": np.datetime64(T0, "ns"), **fields[0]}]).split(b"\r\n")[:4]
        self.head = b"\r\n".join(head) + b"\r\n"
        self.lines = [
            f",,0,{iso(T0 + i * 10**9)},{','.join(map(repr, row))}\r\n".encode()
            for i, row in enumerate(values.tolist())
        ]

    def flux(self, query: str) -> bytes:
        start, stop = (int(n.split(")")[0]) for n in query.split("time(v: ")[1:3]) if "range" in query else (0, 0)
        first = max(0, -(-(start - T0) // 10**9))
        last = min(len(self.lines), max(first, -(-(stop - T0) // 10**9)))
        if "|> count()" in query:
            return self._counts([T0 + i * 10**9 for i in range(first, last)], query)
        if "pivot" in query and "sort" in query:
            return self.head + b"".join(self.lines[first:last]) + b"\r\n"
        return super().flux(query)


@pytest.fixture(scope="module")
def peers(root: Path) -> str:
    """The python that has the peers."""
    try:
        return str(influx_peers.make(root))
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"the client libraries cannot be installed here ({error}); with a package index: make bench-peers")


@pytest.fixture(scope="module")
def values(size) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(size(4e5), 6)).round(4)


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> Iterator[Influxd]:
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        server.create("cruise")
        rows = (",".join(f"{n}={v!r}" for n, v in zip(NAMES, row, strict=True)) for row in values.tolist())
        server.write("cruise", (f"met {row} {T0 + i * 10**9}" for i, row in enumerate(rows)))
        yield server


def cpu(python: str, body: str, repeats: int) -> float:
    """Seconds of CPU of one reading."""
    code = TIMED.format(body="".join(f"    {line}\n" for line in body.strip().splitlines()), repeats=repeats)
    env = {**os.environ, "PEER_TOKEN": TOKEN, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=env, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return float(json.loads(done.stdout))


@pytest.mark.timeout(900)
def test_dataframes_of_influxdb_1(
    peers: str, influxd: Influxd, values: np.ndarray, smoke: bool, record_cpu, row
) -> None:
    n, repeats = len(values), 1 if smoke else 3
    told = {
        "workbench": cpu(sys.executable, OURS.format(url=influxd.url("cruise", "met"), options={}, rows=n), repeats),
        "influxdb DataFrameClient": cpu(peers, DATAFRAMES.format(port=influxd.port, rows=n), repeats),
    }
    record_cpu("InfluxDB 1, client CPU", told, per=n)
    row("InfluxDB 1: a measurement as a dataset", "s CPU of the client", told["workbench"],
        peer=told["influxdb DataFrameClient"], peer_name="influxdb DataFrameClient", least_ratio=4)  # fmt: skip


@pytest.mark.timeout(900)
def test_dataframes_of_flux_stand_in(peers: str, values: np.ndarray, smoke: bool, record_cpu, row) -> None:
    n, repeats = len(values), 1 if smoke else 3
    options = {"org": "ship", "token_env": "PEER_TOKEN"}
    query = (
        f'from(bucket: "cruise") |> range(start: time(v: {T0}), stop: time(v: {T0 + n * 10**9}))'
        ' |> filter(fn: (r) => r._measurement == "met") |> pivot(rowKey: ["_time"], columnKey: ["_field"], '
        'valueColumn: "_value") |> group() |> sort(columns: ["_time"])'
    )
    with Flux(values) as standin:
        told = {
            "workbench": cpu(sys.executable, OURS.format(url=standin.url, options=options, rows=n), repeats),
            "influxdb-client DataFrame": cpu(
                peers, FLUX.format(port=standin.port, token=TOKEN, query=query, rows=n), repeats
            ),
        }
    record_cpu("Flux stand-in, client CPU", told, per=n)
    row("InfluxDB 2 (stand-in): a measurement as a dataset", "s CPU of the client", told["workbench"],
        peer=told["influxdb-client DataFrame"], peer_name="influxdb-client DataFrame", least_ratio=4)  # fmt: skip
