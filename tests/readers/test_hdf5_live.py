"""HDF5 files while they are written, after their writer was killed, and copied half."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from tests.readers import hdf5_files as make
from tests.readers.hdf5_writer import Writer
from workbench.catalog.source import Source
from workbench.core.errors import ReaderError
from workbench.readers import hdf5_file, hdf5_superblock, netcdf3
from workbench.readers.hdf5 import Hdf5

T0 = np.datetime64("2024-01-01", "ns")


def check(ds: xr.Dataset, rows: int, begin: int = 0) -> None:
    """Rows from `begin` on, as the writer wrote them: none is 0."""
    want = np.arange(begin, begin + rows)
    assert ds.sizes["time"] == rows
    np.testing.assert_array_equal(ds["time"].values, T0 + (want + 1) * np.timedelta64(1, "s"))
    np.testing.assert_allclose(ds["sst"].values, 10 + want / 1000)
    np.testing.assert_array_equal(ds["counts"].values, want + 1)
    np.testing.assert_array_equal(ds["spectrum"].values, want[:, None] + 1 + np.arange(4))


def opened(path: Path) -> xr.Dataset:
    return xr.open_dataset(path, engine="hdf5")


def test_reading_again_grows(tmp_path: Path) -> None:
    path = tmp_path / "live.h5"
    with Writer(path) as writer:
        assert opened(path).sizes["time"] == 0
        writer.append(100)
        first = opened(path)
        check(first.load(), 100)
        held = opened(path)  # not loaded, and not closed: a second opening must not be told of 100 rows
        writer.append(57)
        check(opened(path).load(), 157)
        check(held.load(), 100)
        with h5py.File(path, "r", swmr=True) as somebody:  # another opening in this process, of yesterday's size
            assert len(somebody["time"]) == 157
            writer.append(43)
            check(opened(path).load(), 200)


def test_followed_by_rows(tmp_path: Path) -> None:
    """`changed` gives each row once; a look at nothing new costs no reading."""
    path = tmp_path / "live.h5"
    with Writer(path) as writer:
        source = Source("hdf5", str(tmp_path)).named("ctd")
        _, cursor = source.changed()
        seen = 0
        for rows in (1, 10, 64, 129):
            writer.append(rows)
            ds, cursor = source.changed(cursor)
            assert ds.attrs["refused"] == "" and ds.attrs["replaces"] == ""
            check(ds, rows, begin=seen)
            seen += rows
        ds, again = source.changed(cursor)
        assert not ds.sizes["time"] and again is cursor
        check(source.open().load(), seen)
        writer.kill()
        ds, cursor = source.changed(cursor)
        assert not ds.sizes["time"] and ds.attrs["refused"] == ""
        check(source.open().load(), seen)


@pytest.mark.slow
def test_no_row_is_torn(tmp_path: Path) -> None:
    """Read as fast as can be while somebody writes: what is there is whole, and never 0."""
    path = tmp_path / "live.h5"
    looks = 0
    with Writer(path) as writer:
        writer.append(1)
        source = Source("hdf5", str(path)).named("ctd")
        ds, cursor = source.changed()
        seen = ds.sizes["time"]
        for _ in range(60):
            writer.tell(97)
            for _ in range(3):
                ds, cursor = source.changed(cursor)
                if ds.sizes["time"]:
                    check(ds, ds.sizes["time"], begin=seen)
                    seen += ds.sizes["time"]
                check(whole := opened(path).load(), whole.sizes["time"])
                looks += 2
            writer.wait()
        writer.kill()
    ds, cursor = source.changed(cursor)
    assert seen + ds.sizes.get("time", 0) == 1 + 60 * 97
    print(f"{looks} looks at a file being written, none torn")


def test_a_file_that_was_replaced_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with Writer(path) as writer:
        writer.append(20)
        source = Source("hdf5", str(tmp_path)).named("ctd")
        _, cursor = source.changed()
    for how, rows in (("another inode", 30), ("fewer rows", 5), ("other values", 30)):
        other = tmp_path / "other"
        with Writer(other) as writer:
            writer.append(rows)
        if how == "other values":
            with _unlocked(other) as file:
                file["sst"][0] = 11.0
            path.write_bytes(other.read_bytes())
        else:
            os.replace(other, path)
        ds, cursor = source.changed(cursor)
        assert ds.attrs["replaces"] == str(path), how
        assert ds.sizes["time"] == rows, how


def _unlocked(path: Path) -> h5py.File:
    """A file whose writer was killed, opened for writing all the same."""
    block = hdf5_superblock.find(path)
    raw = bytearray(path.read_bytes())
    raw[block.at : block.at + len(block.raw)] = hdf5_superblock.closed(block)
    path.write_bytes(raw)
    return h5py.File(path, "r+")


@pytest.mark.parametrize("mode", ["swmr", "latest", "old"])
def test_after_kill(tmp_path: Path, mode: str) -> None:
    """What was flushed is read, with no repair; the file is not touched."""
    path = tmp_path / "killed.h5"
    with Writer(path, mode) as writer:
        writer.append(200)
        check(opened(path).load(), 200)  # while the writer holds its lock, too
        writer.kill()
    before = path.read_bytes()
    check(opened(path).load(), 200)
    assert path.read_bytes() == before


def test_no_writer_is_kept_out(tmp_path: Path) -> None:
    """While it is read, others can open the file for writing."""
    path = make.plain(tmp_path / "a.h5", 0)
    ds = opened(path)
    with h5py.File(path, "r+") as file:
        file["ctd/sst"][0] = 300.0
    assert ds["sst"][0].item() == 300.0


KINDS = {"nc": make.netcdf4, "cdf": make.netcdf3, "h5": make.plain, "mat": make.matlab, "parquet": make.parquet}


@pytest.mark.parametrize("suffix", KINDS)
def test_half_copied_at_every_tenth_byte(tmp_path: Path, suffix: str) -> None:
    """Any part of a file is a ReaderError, and `complete` says so before anything is opened."""
    whole = KINDS[suffix](tmp_path / f"whole.{suffix}", 0, 60)
    raw, part, reader, tried = whole.read_bytes(), tmp_path / f"part.{suffix}", Hdf5(), 0
    assert reader.complete(whole) == len(raw)
    part.write_bytes(raw)
    for size in range((len(raw) - 1) // 10 * 10, -1, -10):
        os.truncate(part, size)
        tried += 1
        assert reader.complete(part) == 0, size
        with pytest.raises(ReaderError):
            opened(part)
    print(f"{suffix}: {tried} half copies refused")


READS = """
import sys, time
from workbench.core.errors import ReaderError
from workbench.readers import netcdf3

container = netcdf3.Container(sys.argv[1])
sst = next(each for each in container.arrays("") if each.name == "sst")
print("begun", flush=True)
until = time.monotonic() + 1.5
while time.monotonic() < until:
    try:
        container.read(sst, (slice(0, sst.shape[0]),))
    except ReaderError:
        pass
"""


def test_netcdf_3_that_is_written_anew_while_it_is_read_ends_nobody(tmp_path: Path) -> None:
    """A file that shrinks under a map of it would kill the process (SIGBUS), with everything else in it."""
    path = make.netcdf3(tmp_path / "a.nc", 0, 50_000)
    size = path.stat().st_size
    child = subprocess.Popen([sys.executable, "-c", READS, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    until = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < until:
        os.truncate(path, size // 8)
        os.truncate(path, size)
    child.kill()
    child.stdout.close()
    assert child.wait() == 0


@pytest.mark.parametrize("wide", [1, 300, 3000])
@pytest.mark.parametrize("unlimited", [["time"], []])
def test_rows_of_netcdf_3_are_those_that_were_written(
    tmp_path: Path, wide: int, unlimited: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far apart they stand, and in however many blocks they are read."""
    monkeypatch.setattr(netcdf3, "_BLOCK", 5000)
    values = np.arange(40 * wide, dtype="f4").reshape(40, wide)
    made = xr.Dataset({"x": (("time", "band"), values), "n": ("time", np.arange(40, dtype="i2")), "one": 7.0})
    made.to_netcdf(tmp_path / "a.nc", engine="netcdf4", format="NETCDF3_64BIT", unlimited_dims=unlimited)
    container = netcdf3.Container(str(tmp_path / "a.nc"))
    stored = {each.name: each for each in container.arrays("")}
    for begin, stop in ((0, 40), (3, 4), (39, 40), (7, 7), (5, 33)):
        np.testing.assert_array_equal(
            container.read(stored["x"], (slice(begin, stop), slice(0, wide))), values[begin:stop]
        )
        np.testing.assert_array_equal(container.read(stored["n"], (slice(begin, stop),)), np.arange(begin, stop))
    assert container.read(stored["one"], ()) == 7.0


@pytest.mark.parametrize("rows", [300, 30_000])
def test_netcdf_3_that_became_shorter_since_it_was_opened_is_refused(tmp_path: Path, rows: int) -> None:
    path = make.netcdf3(tmp_path / "a.nc", 0, rows)
    container = netcdf3.Container(str(path))
    stored = {each.name: each for each in container.arrays("")}
    os.truncate(path, 1200)
    for each in stored.values():
        if np.prod(each.shape) * 8 > 1200:
            with pytest.raises(ReaderError, match="changed while it was read"):
                container.read(each, tuple(slice(0, n) for n in each.shape))


@pytest.mark.slow
def test_half_of_a_live_file_is_never_zeros(tmp_path: Path) -> None:
    """A copy of a file in SWMR mode may be short without saying so: its rows are right, or refused, and soon."""
    path, part = tmp_path / "live.h5", tmp_path / "part.h5"
    with Writer(path) as writer:
        writer.append(150)
        writer.kill()
    raw, read, tried, looks = path.read_bytes(), 0, 0, []
    part.write_bytes(raw)
    for size in range(len(raw) - 1, -1, -149):
        os.truncate(part, size)
        tried, begun = tried + 1, time.process_time()
        try:
            ds = opened(part).load()
            check(ds, ds.sizes["time"])
            read += ds.sizes["time"] > 0
        except ReaderError:
            pass
        looks.append(time.process_time() - begun)
    shutil.copy(path, part)
    check(opened(part).load(), 150)
    print(f"{tried} half copies of a live file, {read} with some rows; {max(looks):.3f} s of CPU at most")


def test_a_file_caught_between_two_writes_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit together now may a moment later; a file that never does is refused after a few looks."""
    path = tmp_path / "live.h5"
    with Writer(path) as writer:
        writer.append(100)
        torn, look = [3], hdf5_file.ClosedView.readinto

        def readinto(self: hdf5_file.ClosedView, buffer: Any) -> int:
            begin = self.tell()
            count = look(self, buffer)
            if begin > 96 and torn[0]:
                torn[0] -= 1
                memoryview(buffer).cast("B")[:8] = bytes(8)
            return count

        monkeypatch.setattr(hdf5_file.ClosedView, "readinto", readinto)
        ds = opened(path)
        assert torn[0] == 0
        torn[0] = 3
        check(ds.load(), 100)
        torn[0] = 1 << 30
        with pytest.raises(ReaderError, match="broken"):
            opened(path)


def test_unwritten_chunks_are_missing(tmp_path: Path) -> None:
    """Rows that nobody wrote are NaN, not 0."""
    path = tmp_path / "sparse.h5"
    with h5py.File(path, "w") as file:
        file["time"] = np.arange(100.0)
        file["time"].attrs["units"] = "seconds since 2024-01-01"
        file.create_dataset("sst", (100,), "f8", chunks=(10,))[20:30] = 5.0
        file.create_dataset("own", (100,), "f8", chunks=(10,), fillvalue=7.0)[20:30] = 5.0
    ds = opened(path).load()
    assert np.isnan(ds["sst"].values[:20]).all() and np.isnan(ds["sst"].values[30:]).all()
    assert (ds["sst"].values[20:30] == 5).all()
    assert (ds["own"].values[:20] == 7).all(), "a fill value that was chosen is a value"


@pytest.mark.parametrize("missing", ["error", "nan"])
def test_a_member_that_is_gone(tmp_path: Path, missing: str) -> None:
    for part in range(3):
        make.netcdf4(tmp_path / f"{part}.nc", part, 50)
    ds = xr.open_dataset(tmp_path, engine="hdf5", missing=missing)
    (tmp_path / "1.nc").unlink()
    if missing == "error":
        with pytest.raises(ReaderError, match=r"1\.nc"):
            ds["salinity"].load()
        return
    assert np.isnan(ds["salinity"].values[50:100]).all() and np.isnan(ds["counts"].values[50:100]).all()
    np.testing.assert_array_equal(ds["salinity"].values[100:], make.columns(2, 50)["salt"])


@pytest.mark.parametrize("missing", ["error", "nan"])
@pytest.mark.parametrize("how", ["gone", "half", "written", "renamed"])
def test_a_virtual_dataset_without_its_source(tmp_path: Path, how: str, missing: str) -> None:
    """libhdf5 gives zeros for a source that it cannot read, time included."""
    for part in range(2):
        with h5py.File(tmp_path / f"{part}.h5", "w", libver="latest") as file:
            file["x"] = np.full(10, part + 1.0)
    layout = h5py.VirtualLayout((20,), "f8")
    for part in range(2):
        layout[part * 10 : part * 10 + 10] = h5py.VirtualSource(f"{part}.h5", "x", (10,))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
        file["time"] = np.arange(20.0)
        file["time"].attrs["units"] = "seconds since 2024-01-01"
    source = tmp_path / "1.h5"
    if how == "gone":
        source.unlink()
    elif how == "half":
        os.truncate(source, source.stat().st_size - 8)
    elif how == "written":
        block = hdf5_superblock.find(source)
        raw = bytearray(source.read_bytes())
        raw[11] = 5
        raw[44:48] = hdf5_superblock.lookup3(bytes(raw[:44])).to_bytes(4, "little")
        source.write_bytes(raw)
        assert hdf5_superblock.find(source).swmr and not block.swmr
    else:
        with h5py.File(source, "r+") as file:
            file.move("x", "y")
    ds = xr.open_dataset(tmp_path / "all.h5", engine="hdf5", missing=missing)
    assert (ds["x"][:10].values == 1).all(), "rows of the other source"
    if missing == "error":
        with pytest.raises(ReaderError, match=r"1\.h5"):
            ds.load()
    else:
        assert (ds["x"].values[:10] == 1).all() and np.isnan(ds["x"].values[10:]).all()


@pytest.mark.parametrize("mode", ["swmr", "latest", "old"])
def test_a_writer_that_holds_the_lock(tmp_path: Path, mode: str) -> None:
    """errno 11 (EAGAIN) is what plain h5py gets while a writer holds its file; here it is read, and the writer goes on."""
    path = tmp_path / "held.h5"
    with Writer(path, mode) as writer:
        writer.append(30)
        if mode != "swmr":  # a SWMR writer lets its lock go
            with pytest.raises(BlockingIOError) as refused:
                h5py.File(path, "r")
            assert refused.value.errno == errno.EAGAIN == 11
        check(opened(path).load(), 30)
        source = Source("hdf5", str(path)).named("ctd")
        ds, cursor = source.changed()
        check(ds, 30)
        writer.append(12)
        check(opened(path).load(), 42)
        ds, cursor = source.changed(cursor)
        assert ds.attrs["refused"] == ""
        assert ds.sizes["time"] in (12, 42)
