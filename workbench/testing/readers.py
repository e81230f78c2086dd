"""The conformance suite of readers.

Subclass it, name the engine, write some files; pytest does the rest::

    from workbench.testing import readers

    class TestMyReader(readers.ReaderTests):
        engine = "my_engine"

        def write(self, folder):
            return [write_one(folder / f"2024-01-0{day}.my", day) for day in (1, 2, 3)]

Each law is one test, and says what it holds in its docstring. What differs between formats is a class attribute of
`ReaderSuite`: options, dtypes, whether opening may read, how many damaged files to try.
"""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers.reader import Reader
from workbench.testing.damage import DamageTests

_IO = Path("/proc/self/io")
_NS = np.timedelta64(1, "ns")


class ReaderTests(DamageTests):
    """The laws of readers; subclass it, set `engine` and implement `write` (see `ReaderSuite`)."""

    def test_registered_and_described(self) -> None:
        """It is found by name, says what it is, and takes explicit options only."""
        reader = self.reader
        assert isinstance(reader, Reader)
        assert (reader.__doc__ or "").strip(), "the first line of the class's docstring is its help"
        kinds = {p.kind for p in inspect.signature(reader.open_dataset).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds, "options are explicit, never **kwargs"
        assert reader.patterns, "patterns say which files in a folder are meant"
        assert reader.provides, "provides says which variables come out"

    def test_spec(self, files: list[Path]) -> None:
        """Variables have the dims, dtype and unit that `provides` declares; time is UTC nanoseconds."""
        ds = self.open(files)
        row, declared = self.rows(ds), {spec.name: spec for spec in self.reader.provides}
        assert ds["time"].dtype == np.dtype("datetime64[ns]")
        assert set(declared) & set(ds.data_vars), "none of the declared variables is there"
        for name in set(declared) & set(map(str, ds.variables)):
            spec, array = declared[name], ds[name]
            if name != "time":
                assert array.dims in ((spec.dims or (row,)), ("file",)), name
            wanted = self.dtypes.get(name, spec.dtype)
            assert array.dtype.kind in "UOT" if wanted == "str" else array.dtype == np.dtype(wanted), name
            if spec.unit:
                assert array.attrs.get("units") == spec.unit, name
        for variable in ds.data_vars.values():
            assert set(variable.attrs.get("ancillary_variables", "").split()) <= set(ds.variables), variable.name

    def test_paths(self, folder: Path, files: list[Path]) -> None:
        """A string, a Path, a list, a folder and a glob open alike."""
        self.same(self.open(str(files[0])), self.open(files[0]))
        together = self.open(files)
        self.same(self.open(folder), together, "a folder")
        self.same(self.open(str(folder / "*")), together, "a glob")

    def test_concatenation(self, files: list[Path]) -> None:
        """Many files are their rows, one after the other, in the order of time."""
        row = self.rows(self.open(files[0]))
        each = [self.open(path).load() for path in files]
        together = self.open(list(reversed(files)))
        for name in map(str, together.variables):
            parts = [ds[name].to_numpy() for ds in each if name in ds]
            if {row, "file"} & set(together[name].dims) and len(parts) == len(each):
                np.testing.assert_array_equal(together[name].to_numpy(), np.concatenate(parts), err_msg=name)
        assert together.sizes[row] == sum(ds.sizes[row] for ds in each)

    def test_neighbours(self, folder: Path, files: list[Path]) -> None:
        """Hidden files, files of other names and empty folders beside are left out."""
        whole = self.open(files).load()
        (files[0].with_name(f".{files[0].name}")).write_bytes(files[0].read_bytes())
        (folder / "README.of-another-kind").write_bytes(b"not data")
        (folder / "empty").mkdir()
        self.same(self.open(folder), whole)
        assert self.open(folder / "empty").sizes[self.rows(whole)] == 0, "an empty folder is a dataset without rows"

    def test_lazy(self, files: list[Path]) -> None:
        """Opening reads no payload."""
        if not self.lazy:
            pytest.skip("rows of this format can only be counted by reading them")
        if not _IO.exists():
            pytest.skip("bytes read are counted through /proc/self/io")
        self.open(files[0])  # imports
        before = _bytes_read()
        ds = self.open(files)
        gone = _bytes_read() - before
        total = sum(path.stat().st_size for path in files)
        allowed = self.head * len(files)
        assert total > 2 * allowed, (
            f"write() must write more than {2 * allowed} bytes, not {total}, for this law to mean anything"
        )
        assert gone <= allowed, f"opening {len(files)} files of {total} bytes read {gone}"
        ds.load()
        assert _bytes_read() - before > gone, "loading reads"

    def test_window(self, files: list[Path]) -> None:
        """``open(start, stop)`` is ``open()`` where start <= time < stop."""
        ds = self.open(files).load()
        times = np.unique(ds["time"].to_numpy())
        times = times[~np.isnat(times)]
        picked = times[:: max(1, len(times) // 4)]
        moments = np.concatenate([picked, picked + _NS, times[-1:] + _NS])
        for start in moments:
            for stop in moments:
                part = self.open(files, start=start, stop=stop)
                self.same(part, self.between(ds, Window(start, stop)), f"{start} to {stop}")
        self.same(self.open(files, start=picked[0]), self.between(ds, Window(start=picked[0])))

    def test_span_and_files(self, folder: Path, files: list[Path]) -> None:
        """`span` gives the first and last time of a file; `files` finds and orders them."""
        reader = self.reader
        for path in files:
            time_of = self.open(path)["time"].to_numpy()
            assert reader.span(path, **self.taken(reader.span)) == (time_of.min(), time_of.max())
        assert reader.files(folder) == files
        assert reader.files(list(reversed(files))) == files
        assert reader.guess_can_open(str(files[0]))

    def test_columns(self, files: list[Path]) -> None:
        """`columns` gives the same arrays as the dataset, and names what it does not know."""
        ds = self.open(files[0])
        row = self.rows(ds)
        names = [str(name) for name in ds.data_vars if ds[name].dims == (row,)]
        found = self.reader.columns(files[0], names, **self.taken(self.reader.columns))
        assert list(found) == names
        for name, values in found.items():
            assert values.dtype == ds[name].dtype
            np.testing.assert_array_equal(values, ds[name].to_numpy(), err_msg=name)
        with pytest.raises(ReaderError, match="no_such_variable"):
            self.reader.columns(files[0], ["no_such_variable"], **self.taken(self.reader.columns))

    def test_chunks_pickle_drop(self, files: list[Path]) -> None:
        """Dask, processes and netCDF take the dataset; variables can be left out."""
        ds = self.open(files)
        whole = ds.load()
        self.same(self.open(files, chunks={}).compute(), whole, "chunks")
        self.same(pickle.loads(pickle.dumps(self.open(files))), whole, "pickle")
        name = str(next(iter(ds.data_vars)))
        assert name not in self.open(files, drop_variables=name)
        row = self.rows(ds)
        some = self.open(files).isel({row: slice(1, None, 3)})
        self.same(some.load(), whole.isel({row: slice(1, None, 3)}), "slices")

    def test_saved(self, files: list[Path], tmp_path: Path) -> None:
        """It can be saved as netCDF, with every attribute."""
        ds = self.open(files)
        ds.to_netcdf(tmp_path / "saved.nc", engine="h5netcdf")
        with xr.open_dataset(tmp_path / "saved.nc", engine="h5netcdf") as saved:
            assert set(saved.variables) == set(ds.variables)


def _bytes_read() -> int:
    fields = dict(line.split(": ") for line in _IO.read_text().splitlines())
    return int(fields["rchar"])
