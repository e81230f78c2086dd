"""The laws of the record: what is appended is read back, whatever order, steps, rolling and repeating came between."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.record.rows import HOUR, KINDS, T, block, blocks, hours, names, sorted_by_time
from workbench.core.window import Window
from workbench.record import rolling
from workbench.record.record import Record

days = st.integers(0, 120).map(lambda n: T + n * HOUR)
few = settings(max_examples=max(10, settings.default.max_examples // 4))


@pytest.fixture(autouse=True, scope="module")
def _every_row_is_worth_it() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rolling, "WORTH", 2)
        yield


@contextmanager
def fresh() -> Iterator[Record]:
    with tempfile.TemporaryDirectory() as folder:
        record = Record(folder)
        yield record
        record.close()


@few
@given(hours, names)
def test_recorded_and_read_again_is_identical(at: list[int], which: tuple[str, ...]) -> None:
    ds = block(at, which)
    with fresh() as record:
        record.append("t", ds)
        xr.testing.assert_identical(record.open("t").load(), sorted_by_time(ds))
        record.roll(before=T + 9 * 24 * HOUR)
        xr.testing.assert_identical(record.open("t").load(), sorted_by_time(ds))


@few
@given(blocks, st.integers(1, 3), days)
def test_appending_again_changes_nothing(ds: xr.Dataset, times: int, day: np.datetime64) -> None:
    with fresh() as record:
        assert record.append("t", ds) == ds.sizes["time"]
        record.roll(before=day)
        for _ in range(times):
            assert record.append("t", ds) == 0
        xr.testing.assert_identical(record.open("t").load(), sorted_by_time(ds))


@few
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=9))
def test_rows_that_say_the_same_at_the_same_time_stay_as_many(rows: list[tuple[int, int]]) -> None:
    ds = block([h for h, _ in rows], seeds=[s for _, s in rows])
    with fresh() as record:
        record.append("t", ds)
        record.append("t", ds)
        xr.testing.assert_identical(record.open("t").load(), sorted_by_time(ds))


@few
@given(blocks, blocks, blocks)
def test_appending_is_associative(a: xr.Dataset, b: xr.Dataset, c: xr.Dataset) -> None:
    which = sorted(set.intersection(*(set(ds.data_vars) for ds in (a, b, c))))
    a, b, c = (ds[which] for ds in (a, b, c))
    opened = []
    for parts in ([a, b, c], [xr.concat([a, b], "time"), c], [a, xr.concat([b, c], "time")]):
        with fresh() as record:
            for part in parts:
                record.append("t", part)
            opened.append(record.open("t").load())
    xr.testing.assert_identical(opened[0], opened[1])
    xr.testing.assert_identical(opened[0], opened[2])


@few
@given(st.lists(names, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_disjoint_blocks_may_come_in_any_order(which: list[tuple[str, ...]], chance) -> None:  # type: ignore[no-untyped-def]
    parts = [block([20 * i + k for k in (0, 3, 3)], each) for i, each in enumerate(which)]
    order = list(parts)
    chance.shuffle(order)
    with fresh() as one, fresh() as other:
        for part in parts:
            one.append("t", part)
        for part in order:
            other.append("t", part)
        left, right = one.open("t").load(), other.open("t").load()
    xr.testing.assert_identical(left[sorted(left.data_vars)], right[sorted(right.data_vars)])


@few
@given(st.lists(blocks, min_size=1, max_size=4), st.lists(days, min_size=1, max_size=4))
def test_rolled_and_not_rolled_are_identical(parts: list[xr.Dataset], when: list[np.datetime64]) -> None:
    with fresh() as plain, fresh() as rolled:
        for i, part in enumerate(parts):
            plain.append("t", part)
            rolled.append("t", part)
            rolled.roll(before=when[i % len(when)])
        xr.testing.assert_identical(rolled.open("t").load(), plain.open("t").load())
        assert rolled.count("t") == plain.count("t")
        assert rolled.span("t") == plain.span("t")


@few
@given(st.lists(blocks, min_size=1, max_size=3), days, st.integers(-5, 100), st.integers(-5, 100))
def test_a_window_is_a_selection(parts: list[xr.Dataset], day: np.datetime64, a: int, b: int) -> None:
    window = Window(T + a * HOUR, T + b * HOUR)
    with fresh() as record:
        for part in parts:
            record.append("t", part)
            record.roll(before=day)
        whole = record.open("t").load()
        xr.testing.assert_identical(
            record.open("t", window).load(), whole.isel(time=window.contains(whole["time"].to_numpy()))
        )


@few
@given(st.lists(blocks, min_size=1, max_size=3), days, st.integers(1, 12))
def test_few_points_keep_the_extremes_and_the_mean(parts: list[xr.Dataset], day: np.datetime64, points: int) -> None:
    with fresh() as record:
        for part in parts:
            record.append("t", part)
            record.roll(before=day)
        whole, few = record.open("t").load(), record.open("t", max_points=points).load()
    assert few.sizes["time"] <= points
    if whole.sizes["time"] <= points:
        xr.testing.assert_identical(few, whole)
        return
    width = int(few.attrs["interval"] * 1e9)
    bins = whole["time"].to_numpy().astype(np.int64) // width
    np.testing.assert_array_equal(few["time"], [whole["time"].to_numpy()[bins == b][0] for b in np.unique(bins)])
    values = whole["id"].to_numpy().astype(float)
    for suffix, of in (("_min", np.nanmin), ("_max", np.nanmax), ("", np.nanmean)):
        np.testing.assert_allclose(few[f"id{suffix}"], [of(values[bins == b]) for b in np.unique(bins)], rtol=1e-12)


cells = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["pro", "syn", "pico"]), st.sampled_from([2.5, 50.0, 97.5])),
    min_size=1, max_size=8, unique=True,
)  # fmt: skip


def grid(found: list[tuple[int, str, float]], scale: float = 1.0) -> xr.Dataset:
    """A dataset with populations and quantiles, filled where `found` says."""
    times, pops, quantiles = (list(dict.fromkeys(each)) for each in zip(*found, strict=True))
    times.sort()
    values = np.full((len(times), len(pops), len(quantiles)), np.nan)
    for hour, pop, quantile in found:
        values[times.index(hour), pops.index(pop), quantiles.index(quantile)] = scale * (hour + len(pop) + quantile)
    coords = {"time": T + np.array(times) * HOUR, "population": pops, "quantile": quantiles}
    dims = ("time", "population", "quantile")
    return xr.Dataset({"abundance": (dims, values), "latitude": ("time", np.array(times) / 10.0)}, coords)


@few
@given(st.lists(cells, min_size=1, max_size=4), days, st.integers(0, 9))
def test_cells_are_what_was_said_of_them_last(
    blocks: list[list[tuple[int, str, float]]], day: np.datetime64, again: int
) -> None:
    with fresh() as record:
        told: dict[tuple[int, str, float], float] = {}
        for i, found in enumerate([*blocks, blocks[again % len(blocks)]]):
            record.append("t", grid(found, scale=i + 1.0))
            record.roll(before=day)
            told |= {cell: (i + 1.0) * (cell[0] + len(cell[1]) + cell[2]) for cell in found}
        ds = record.open("t").load()
        assert int(ds["abundance"].notnull().sum()) == len(told)
        for (hour, pop, quantile), value in told.items():
            assert float(ds["abundance"].sel(time=T + hour * HOUR, population=pop, quantile=quantile)) == value
        assert ds["time"].to_index().is_unique
        np.testing.assert_array_equal(ds["latitude"], (ds["time"] - T) / HOUR / 10.0)


class Recorded(RuleBasedStateMachine):
    """Rows come late, twice, with new variables; days are rolled; spans are replaced; somebody follows."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.record = Record(self.folder.name)
        self.model: list[tuple[int, int, int, str]] = []  # hour, order, id, journal
        self.order = 0
        self.offset = {"a": 0, "b": 0}
        self.cursor: object = None
        self.seen: list[int] = []
        self.record.append("t", block([0], seeds=[0]).isel(time=slice(0, 0)))

    def put(self, ds: xr.Dataset, journal: str = "") -> None:
        for hour, number in zip(
            ((ds["time"] - T) / HOUR).values.astype(int).tolist(), ds["id"].values.tolist(), strict=True
        ):
            self.order += 1
            self.model.append((hour, self.order, number, journal))

    @rule(ds=blocks)
    def append(self, ds: xr.Dataset) -> None:
        self.record.append("t", ds)
        self.record.append("t", ds)
        self.put(ds)

    @rule(ds=blocks, journal=st.sampled_from(["a", "b"]))
    def append_from_a_journal(self, ds: xr.Dataset, journal: str) -> None:
        self.offset[journal] += 10
        for _ in range(2):
            self.record.append("t", ds, mark=(journal, self.offset[journal]))
        self.put(ds, journal)
        assert self.record.marks("t").get(journal) == self.offset[journal]

    @rule(ds=blocks, a=st.integers(0, 96), length=st.integers(1, 50))
    def replace_a_span(self, ds: xr.Dataset, a: int, length: int) -> None:
        window = Window(T + a * HOUR, T + (a + length) * HOUR)
        inside = ds.isel(time=window.contains(ds["time"].to_numpy()))
        for _ in range(2):
            self.record.replace("t", window, inside)
        self.model = [row for row in self.model if not a <= row[0] < a + length]
        self.put(inside)

    @rule(ds=blocks, journal=st.sampled_from(["a", "b"]))
    def replay_a_journal(self, ds: xr.Dataset, journal: str) -> None:
        for _ in range(2):
            self.record.replace("t", journal, ds, upto=5)
        self.model = [row for row in self.model if row[3] != journal]
        self.put(ds, journal)
        assert self.record.marks("t")[journal] == max(5, self.offset[journal])

    @rule(day=days)
    def roll(self, day: np.datetime64) -> None:
        self.record.roll(before=day)

    @rule()
    def another_process(self) -> None:
        self.record.close()
        self.record = Record(self.folder.name)

    @rule(enough=st.sampled_from([1, 5, 10**9]))
    def follow(self, enough: int) -> None:
        from workbench.record import growth

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(growth, "ENOUGH", enough)
            ds, self.cursor = self.record.changed("t", json.loads(json.dumps(self.cursor)))
        if ds.attrs["replaces"]:
            assert self.cursor is None
            self.seen = []
        self.seen += ds["id"].values.tolist()

    @invariant()
    def all_is_there_once(self) -> None:
        if not hasattr(self, "model"):
            return
        ds = self.record.open("t").load()
        expected = sorted(self.model)
        np.testing.assert_array_equal((ds["time"].values - T) / HOUR, [row[0] for row in expected])
        self.same_rows(ds)

    def same_rows(self, ds: xr.Dataset) -> None:
        """Of rows of equal time, those that came together stand in their order."""
        found = [(int(h), int(i)) for h, i in zip((ds["time"].values - T) / HOUR, ds["id"].values, strict=True)]
        assert sorted(found) == sorted((row[0], row[2]) for row in self.model)
        for name in KINDS.keys() & set(ds.data_vars):
            good = ds[name].notnull().values & (ds[name].values != "") if name != "flag_qc" else ds[name].values != 9
            n = ds["id"].values[good]
            if name == "number":
                np.testing.assert_array_equal(ds[name].values[good], KINDS[name](n))

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for _ in range(30):
            self.follow(10**9)
        assert sorted(self.seen) == sorted(row[2] for row in self.model)
        assert self.record.changed("t", self.cursor)[1] is self.cursor
        self.record.close()
        self.folder.cleanup()


TestRecorded = Recorded.TestCase
TestRecorded.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
