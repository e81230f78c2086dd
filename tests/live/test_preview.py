"""What a gating would do: a guess, then every particle, then the cruise; the same as the products, to the particle."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.cruise import open_cruise
from workbench.core.codes import LOG, linear, to_codes, to_linear
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gate, Gating
from workbench.core.viewport import Viewport
from workbench.core.window import Window
from workbench.live import answer, blocks, census, preview
from workbench.live.feeds import Feeds
from workbench.live.particle_files import column_of, counting
from workbench.live.preview import UNKNOWN, Draft, Estimate, Plane, Preview
from workbench.live.sample import estimated
from workbench.products.seaflow.classify import classify
from workbench.raster.count import count_codes
from workbench.readers.parameter_files import read_parameters
from workbench.readers.seaflow_evt import write_evt
from workbench.readers.seaflow_layout import V2

CHANNELS = ("fsc_small", "pe", "chl_small", "D1")
BOX = Viewport(0, 1 << 16, 0, 1 << 16, 32, 32)
SMALL = Viewport(16384, 32768, 0, 1 << 16, 16, 32)
START = np.datetime64("2025-01-15T00:00", "ns")
STEP = np.timedelta64(180_000_000_000, "ns")


def hours(first: int, stop: int) -> Window:
    return Window(START + first * STEP, START + stop * STEP)


def particles(sizes: list[int], seed: int, scale: str = "log") -> xr.Dataset:
    """Files of particles, as the readers give them."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    codes = {name: np.where(rng.random(n) < 0.2, 0, rng.integers(0, 65536, n)).astype(np.uint16) for name in CHANNELS}
    data: dict[str, Any] = {name: ("particle", values, dict(LOG)) for name, values in codes.items()}
    if scale == "linear":
        data = {name: ("particle", to_linear(values), {"scale": "linear"}) for name, values in codes.items()}
    elif scale == "measured":  # as another program computed them
        data = {name: ("particle", to_linear(v) * (1 + 1e-13), {"scale": "linear"}) for name, v in codes.items()}
    elif scale == "floats":
        data = {name: ("particle", values + rng.random(n).round(1), dict(LOG)) for name, values in codes.items()}
    data["q50"] = ("particle", rng.random(n) < 0.6)
    data["pop_q50"] = ("particle", rng.choice(np.array(["", "synecho", "beads"], object), n))
    data |= {"row_size": ("file", np.array(sizes, np.int64)), "file_id": ("file", [f"f{i}" for i in range(len(sizes))])}
    return xr.Dataset(data, coords={"time": ("file", START + np.arange(len(sizes)) * STEP)})


def box(population: str, x: str, y: str, left: int, low: int, right: int, top: int) -> Gate:
    corners = [(left, low), (right, low), (right, top), (left, top)]
    return Gate(population, x, y, tuple((float(to_linear(np.uint16(a))), float(to_linear(np.uint16(b)))) for a, b in corners))  # fmt: skip


GATING = Gating(
    "drawn",
    (
        box("beads", "fsc_small", "pe", 30000, 30000, 60000, 65535), box("synecho", "fsc_small", "pe", 0, 20000, 40000, 50000),
        Gate("croco", "", "", (), "auto"), box("picoeuk", "fsc_small", "chl_small", 10000, 0, 65535, 40000),
    ),
)  # fmt: skip


def asked(preview: Preview, draft: Draft) -> list[Estimate]:
    """All estimates, by `follow`."""
    found: list[Estimate] = []
    done = threading.Event()

    def tell(estimate: Estimate) -> None:
        found.append(estimate)
        if estimate.done:
            done.set()

    preview.follow(draft, tell)
    assert done.wait(60)
    return found


def wanted(ds: xr.Dataset, draft: Draft, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[Plane, np.ndarray]]:
    """Counts in view, counts of each file, and the pictures, by the products and by hand."""
    number = np.repeat(np.arange(ds.sizes["file"]), ds["row_size"].values)
    among = counting(ds[draft.among].values) if draft.among else np.ones(len(number), bool)
    label = classify({name: linear(ds)[name].values for name in CHANNELS}, draft.gating)
    index = (label.astype(int) - 1) % len(draft.populations)
    each = np.zeros((ds.sizes["file"], len(draft.populations)))
    np.add.at(each, (number[among], index[among]), 1)
    seen = among & inside[number]
    pictures = {}
    for plane in draft.planes:
        shown = seen & np.isin(np.array(draft.populations)[index], plane.only or draft.populations)
        x, y = (np.floor(ds[n].values).astype(np.uint16) if ds[n].attrs["scale"] == "log" else to_codes(ds[n].values) for n in (plane.x, plane.y))  # fmt: skip
        some = [shown & (index == k) for k in range(len(draft.populations))] if plane.by else [shown]
        counts = [count_codes(x[rows], y[rows], plane.viewport) for rows in some]
        pictures[plane] = np.stack(counts) if plane.by else counts[0]
    return each[inside].sum(axis=0), each, pictures


sizes = st.lists(st.integers(0, 60), min_size=1, max_size=8)
planes = st.lists(
    st.builds(
        Plane, st.sampled_from(CHANNELS[:2]), st.sampled_from(CHANNELS[2:]), st.sampled_from([BOX, SMALL]),
        st.sampled_from([(), ("synecho",), ("beads", UNKNOWN)]), st.booleans(),
    ), max_size=3,
)  # fmt: skip


@given(
    sizes, planes, st.sampled_from(["", "q50", "pop_q50"]), st.sampled_from(["log", "linear", "measured", "floats"]),
    st.integers(0, 4), st.integers(0, 9), st.sampled_from([0, 2000, 1 << 30]), st.integers(0, 2**32), st.booleans(),
)  # fmt: skip
def test_the_exact_answer_is_that_of_the_products(sizes, planes, among, scale, first, length, kept, seed, named):
    ds = particles(sizes, seed, scale)
    inside = np.arange(len(sizes))
    inside = (inside >= first) & (inside < first + length) & (~np.array(named) | (inside % 2 == 0))
    files = tuple(f"f{i}" for i in range(0, len(sizes), 2)) if named else ()
    draft = Draft(GATING, hours(first, first + length), files, tuple(planes), among)
    counts, each, pictures = wanted(ds, draft, inside)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (blocks, "LEAST", 70),
            (census, "STEP", 40),
            (census, "LABELLED", 17),
            (answer, "FEW", 30),
            (answer, "MANY", 50),
        ):
            patch.setattr(module, name, value)
        preview = Preview(ds, kept=kept, sample=50)
        for _ in range(2):  # and from what is held then
            found = asked(preview, draft)
            last = found[-1]
            assert last.done and not last.approximate
            assert last.populations == ("beads", "synecho", "croco", "picoeuk", UNKNOWN)
            assert last.counts.tolist() == counts.tolist()
            assert last.particles == last.sampled == counts.sum()
            assert last.series.counts.tolist() == each.tolist()
            assert last.series.counted == len(sizes)
            for plane in planes:
                assert np.array_equal(last.pictures[plane], pictures[plane])
            assert all(guess.error.shape == counts.shape for guess in found)
        preview.close()


def test_the_guess_comes_first_and_lies_within_its_error(monkeypatch):
    monkeypatch.setattr(answer, "FEW", 100)
    monkeypatch.setattr(blocks, "LEAST", 3000)
    ds = particles([1000] * 20, 1)
    preview = Preview(ds, sample=2000)
    draft = Draft(GATING, planes=(Plane("fsc_small", "pe", BOX),))
    preview.prepare(draft)
    for _ in range(2):
        found = asked(preview, draft)
    guess, exact = found[0], found[-1]
    assert [one.approximate for one in found] == [True, False]
    assert guess.sampled == pytest.approx(2000, abs=10)
    assert guess.pictures[draft.planes[0]].sum() == guess.sampled
    assert guess.particles == exact.particles == 20_000
    assert (np.abs(guess.counts - exact.counts) <= 4 * guess.error).all()
    assert guess.error[0] > 0 and not exact.error.any()
    assert exact.percent.sum() == pytest.approx(100)
    preview.close()


def test_the_same_sample_is_asked_every_time(monkeypatch):
    monkeypatch.setattr(answer, "FEW", 100)
    ds = particles([1000] * 20, 1)
    found = []
    for _ in range(2):
        preview = Preview(ds, sample=500)
        found += [asked(preview, Draft(GATING))[0].counts.tolist() for _ in range(2)]
        preview.close()
    assert found[0] == found[1] == found[2] == found[3]


@given(st.integers(0, 2**32), st.floats(0.03, 0.97), st.booleans())
def test_the_error_is_that_of_drawing(seed, share, complete):
    """Over many samples it is how far they lie from the truth; with blocks left out, not less."""
    rng = np.random.default_rng(seed)
    total, truth = 4000, round(share * 4000)
    found, errors = [], []
    for _ in range(200):
        n = rng.hypergeometric(truth, total - truth, 400)
        visits = np.array([[n, 400 - n]])
        if not complete:
            cut = rng.multivariate_hypergeometric([n, 400 - n], 200)
            visits = np.array([cut, visits[0] - cut])
        counts, error = estimated(visits.sum(axis=0), visits, total, complete)
        found.append(counts[0])
        errors.append(error[0])
    assert (0.75 if complete else 0.5) < np.std(found) / np.mean(errors) < 1.35
    assert abs(np.mean(found) - truth) < 5 * np.mean(errors) / np.sqrt(200)


def test_nothing_is_told_of_what_one_block_cannot_tell():
    counts, error = estimated(np.array([3, 7]), np.array([[3, 7]]), 1000, False)
    assert counts.tolist() == [300, 700] and np.isnan(error).all()
    counts, error = estimated(np.zeros(2, np.int64), np.zeros((0, 2), np.int64), 0, True)
    assert counts.tolist() == error.tolist() == [0, 0]


def test_a_newer_question_ends_the_older_one():
    ds = particles([2000] * 10, 3)

    async def both() -> None:
        preview = Preview(ds)
        older, newer = preview.ask(Draft(GATING)), preview.ask(Draft(Gating("none", ())))
        told = [estimate async for estimate in newer]
        assert told[-1].done and told[-1].counts.tolist() == [20_000]
        assert all(estimate.draft.gating is GATING for estimate in [one async for one in older])  # it ends
        async for estimate in preview.ask(Draft(GATING)):
            assert not estimate.done or estimate.counts.sum() == 20_000
        preview.close()

    asyncio.run(both())


def test_a_stopped_question_tells_nothing_more(monkeypatch):
    ds = particles([500] * 30, 4)
    monkeypatch.setattr(blocks, "LEAST", 500)
    told: list[Estimate] = []
    reading, go_on = threading.Event(), threading.Event()
    preview = Preview(ds)
    read = preview._held.blocks.files.read

    def slow(*words: Any) -> Any:
        reading.set()
        go_on.wait(60)
        return read(*words)

    monkeypatch.setattr(preview._held.blocks.files, "read", slow)
    stop = preview.follow(Draft(GATING), told.append)
    assert reading.wait(60)
    stop()
    go_on.set()
    last = asked(preview, Draft(GATING))[-1]
    assert not told
    assert last.counts.sum() == 15_000
    preview.close()


def test_the_same_gates_elsewhere_are_not_counted_again(monkeypatch):
    ds = particles([100] * 10, 5)
    preview = Preview(ds)
    first = asked(preview, Draft(GATING, hours(0, 2)))[-1]
    monkeypatch.setattr(census.Census, "take", lambda *_, **__: pytest.fail("counted again"))
    second = asked(preview, Draft(GATING, hours(2, 5)))[-1]
    assert second.counts.tolist() == first.series.counts[2:5].sum(axis=0).tolist()
    preview.close()


def test_volumes_make_abundances():
    preview = Preview(particles([100, 50, 30], 6), volumes={"f0": 2.0, "f1": 0.0})
    series = asked(preview, Draft(GATING))[-1].series
    assert series.abundance[0].tolist() == (series.counts[0] / 2).tolist()
    assert np.isnan(series.abundance[1:]).all()
    assert series.files == ("f0", "f1", "f2") and series.times[1] == START + STEP
    preview.close()


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (Draft(Gating("a", (box("b", "fsc_smal", "pe", 0, 0, 9, 9),))), r"gate 'b' asks for channel 'fsc_smal'.*fsc_small"),
        (Draft(GATING, planes=(Plane("D3", "pe"),)), "no channel 'D3' to draw.*D1"),
        (Draft(GATING, planes=(Plane("D1", "pe", only=("synecocos",)),)), "no population 'synecocos'.*synecho"),
        (Draft(GATING, among="q05"), "no column 'q05'.*q50"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_at_the_call(draft, words):
    preview = Preview(particles([10], 7))
    with pytest.raises(WorkbenchError, match=words):
        preview.follow(draft, print)
    with pytest.raises(WorkbenchError, match=words):
        preview.prepare(draft)
    preview.close()


def test_an_empty_view_and_no_files():
    preview = Preview(particles([10, 0], 8))
    last = asked(preview, Draft(GATING, hours(50, 60), planes=(Plane("D1", "pe"),)))[-1]
    assert last.particles == 0 and np.isnan(last.percent).all() and last.series.counts.sum() == 10
    assert not last.pictures[Plane("D1", "pe")].any()
    assert asked(preview, Draft(GATING, files=("f1",), series=False))[-1].counts.tolist() == [0] * 5
    preview.close()


def test_linear_values_that_were_codes_are_held_as_codes():
    codes = np.array([0, 1, 33000, 65535], np.uint16)
    assert column_of(to_linear(codes), True).values.tolist() == codes.tolist()
    assert column_of(to_linear(codes) * (1 + 1e-13), True).values.dtype == np.float64
    assert column_of(codes + 0.0, False).values.dtype == np.uint16


def test_linear_values_that_cannot_be_drawn_are_still_gated():
    column = column_of(np.array([0.0, -1.0, np.nan, 10.0, 1e9]), True)
    assert column.bad.tolist() == [True, True, True, False, True]
    assert column.values[3] == 10.0


# -- files that come and go ----------------------------------------------------------------------------------------

CATALOG = """
metadata:
  cruise: {id: testcruise, title: Test, start: 2014-07-04, end: 2014-07-05}
sources:
  evt: {driver: workbench, description: Events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
  vct: {driver: workbench, description: Populations., args: {reader: seaflow_vct, url: "{{ CATALOG_DIR }}/vct_plan"}}
  opp: {driver: workbench, description: In focus., args: {reader: seaflow_opp, url: "{{ CATALOG_DIR }}/opp_plan"}}
"""


@pytest.fixture
def place(tmp_path: Path, data: Path) -> Path:
    shutil.copytree(data / "seaflow" / "testcruise" / "evt_v2", tmp_path / "evt")
    for name in ("vct_plan", "opp_plan"):
        shutil.copytree(data / "seaflow" / "testcruise" / name, tmp_path / name)
    (tmp_path / "c.yaml").write_text(CATALOG)
    for folder in (tmp_path, *tmp_path.rglob("*")):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "among"),
    [("evt", ""), *((n, q) for n in ("opp", "vct") for q in ("", "q2.5", "q50", "q97.5")), ("vct", "pop_q50")],
)
def test_real_files_by_feed(place, data, name, among):
    feeds = Feeds(open_cruise(place / "c.yaml"))
    feeds.poll()
    ds = feeds.cruise[name].open().load()
    params = read_parameters(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db")
    for gating in params.gatings.sets.values():
        preview = Preview(feeds[name])
        last = asked(preview, Draft(gating, among=among, planes=(Plane("fsc_small", "pe", BOX),)))[-1]
        label = classify({c: linear(ds)[c].values for c in ("fsc_small", "pe", "chl_small")}, gating)
        label = label[counting(ds[among].values)] if among else label
        assert last.counts.tolist() == np.roll(np.bincount(label, minlength=len(gating.gates) + 1), -1).tolist()
        assert last.pictures[Plane("fsc_small", "pe", BOX)].sum() == last.particles == len(label)
        assert len(last.series.files) == ds.sizes["file"]
        preview.close()


def test_one_file_of_an_hour(place):
    feeds = Feeds(open_cruise(place / "c.yaml"))
    feeds.poll()
    preview = Preview(feeds["vct"])
    whole = asked(preview, Draft(GATING))[-1]
    for i, name in enumerate(whole.series.files):
        one = asked(preview, Draft(GATING, files=(name,), series=False))[-1]
        assert one.counts.tolist() == whole.series.counts[i].tolist()
    assert whole.particles == feeds["vct"].rows
    preview.close()


def test_a_new_file_is_in_the_next_answer_and_a_lost_one_is_told(place):
    feeds = Feeds(open_cruise(place / "c.yaml"))
    feeds.poll()
    preview = Preview(feeds["evt"])
    before = asked(preview, Draft(GATING))[-1]
    new = place / "evt" / "2014_185" / "2014-07-04T02-00-02+00-00"
    write_evt(new, {name: np.full(7, 33000, np.uint16) for name in V2})
    feeds.poll()
    after = asked(preview, Draft(GATING))[-1]
    assert (after.counts - before.counts).tolist() == [7, 0, 0, 0, 0]
    preview.close()
    preview = Preview(feeds["evt"])
    new.unlink()
    lost = asked(preview, Draft(GATING))[-1]
    assert lost.counts.tolist() == before.counts.tolist()
    assert len(lost.faults) == 1 and new.name in lost.faults[0]
    assert np.isnan(lost.series.counts[-1]).all() and lost.series.counted == len(lost.series.files) - 1
    preview.close()


def test_all_who_look_at_a_feed_share_what_is_held_and_leave_no_trace(place, monkeypatch):
    feeds = Feeds(open_cruise(place / "c.yaml"))
    feeds.poll()
    one, two = Preview(feeds["evt"]), Preview(feeds["evt"])
    first = asked(one, Draft(GATING))[-1]
    monkeypatch.setattr(one._held.blocks.files, "read", lambda *_: pytest.fail("read again"))
    assert asked(two, Draft(GATING))[-1].counts.tolist() == first.counts.tolist()
    one.close()
    assert asked(two, Draft(GATING, hours(0, 1)))[-1].done
    assert feeds["evt"] in preview._shared
    del two
    gc.collect()
    assert feeds["evt"] not in preview._shared


def test_reading_ahead_holds_nobody_up(monkeypatch):
    """A question comes while the block that it needs is being read ahead; it is stopped, and ends all the same."""
    ds = particles([500] * 4, 9)
    monkeypatch.setattr(blocks, "LEAST", 500)
    two = Preview(ds)
    read, reading, go_on = two._held.blocks.files.read, threading.Event(), threading.Event()

    def slow(*words: Any) -> Any:
        reading.set()
        assert go_on.wait(60)
        return read(*words)

    monkeypatch.setattr(two._held.blocks.files, "read", slow)
    two.prepare(Draft(GATING, hours(0, 1)))
    assert reading.wait(60)
    ended = threading.Event()
    stop = two._start(two._answer(Draft(GATING, hours(0, 1)), lambda _: None), lambda _: ended.set())
    two._ahead.stop()
    stop()
    assert ended.wait(30)  # though nobody may read on yet
    go_on.set()
    assert asked(two, Draft(GATING))[-1].particles == 2000
    two.close()
