"""seaflow_opp and seaflow_vct hold the laws of readers, as Python and as R write the files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.alone import moved
from workbench.core.errors import ReaderError
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS
from workbench.readers import seaflow_hourly, seaflow_hours
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_hourly import CHANNELS
from workbench.testing import readers

_START = np.datetime64("2021-12-31T22:00:02", "ns")


def hour(number: int, rows: tuple[int, ...], *, vct: bool, kind: str = "double", unit: str = "us") -> pa.Table:
    """An hourly file of EVT files of some rows each, as its writer would make it."""
    rng = np.random.default_rng(number)
    n = sum(rows)
    times = [_START + np.timedelta64(3600 * number + 180 * i, "s") for i in range(len(rows))]
    ids = np.repeat([file_name(t) for t in times], rows)
    columns = {
        "date": pa.array(np.repeat(np.array(times), rows)).cast(pa.timestamp(unit)).cast(pa.timestamp(unit, tz="UTC")),
        "file_id": pa.array(ids).dictionary_encode(),
    }
    float_ = pa.float32() if kind == "float" else pa.float64()
    for name in CHANNELS:
        columns[name] = pa.array(rng.uniform(1, 3000, n)).cast(float_)
    masks = {q: rng.random(n) < 0.6 for q in QUANTILES}
    columns |= {f"q{q:g}": pa.array(mask) for q, mask in masks.items()}
    columns["filter_id"] = pa.array(np.full(n, f"filter-{number}")).dictionary_encode()
    if vct:
        for q, mask in masks.items():
            columns |= {f"{name}_q{q:g}": pa.array(rng.uniform(0.1, 9, n), mask=~mask) for name in COLUMNS}
            names = rng.choice(["beads", "prochloro", "unknown", "tiny"], n)
            columns[f"pop_q{q:g}"] = pa.array(names, mask=~mask).dictionary_encode()
        columns["gating_id"] = pa.array(np.full(n, f"gating-{number}")).dictionary_encode()
    return pa.table(columns)


class HourTests(readers.ReaderTests):
    head = 75_000  # the last 64 kB hold the footer; the columns that say which file a row is of
    vct = False
    kind, unit = "double", "us"
    row_group = 1 << 20
    times = 1

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for number, rows in enumerate(((2500, 1, 1500), (3500,), (2000, 2500))):
            path = folder / f"{file_name(_START + np.timedelta64(3600 * number, 's'))[9:22]}-00-00+00-00.1H"
            path = Path(f"{path}.{'vct' if self.vct else 'opp'}.parquet")
            more = tuple(self.times * n for n in rows)
            table = hour(number, more, vct=self.vct, kind=self.kind, unit=self.unit)
            pq.write_table(table, path, row_group_size=self.row_group)
            paths.append(path)
        return paths


class TestOpp(HourTests):
    engine = "seaflow_opp"


class TestOppOfPython(HourTests):
    engine = "seaflow_opp"
    kind, unit = "float", "ns"
    row_group = 1000
    times = 2


class TestVct(HourTests):
    engine = "seaflow_vct"
    vct = True
    tries = 30


def test_float32_and_float64_us_and_ns_read_alike(tmp_path: Path):
    for name, kind, unit in (("r", "double", "us"), ("python", "float", "ns")):
        pq.write_table(hour(0, (30, 40), vct=False, kind=kind, unit=unit), tmp_path / f"{name}.1H.opp.parquet")
    a, b = (
        xr.open_dataset(tmp_path / f"{name}.1H.opp.parquet", engine="seaflow_opp").load() for name in ("r", "python")
    )
    assert all(a[name].dtype == b[name].dtype == np.float64 for name in CHANNELS)
    np.testing.assert_array_equal(a["D1"].astype(np.float32), b["D1"].astype(np.float32))
    assert a["time"].equals(b["time"])


def test_only_what_is_asked_for_is_read(tmp_path: Path):
    path = tmp_path / "2021-12-31T22-00-00+00-00.1H.vct.parquet"
    table = hour(0, (3000, 2000), vct=True)
    pq.write_table(table, path)
    ds = xr.open_dataset(path, engine="seaflow_vct")
    with moved("rchar") as read:
        ds["pop_q50"].load()
        text = read()
        ds.load()
        assert text < 100_000 < read() - text


def test_a_slim_file_is_read_and_its_ids_are_made(tmp_path: Path):
    full = hour(0, (30, 40), vct=True)
    slim = full.filter(full["q50"]).select(
        ["date", "fsc_small", "chl_small", "pe", "pop_q50", "diam_mid_q50", "Qc_mid_q50"]
    )
    slim = slim.rename_columns(["date", "fsc_small", "chl_small", "pe", "pop", "diam", "Qc"])
    pq.write_table(slim, tmp_path / "a.vct.parquet")
    ds = xr.open_dataset(tmp_path / "a.vct.parquet", engine="seaflow_vct")
    assert ds["file_id"].to_numpy().tolist() == [file_name(_START), file_name(_START + np.timedelta64(180, "s"))]
    assert ds["pop"].to_numpy().tolist() == slim["pop"].to_pylist()
    assert ds["Qc"].attrs["units"] == "pg" and ds.sizes["particle"] == slim.num_rows


def test_columns_that_only_some_files_have_are_named(tmp_path: Path):
    pq.write_table(hour(0, (30,), vct=True), tmp_path / "2021-12-31T22-00-00+00-00.1H.vct.parquet")
    pq.write_table(hour(1, (30,), vct=True).drop(["Qc_lwr_q50"]), tmp_path / "2021-12-31T23-00-00+00-00.1H.vct.parquet")
    ds = xr.open_dataset(tmp_path, engine="seaflow_vct")
    assert ds.attrs["left_out"] == "Qc_lwr_q50" and "Qc_lwr_q50" not in ds and "Qc_mid_q50" in ds


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.drop(["date"]), "expected a column 'date'"),
        (lambda t: t.drop(["fsc_small"]), "expected a column 'fsc_small'"),
        (lambda t: t.set_column(2, "D1", pa.array(["x"] * t.num_rows)), "column D1 is of another kind"),
        (lambda t: t.set_column(0, "date", pa.array(["soon"] * t.num_rows)), "not an hourly SeaFlow file"),
    ],
)
def test_other_columns_are_refused_with_their_name(tmp_path: Path, spoil, words):
    pq.write_table(spoil(hour(0, (30,), vct=False)), tmp_path / "a.opp.parquet")
    with pytest.raises(ReaderError, match=words):
        xr.open_dataset(tmp_path / "a.opp.parquet", engine="seaflow_opp")


# real files


@pytest.mark.parametrize("kind", ["plan", "one_param"])
def test_the_test_cruise_is_read_completely(data, kind):
    root = data / "seaflow" / "testcruise"
    opp = xr.open_dataset(root / f"opp_{kind}", engine="seaflow_opp").load()
    vct = xr.open_dataset(root / f"vct_{kind}", engine="seaflow_vct").load()
    assert opp.sizes["particle"] == vct.sizes["particle"] == (1024 if kind == "plan" else 1347)
    assert opp.attrs["refused"] == vct.attrs["refused"] == ""
    theirs = pa.concat_tables([pq.read_table(path) for path in sorted((root / f"vct_{kind}").glob("*.parquet"))])
    for name in [*CHANNELS, "q50", "diam_mid_q97.5", "Qc_upr_q2.5"]:
        np.testing.assert_array_equal(vct[name], theirs[name].to_pandas().to_numpy(), err_msg=name)
    labels = [word or "" for word in theirs["pop_q50"].to_pylist()]
    assert vct["pop_q50"].to_numpy().tolist() == labels
    np.testing.assert_array_equal(np.repeat(vct["file_id"], vct["row_size"]), theirs["file_id"].to_pylist())
    np.testing.assert_array_equal(np.repeat(vct["gating_id"], vct["row_size"]), theirs["gating_id"].to_pylist())


def test_what_we_write_is_what_is_read(data, tmp_path):
    path = next((data / "seaflow" / "testcruise" / "vct_plan").glob("*.parquet"))
    seaflow_hourly.write_hour(tmp_path / path.name, seaflow_hourly.read_hour(path, seaflow_hourly.VCT))
    ours, theirs = (xr.open_dataset(p, engine="seaflow_vct").load() for p in (tmp_path / path.name, path))
    xr.testing.assert_identical(ours, theirs)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63) + 1, 2**63 - 1)), max_size=5))
def test_a_file_id_that_is_not_said_is_made_of_the_time(moments):
    times = np.array(moments, "M8[ns]")
    wanted = ["" if np.isnat(time) else file_name(time) for time in times]
    assert seaflow_hours._made_ids(times).tolist() == wanted


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.booleans())
def test_hours_written_by_a_run_come_back(rows, seed, by_time):
    """Every value, label, flag and id that `opp_table` and `vct_table` were given, in any order of files."""
    rng = np.random.default_rng(seed)
    names = ("unknown", "prochloro", "beads")
    tables, wanted, ids = [], [], []
    for number, n in enumerate(rows):
        time = _START + np.timedelta64(180 * number, "s")
        ids.append(file_name(time) if by_time else f"Täg/{number}")
        channels = {name: rng.uniform(1, 3000, n) for name in CHANNELS}
        mask = rng.integers(1, 8, n).astype(np.uint8)
        label = np.where(mask[:, None] >> np.arange(3) & 1, rng.integers(0, 3, (n, 3)), -1).astype(np.int8)
        sizes = np.where(label[:, :, None] < 0, np.nan, rng.uniform(0.1, 9, (n, 3, 6)))
        opp = seaflow_hourly.opp_table(time, ids[-1], f"f{number % 2}", channels, mask)
        tables.append(seaflow_hourly.vct_table(opp, label, names, sizes, "g"))
        wanted.append((time, channels, mask, label, sizes))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / seaflow_hourly.hour_name(_START, "vct")
        for at in rng.permutation(len(tables)):
            seaflow_hourly.merge_hour(path, tables[at], {ids[at]})
        ds = xr.open_dataset(path, engine="seaflow_vct").load()
    np.testing.assert_array_equal(ds["time"], [time for time, *_ in wanted])
    assert ds["file_id"].to_numpy().tolist() == ids
    assert ds["row_size"].to_numpy().tolist() == rows
    assert ds["filter_id"].to_numpy().tolist() == [f"f{number % 2}" for number in range(len(rows))]
    label, sizes = np.concatenate([w[3] for w in wanted]), np.concatenate([w[4] for w in wanted])
    for name in CHANNELS:
        np.testing.assert_array_equal(ds[name], np.concatenate([w[1][name] for w in wanted]))
    for q, quantile in enumerate(QUANTILES):
        assert ds[f"pop_q{quantile:g}"].to_numpy().tolist() == [names[i] if i >= 0 else "" for i in label[:, q]]
        np.testing.assert_array_equal(ds[f"q{quantile:g}"], np.concatenate([w[2] for w in wanted]) >> q & 1 == 1)
        for i, name in enumerate(COLUMNS):
            np.testing.assert_array_equal(ds[f"{name}_q{quantile:g}"], sizes[:, q, i])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_row_groups_end_at_the_same_rows_however_an_hour_was_filled(rows, group, seed):
    """At once, made file by file, or some files now and others later in any order: the same bytes, no larger row group."""
    rng = np.random.default_rng(seed)
    tables, names = [], []
    for number, n in enumerate(rows):
        time = _START + np.timedelta64(180 * number, "s")
        channels = {name: rng.uniform(1, 3000, n) for name in CHANNELS}
        names.append(file_name(time))
        mask = rng.integers(1, 8, n).astype(np.uint8)
        tables.append(seaflow_hourly.opp_table(time, names[-1], f"f{number % 2}", channels, mask))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(seaflow_hourly, "GROUP", group)
        once, lazily, later, whole = (Path(folder) / f"{name}.1H.opp.parquet" for name in ("a", "b", "c", "d"))
        seaflow_hourly.merge_hour(once, pa.concat_tables(tables), set(names))
        seaflow_hourly.merge_hour(lazily, iter(tables), set(names))
        for at in rng.permutation(len(tables)):
            seaflow_hourly.merge_hour(later, tables[at], {names[at]})
        seaflow_hourly.merge_hour(later, tables[0], {names[0]})  # again
        assert once.read_bytes() == lazily.read_bytes() == later.read_bytes()
        footer = pq.read_metadata(once)
        sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
        assert sum(sizes) == sum(rows) and all(size == group for size in sizes[:-1])
        patch.setattr(seaflow_hourly, "GROUP", 1000)
        seaflow_hourly.merge_hour(whole, pa.concat_tables(tables), set(names))
        xr.testing.assert_identical(*(xr.open_dataset(p, engine="seaflow_opp").load() for p in (once, whole)))
        seaflow_hourly.merge_hour(later, tables[0].slice(0, 0), set(names))
        assert not later.exists()
