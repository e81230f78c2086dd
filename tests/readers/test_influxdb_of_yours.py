"""The reader `influxdb` against a server of your own, 2.x or 3.x above all: those that are here are stand-ins.

WORKBENCH_INFLUX_URL=influxdb://host:8086/database/measurement   (influxdbs:// for HTTPS)
WORKBENCH_INFLUX_TOKEN=...                                       (or none)
WORKBENCH_INFLUX_API=influxql,flux,sql                           (those that it speaks; influxql by default)
WORKBENCH_INFLUX_ORG=...                                         (for flux)

The measurement should hold more than ten rows. Nothing is written.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from workbench.readers.influxdb import InfluxDB

URL = os.environ.get("WORKBENCH_INFLUX_URL", "")
APIS = os.environ.get("WORKBENCH_INFLUX_API", "influxql").split(",")


@pytest.mark.skipif(not URL, reason="no server of yours: set WORKBENCH_INFLUX_URL")
@pytest.mark.parametrize("api", APIS)
def test_a_server_of_yours(api: str) -> None:
    reader = InfluxDB()
    options = {"api": api}
    if os.environ.get("WORKBENCH_INFLUX_TOKEN"):
        options["token_env"] = "WORKBENCH_INFLUX_TOKEN"
    if api == "flux":
        options["org"] = os.environ["WORKBENCH_INFLUX_ORG"]
    first, last = reader.span(URL, **options)
    assert first <= last
    hour = np.timedelta64(3_600_000_000_000, "ns")
    ds = reader.open_dataset(URL, start=last - hour, **options).load()
    assert ds.sizes["time"] > 0 and ds["time"].values[-1] == last
    rows = reader.count(URL, **options)
    few = reader.open_dataset(URL, max_points=10, **options)
    assert few.sizes["time"] <= min(10, rows)
    new, cursor = reader.changed(URL, None, **options)
    assert new.sizes["time"] == rows or new.attrs["more"]
    if not new.attrs["more"]:
        assert reader.changed(URL, cursor, **options)[0].sizes["time"] < rows
