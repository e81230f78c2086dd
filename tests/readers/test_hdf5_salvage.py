"""Salvage: what is there comes out as it was, what is not is said; the file itself is left alone."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from tests.readers import hdf5_files as make
from tests.readers.hdf5_writer import Writer
from workbench import cli
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.readers.hdf5_salvage import salvage


def half(path: Path, share: float) -> Path:
    part = path.with_name(f"half{share}{path.suffix}")
    raw = path.read_bytes()
    part.write_bytes(raw[: int(len(raw) * share)])
    return part


def test_most_of_a_file(tmp_path: Path) -> None:
    """Every row that is said to be recovered has the value it had; the others are missing, never 0."""
    whole, want = make.plain(tmp_path / "a.h5", 0), make.columns(0)
    found = {}
    for share in (0.98, 0.8, 0.6, 0.4):
        part = half(whole, share)
        before = part.read_bytes()
        copy = tmp_path / f"saved{share}.h5"
        try:
            done = {each.name: each for each in salvage(part, copy)}
        except WorkbenchError:  # nothing could be recovered
            continue
        assert part.read_bytes() == before
        with h5py.File(copy) as file:
            for name, each in done.items():
                if not each.rows:
                    continue
                assert each.of == make.ROWS
                values, truth = file[name][...], want[{"/ctd/epoch": "time"}.get(name, name.rsplit("/", 1)[-1])]
                truth = (
                    truth.astype("i8") / 1e9
                    if name == "/ctd/epoch"
                    else truth + 273.15
                    if name == "/ctd/sst"
                    else truth
                )
                lost = file[name].attrs.get("_FillValue", np.nan)
                good = ~np.isnan(values) if values.dtype.kind == "f" else values != lost
                rows = good.reshape(len(good), -1).all(axis=1)
                assert rows.sum() == each.rows
                np.testing.assert_array_equal(values[rows], truth[: len(values)][rows])
                assert each.rows == each.of or each.said
        found[share] = sum(each.rows for each in done.values())
    assert sorted(found.values(), reverse=True) == list(found.values()) and len(found) >= 2
    print(f"rows recovered of {5 * make.ROWS}: {found}")


def test_a_killed_writer(tmp_path: Path) -> None:
    path, copy = tmp_path / "live.h5", tmp_path / "saved.h5"
    with Writer(path) as writer:
        writer.append(200)
        writer.kill()
    assert all(each.rows == each.of == 200 for each in salvage(path, copy))
    with h5py.File(copy) as file:  # plainly, as anybody would open it
        np.testing.assert_array_equal(file["counts"][...], np.arange(1, 201))
    xr.testing.assert_equal(xr.open_dataset(copy, engine="hdf5").load(), xr.open_dataset(path, engine="hdf5").load())


def test_netcdf_stays_netcdf(tmp_path: Path) -> None:
    copy = tmp_path / "saved.nc"
    done = salvage(make.netcdf4(tmp_path / "a.nc", 0), copy)
    assert all(each.rows == each.of for each in done)
    xr.testing.assert_equal(xr.open_dataset(copy, engine="h5netcdf")["sst"], make.dataset(0)["sst"])


def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    text, copy = tmp_path / "text.h5", tmp_path / "saved.h5"
    text.write_text("not HDF5 at all" * 100)
    with pytest.raises(ReaderError, match="no HDF5"):
        salvage(text, copy)
    part = half(make.plain(tmp_path / "a.h5", 0), 0.002)
    with pytest.raises(WorkbenchError, match="nothing could be recovered"):
        salvage(part, copy)
    with pytest.raises(WorkbenchError, match="exists"):
        salvage(text, text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", part.name, "text.h5"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = half(make.plain(tmp_path / "a.h5", 0), 0.9)
    assert cli.main(["hdf5", "salvage", str(part), "-o", str(tmp_path / "saved.h5")]) == 0
    assert "rows" in capsys.readouterr().out
    assert cli.main(["hdf5", "salvage", str(part), "-o", str(tmp_path / "saved.h5")]) == 1
    assert "exists" in capsys.readouterr().err
