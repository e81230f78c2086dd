"""Populations of a cruise that goes on: each new file costs what is new, and gives what all files give at once."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from workbench.catalog.cruise import open_cruise
from workbench.core.window import ALWAYS
from workbench.live.feed import open_feed
from workbench.products.seaflow import process as work
from workbench.simulate import cruise as simulation
from workbench.simulate.continuation import Continuation


@pytest.fixture
def folder(tmp_path):
    simulation.write(tmp_path / "demo", days=0.02, particles=1500, length=1.0)
    return tmp_path / "demo"


def test_file_after_file_gives_what_all_give_at_once(folder, monkeypatch):
    """Of the files that were there no particle is read again, and no dask graph is made of their thousands."""
    feed = open_feed(open_cruise(folder / "catalog.yaml")["populations"])
    assert feed.poll() and feed.fault is None
    worked, process = [], work.process
    monkeypatch.setattr(work, "process", lambda *a, **b: worked.append(1) or process(*a, **b))
    monkeypatch.setattr("dask.array.from_array", None)
    monkeypatch.setattr("dask.array.core.from_array", None)
    with Continuation(folder) as cruise:
        for _ in range(4):
            cruise.until(cruise.newest + np.timedelta64(180, "s"))
            worked.clear()
            assert feed.poll() and feed.fault is None
            assert len(worked) == 1
            assert not feed.poll()
    monkeypatch.undo()
    fresh = open_feed(open_cruise(folder / "catalog.yaml")["populations"])
    fresh.poll()
    xr.testing.assert_identical(feed.snapshot.dataset, fresh.snapshot.dataset)
    xr.testing.assert_identical(feed.source.open(), fresh.source.open())


def test_a_product_that_does_not_say_so_gets_chunks(folder, monkeypatch):
    source = open_cruise(folder / "catalog.yaml")["populations"]
    seen = []
    product = source.origin.product

    def watched(evt, plan, sfl=None, **options):
        seen.append(evt["pe"].chunks is not None)
        return product(evt, plan, sfl)

    for chunked in (True, False):
        watched.chunked = chunked
        origin = open_cruise(folder / "catalog.yaml")["populations"].origin
        monkeypatch.setattr(origin, "product", watched)
        xr.testing.assert_identical(origin.open(ALWAYS), source.open())
    assert seen == [True, False]


def test_another_plan_is_seen(folder):
    """What people decide is kept until they decide otherwise, and no longer."""
    source = open_cruise(folder / "catalog.yaml")["populations"]
    before = source.open()
    path = next((folder / "plan").glob("*filter.tsv"))
    text = path.read_text()
    head, *rows = text.splitlines()
    at = head.split("\t").index("width")
    changed = ["\t".join([*row.split("\t")[:at], "3000", *row.split("\t")[at + 1 :]]) for row in rows]
    path.write_text("\n".join([head, *changed]) + "\n")
    after = source.open()
    assert (after["opp_count"] < before["opp_count"]).any()
    xr.testing.assert_identical(after, open_cruise(folder / "catalog.yaml")["populations"].open())
