"""A file recognised by its bytes is what it would be had it been looked through: whatever differs is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.readers import containers, hdf5_twin
from workbench.readers.hdf5 import Hdf5
from workbench.readers.rows_index import Asked, Index

#: What files may differ in; the first of each is the usual one.
CHOICES: dict[str, list[Any]] = {
    "time units": ["seconds since 2024-01-01", "minutes since 2024-01-01", "seconds since 2024-01-02"],
    "units": ["m", "s"], "name": ["depth", "width"], "dtype": ["f8", "f4", "i8"], "rows": [20, 21], "more": [False, True],
    "fixed text": [False, True], "chunks": [None, (5,)], "still": [0.0, 1.0], "fill": [None, -1.0],
}  # fmt: skip
usual = {key: choices[0] for key, choices in CHOICES.items()}
other = st.fixed_dictionaries({key: st.sampled_from(choices) for key, choices in CHOICES.items()})
#: Mostly files that differ in one thing, or in nothing.
files = st.lists(
    st.sampled_from(list(CHOICES)).flatmap(lambda key: st.fixed_dictionaries({key: st.sampled_from(CHOICES[key])}))
    .map(lambda some: usual | some) | other,
    min_size=1, max_size=5,
)  # fmt: skip


def write(path: Path, seed: int, about: dict[str, Any]) -> Path:
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        rows, chunks = about["rows"], about["chunks"]
        file.create_dataset("time", data=np.arange(rows) + seed * 100, dtype="i8", chunks=chunks)
        file.create_dataset(about["name"], data=rng.integers(0, 100, rows).astype(about["dtype"]), chunks=chunks)
        file.create_dataset("site", data=about["still"])
        if about["more"]:
            file["speed"] = rng.normal(size=rows)
        for name, said in (("time", about["time units"]), (about["name"], about["units"])):
            file[name].attrs["units"] = np.bytes_(said) if about["fixed text"] else said
        if about["fill"] is not None:
            file[about["name"]].attrs["_FillValue"] = about["fill"]
        for each in (about["name"], *(["speed"] if about["more"] else [])):
            file[each].dims[0].attach_scale(file["time"])
    return path


def opened(index: Index, path: Path) -> tuple[Any, ...]:
    (known,) = index.look([str(path)], Asked())
    assert not isinstance(known, Exception)
    return (
        known.rows,
        known.first,
        known.last,
        index.layout(known.signature).text(),
        known.times(index).tolist(),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files)
def test_recognised_or_looked_through_it_is_the_same(tmp_path_factory: pytest.TempPathFactory, some: list[Any]) -> None:
    folder, index = tmp_path_factory.mktemp("files"), Index()
    for i, about in enumerate([usual, usual, *some]):  # two alike, so that there is something to be like
        path = write(folder / f"{i}.h5", i, about)
        assert opened(index, path) == opened(Index(), path)


def test_files_alike_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(tmp_path / f"{i}.h5", i, usual) for i in range(10)]
    looked: list[str] = []
    real = containers.opened
    monkeypatch.setattr(containers, "opened", lambda path: looked.append(path) or real(path))  # type: ignore[func-returns-value]
    index = Index()
    assert [opened(index, path)[1] for path in paths] == [
        np.datetime64("2024-01-01", "ns").astype(int) + i * 100 * 10**9 for i in range(10)
    ]
    assert looked == [str(path) for path in paths[:2]]


def test_values_come_from_the_file_itself(tmp_path: Path) -> None:
    for i in range(5):
        write(tmp_path / f"{i}.h5", i, usual)
    ds = xr.open_dataset(tmp_path, engine=Hdf5, chunks={})
    alone = [xr.open_dataset(tmp_path / f"{i}.h5", engine=Hdf5) for i in range(5)]
    xr.testing.assert_identical(
        ds[["depth"]].load().drop_attrs(), xr.concat([a[["depth"]] for a in alone], "time").drop_attrs()
    )


@pytest.mark.parametrize("damage", ["cut", "superblock", "longer"])
def test_a_damaged_one_is_none_of_them(tmp_path: Path, damage: str) -> None:
    paths = [write(tmp_path / f"{i}.h5", i, usual) for i in range(3)]
    raw = paths[2].read_bytes()
    paths[2].write_bytes({"cut": raw[:-1], "superblock": raw[:3] + b"?" + raw[4:], "longer": raw + b"\0"}[damage])
    index = Index()
    opened(index, paths[0]), opened(index, paths[1])
    (found,) = index.look([str(paths[2])], Asked())
    (wanted,) = Index().look([str(paths[2])], Asked())
    assert str(found) == str(wanted) if isinstance(wanted, Exception) else found == wanted


@pytest.mark.parametrize(("about", "said"), [({}, True), ({"chunks": (5,)}, False), ({"time units": ""}, False)])
def test_chunks_and_times_without_a_unit_are_left_to_libhdf5(tmp_path: Path, about: dict[str, Any], said: bool) -> None:
    path = write(tmp_path / "a.h5", 0, usual | about)
    if about.get("time units") == "":
        with h5py.File(path, "a") as file:
            del file["time"].attrs["units"]
    index = Index()
    with containers.opened(str(path)) as container:
        signature, layout = index.recognise(str(path), container, Asked(unit="s"))
        twin = hdf5_twin.take(str(path), container.file, signature, layout)  # type: ignore[attr-defined]
    assert (twin is not None) == said


def test_times_without_a_unit_are_told_by_the_file_itself(tmp_path: Path) -> None:
    """Three loggers with the same arrays: seconds, milliseconds, and MATLAB's days."""
    begin = np.datetime64("2023-01-12T00:00:00", "ns")
    for at, first in enumerate((1673481600.0, 1673481600000.0, 738898.0)):
        with h5py.File(tmp_path / f"{at}.h5", "w") as file:
            file["time"], file["depth"] = [first, first], [1.0, 2.0]
    reader = Hdf5()
    for at in (0, 1, 2, 1, 0):
        path = tmp_path / f"{at}.h5"
        assert reader.open_dataset(path)["time"].values[0] == begin
        assert reader.span(path)[0] == begin
    assert (reader.open_dataset(tmp_path)["time"].values == begin).all()
