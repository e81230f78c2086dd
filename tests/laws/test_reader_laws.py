"""Laws of the SeaFlow readers on whatever folders, windows and indices come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_layout import CHANNELS
from workbench.readers.seaflow_sfl import SeaflowSfl, write_sfl
from workbench.readers.sequence import EndToEnd, chunks
from workbench.testing import strategies
from workbench.testing.mutations import mutants

START = np.datetime64("2019-12-31T23:51:00")
STEP = np.timedelta64(180, "s")
SHARED = ("D1", "D2", "fsc_small", "pe", "chl_small", "pulse_width")

a_file = st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from(["", ".gz", ".zst"]), st.integers(1, 40))


def _folder(root: Path, files: list[tuple[str, str, int]]) -> list[dict[str, np.ndarray]]:
    """Write the files; their codes in the order of time."""
    out = []
    for i, (layout, suffix, rows) in enumerate(files):
        codes = {
            name: (np.arange(rows) * (c + 3) + 1000 * i).astype(np.uint16) for c, name in enumerate(CHANNELS[layout])
        }
        path = root / (file_name(START + i * STEP) + suffix)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(strategies.packed(strategies.evt_bytes(codes, layout), suffix))
        out.append(codes)
    return out


@settings(max_examples=20)
@given(st.data(), st.lists(a_file, min_size=1, max_size=6))
def test_any_folder_any_window(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, files: list[tuple[str, str, int]]
) -> None:
    root = tmp_path_factory.mktemp("folder")
    codes = _folder(root, files)
    times = START + np.arange(len(files)) * STEP
    window = data.draw(strategies.windows(times.astype("datetime64[ns]")))
    ds = SeaflowEvt().open_dataset(root, start=window.start, stop=window.stop)
    inside = window.contains(times)
    assert ds["time"].values.tolist() == times[inside].astype("datetime64[ns]").tolist()
    assert ds["row_size"].values.tolist() == [rows for (_, _, rows), take in zip(files, inside, strict=True) if take]
    for name in SHARED:
        chosen = [c[name] for c, take in zip(codes, inside, strict=True) if take]
        np.testing.assert_array_equal(ds[name].values, np.concatenate([[], *chosen]))


@given(st.lists(st.integers(0, 5), min_size=0, max_size=6), st.data())
def test_any_index(sizes: list[int], data: st.DataObject) -> None:
    """The lazy array answers like the concatenated one."""

    class Files:
        def read(self, index: int, name: str) -> np.ndarray:
            return np.arange(sizes[index]) + 100 * index

    whole = np.concatenate([np.empty(0, np.int64), *(np.arange(n) + 100 * i for i, n in enumerate(sizes))])
    lazy = xr.Variable(
        "x", xr.core.indexing.LazilyIndexedArray(EndToEnd(Files(), "", np.array(sizes, np.int64), np.int64))
    )
    n = len(whole)
    some = st.slices(n) if n else st.just(slice(None))
    if n:
        some = st.one_of(some, st.integers(-n, n - 1), st.lists(st.integers(-n, n - 1), max_size=8).map(np.array))
    index = data.draw(some)
    index = index.astype(np.int64) if isinstance(index, np.ndarray) else index
    np.testing.assert_array_equal(lazy[index].values, whole[index])


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(1, 4000))
def test_chunks_are_whole_files(sizes: list[int], target: int) -> None:
    made = chunks(np.array(sizes, np.int64), target)
    ends = set(np.cumsum(sizes).tolist()) | {0}
    assert set(np.cumsum(made).tolist()) <= ends
    assert sum(made) == sum(sizes)
    assert all(chunk <= target or chunk in sizes for chunk in made)


@settings(max_examples=10)
@given(strategies.sfl_columns(max_rows=3))
def test_sfl_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, object]) -> None:
    """Every prefix of an SFL is a prefix of its rows."""
    path = tmp_path_factory.mktemp("cut") / "x.sfl"
    write_sfl(path, columns)
    raw, reader = path.read_bytes(), SeaflowSfl()
    whole = reader.open_dataset(path)
    header = raw.find(b"\n") + 1
    for size in range(0, len(raw), 11):
        cut = path.with_name(f"{size}.sfl")
        cut.write_bytes(raw[:size])
        if size < header:
            with pytest.raises(ReaderError):
                reader.open_dataset(cut)
            continue
        part = reader.open_dataset(cut)
        xr.testing.assert_equal(part, whole.isel(time=slice(0, raw[header:size].count(b"\n"))))


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_damaged_real_files(data: Path, tmp_path: Path, layout: str) -> None:
    """Headers, lengths and structure that are wrong are refused; payload is decoded as it stands, as numpy does."""
    day = data / "seaflow" / "testcruise" / f"evt_{layout}" / "2014_185"
    raw = (day / "2014-07-04T00-00-02+00-00").read_bytes()
    head, width, skip = (4, 12, 2) if layout == "v1" else (8, 7, 0)
    path = tmp_path / "2014-07-04T00-00-02+00-00"
    reader, tried, read = SeaflowEvt(), 0, 0
    for what, damaged in mutants(raw, 150, seed=2014):
        path.write_bytes(damaged)
        tried += 1
        try:
            found = reader.columns(path, CHANNELS[layout])
        except ReaderError:
            continue
        read += 1
        assert len(damaged) == len(raw), what
        assert damaged[:head] == raw[:head], what
        rows = np.frombuffer(damaged, "<u2", offset=head).reshape(-1, width)
        for i, name in enumerate(CHANNELS[layout]):
            np.testing.assert_array_equal(found[name], rows[:, skip + i], err_msg=what)
    print(f"{layout}: {tried} damaged copies of a real file, {read} read, {tried - read} refused")
    assert 0 < read < tried


def test_windows_that_are_no_times(tmp_path: Path) -> None:
    _folder(tmp_path, [("v2", "", 3)])
    ds = SeaflowEvt().open_dataset(tmp_path, start="2019-12-31", stop="2020-01-01")  # text is taken too
    assert ds.sizes["file"] == 1
    assert not Window(START, START)
