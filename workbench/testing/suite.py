"""What the tests of readers share: how files are written, opened and compared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from workbench.core import plugins
from workbench.core.window import Window
from workbench.readers.reader import Reader


class ReaderSuite:
    """Attributes and means of `workbench.testing.readers.ReaderTests`.

    Attributes
    ----------
    engine : str or type
        The name registered in the group ``xarray.backends``, or a reader class that is not registered yet.
    options : dict
        Options to open with.
    dtypes : mapping of str to str
        dtype of variables where these files have another than the reader's ``provides`` says.
    lazy : bool
        False for formats whose rows can only be counted by reading them (lines of text): then opening may read.
    head : int
        Bytes per file that opening may read where `lazy` is true. The files of `write` must be larger.
    tries : int
        Truncations and damaged copies to try.
    slack : int
        Bytes of memory that opening and loading a damaged file may take beyond 64 times its size.
    """

    engine: ClassVar[str | type[Reader]]
    options: ClassVar[Mapping[str, Any]] = {}
    dtypes: ClassVar[Mapping[str, str]] = {}
    lazy: ClassVar[bool] = True
    head: ClassVar[int] = 8192
    tries: ClassVar[int] = 60
    slack: ClassVar[int] = 32 << 20

    @abstractmethod
    def write(self, folder: Path) -> list[Path]:
        """Write at least three whole files with different times into `folder`, or folders in it; their paths in the order of time."""

    def broken(self, path: Path) -> bytes:
        """Bytes that are none of this format, to stand under the name `path`."""
        return b"\xde\xad\xbe\xef" * 16

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        made = tmp_path / "files"
        made.mkdir()
        return made

    @pytest.fixture
    def files(self, folder: Path) -> list[Path]:
        return self.write(folder)

    @property
    def reader(self) -> Reader:
        cls: Any = plugins.find("xarray.backends", self.engine) if isinstance(self.engine, str) else self.engine
        made: Reader = cls()
        return made

    def open(self, what: Any, **options: Any) -> xr.Dataset:
        return xr.open_dataset(what, engine=self.engine, **{**self.options, **options})

    def taken(self, verb: Any) -> dict[str, Any]:
        """Those of `options` that a method of the reader takes, too."""
        known = signature(verb).parameters
        return {name: value for name, value in self.options.items() if name in known}

    def rows(self, ds: xr.Dataset) -> str:
        """The row dimension."""
        return "particle" if "particle" in ds.dims else "time"

    def same(self, a: xr.Dataset, b: xr.Dataset, why: str = "") -> None:
        """Equal values, dims and names; which files were refused does not count."""
        assert set(a.variables) == set(b.variables), why
        for name in a.variables:
            left, right = a[name].to_numpy(), b[name].to_numpy()
            assert a[name].dims == b[name].dims, f"{why} {name}"
            np.testing.assert_array_equal(left, right, err_msg=f"{why} {name}")

    def between(self, ds: xr.Dataset, window: Window) -> xr.Dataset:
        """The rows of `ds` inside `window`, chosen after loading: what opening with start and stop must give."""
        inside = window.contains(ds["time"].to_numpy())
        if "particle" not in ds.dims:
            return ds.isel(time=inside)
        of_file = np.repeat(inside, ds["row_size"].to_numpy())
        return ds.isel(file=inside, particle=of_file)

    def prefix(self, part: xr.Dataset, ds: xr.Dataset, why: str) -> None:
        """`part` is the first rows of `ds`."""
        row = self.rows(ds)
        assert part.sizes[row] <= ds.sizes[row], why
        self.same(part, ds.isel({row: slice(0, part.sizes[row])}), why)

    def copy(self, path: Path, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        return copy
