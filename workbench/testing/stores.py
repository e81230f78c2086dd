"""The conformance suite of stores: readers of what answers for itself.

Subclass it, name the engine, and say how rows are put there; pytest does the rest::

    from workbench.testing import stores

    class TestMyStore(stores.StoreTests):
        engine = "my_store"

        def place(self, tmp_path):
            return "mystore://127.0.0.1:1234/cruise/met"

        def put(self, url, ds):
            ...                      # write the rows of ds (dim time) to where url points

        def asked(self):
            return ...               # bytes of answers so far, as the server counts them (or None)

Each law is one test, and says what it holds in its docstring.
"""

from __future__ import annotations

import inspect
import json
import pickle
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr

from workbench.core import plugins
from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.readers.store import Store

_NS = np.timedelta64(1, "ns")
T0 = np.datetime64("2024-01-01T00:00:00.000000001", "ns")


class StoreTests:
    """The laws of stores; subclass it (see the top of this file).

    Attributes
    ----------
    engine : str or type
        The name registered in the group ``xarray.backends``, or a class that is not registered yet.
    options : dict
        Options to ask with.
    rows : int
        Rows that `some` makes; what opening them may cost is compared to what loading them costs.
    share : float
        Bytes that opening may make the store answer, of those that loading takes.
    """

    engine: ClassVar[str | type[Store]]
    options: ClassVar[Mapping[str, Any]] = {}
    rows: ClassVar[int] = 20_000
    share: ClassVar[float] = 0.1

    @abstractmethod
    def place(self, tmp_path: Path) -> str:
        """The url of a place of its own, where nothing is yet."""

    @abstractmethod
    def put(self, url: str, ds: xr.Dataset) -> None:
        """Write rows there, as another program would; rows of the same time are written over."""

    def nowhere(self, url: str) -> str:
        """A url like this one, at which nothing is."""
        return f"{url}_that_is_not_there"

    def asked(self) -> int | None:
        """Bytes that were answered so far; None when nobody counts."""
        return None

    def some(self, rows: int, start: int = 0) -> xr.Dataset:
        """Rows that a store has to keep as they are: nanoseconds, gaps, text of several lines."""
        index = np.arange(start, start + rows)
        time = T0 + index * np.timedelta64(1_000_000_007, "ns")
        par = np.where(index % 7 == 3, np.nan, index * 0.25)
        words = np.array([("", "a, b", 'two\nlines "quoted"', "ü = µ")[i % 4] for i in index], dtype=object)
        return xr.Dataset(
            {"par": ("time", par), "pressure": ("time", index + 0.5), "word": ("time", words)}, {"time": time}
        )

    # what they use

    @property
    def store(self) -> Any:
        cls: Any = plugins.find("xarray.backends", self.engine) if isinstance(self.engine, str) else self.engine
        return cls()

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return self.place(tmp_path)

    def ask(self, method: str, *args: Any, **more: Any) -> Any:
        """Call a method with those of the options that it takes."""
        call = getattr(self.store, method)
        known = inspect.signature(call).parameters
        return call(*args, **{key: value for key, value in {**self.options, **more}.items() if key in known})

    def open(self, url: str, **more: Any) -> xr.Dataset:
        ds: xr.Dataset = self.ask("open_dataset", url, **more)
        return ds

    def same(self, a: xr.Dataset, b: xr.Dataset, why: str = "") -> None:
        """Equal names, dims and values."""
        assert set(a.variables) == set(b.variables), why
        for name in a.variables:
            assert a[name].dims == b[name].dims, f"{why} {name}"
            np.testing.assert_array_equal(a[name].to_numpy(), b[name].to_numpy(), err_msg=f"{why} {name}")

    def steps(self, url: str, cursor: Any = None) -> tuple[list[xr.Dataset], Any]:
        """All there is to give now, and the cursor after it, as JSON gives it back."""
        pieces = []
        for _ in range(10_000):
            ds, cursor = self.ask("changed", url, cursor)
            cursor = json.loads(json.dumps(cursor))
            assert not ds.attrs.get("replaces"), ds.attrs["replaces"]
            pieces.append(ds)
            if not ds.attrs.get("more"):
                return pieces, cursor
        raise AssertionError("there is always more")

    # the laws

    def test_registered_and_described(self) -> None:
        """It is found by name, says what it is, and takes explicit options only."""
        store = self.store
        assert isinstance(store, Store)
        assert (store.__doc__ or "").strip(), "the first line of the class's docstring is its help"
        opened = inspect.signature(store.open_dataset).parameters
        for method in ("open_dataset", "changed", "variables", "count", "span"):
            found = inspect.signature(getattr(store, method)).parameters
            assert inspect.Parameter.VAR_KEYWORD not in {p.kind for p in found.values()}, (
                f"{method}: options are explicit"
            )
            options = {name for name, p in found.items() if p.kind == p.KEYWORD_ONLY}
            assert options <= set(opened), f"{method} takes options that open_dataset does not take"

    def test_what_is_put_is_read(self, url: str) -> None:
        """Times to the nanosecond, numbers and text come back as they were put; missing is NaN."""
        ds = self.some(60)
        self.put(url, ds)
        read = self.open(url).load()
        assert read["time"].dtype == np.dtype("datetime64[ns]")
        np.testing.assert_array_equal(read["time"].to_numpy(), ds["time"].to_numpy())
        for name in ds.data_vars:
            np.testing.assert_array_equal(read[name].to_numpy(), ds[name].to_numpy(), err_msg=str(name))

    def test_spec(self, url: str) -> None:
        """Variables have the dims, dtype and unit that `variables` says."""
        self.put(url, self.some(20))
        ds, specs = self.open(url), self.ask("variables", url)
        assert set(ds.variables) == set(specs)
        for name, spec in specs.items():
            array = ds[name]
            assert array.dims in (spec.dims or ("time",), ()), name
            assert array.dtype.kind in "UOT" if spec.dtype == "str" else array.dtype == np.dtype(spec.dtype), name
            if spec.unit:
                assert array.attrs.get("units") == spec.unit, name

    def test_count_and_span(self, url: str) -> None:
        """`count` and `span` say what opening finds."""
        ds = self.some(500)
        self.put(url, ds)
        assert self.ask("count", url) == 500 == self.open(url).sizes["time"]
        assert self.ask("span", url) == (ds["time"].values[0], ds["time"].values[-1])

    def test_lazy(self, url: str) -> None:
        """Opening, counting, spans and variables read no rows."""
        if self.asked() is None:
            pytest.skip("nobody counts the bytes that this store answers")
        self.put(url, self.some(self.rows))
        before = int(self.asked() or 0)
        ds = self.open(url)
        for method in ("count", "span", "variables"):
            self.ask(method, url)
        opened = int(self.asked() or 0) - before
        ds.load()
        loaded = int(self.asked() or 0) - before - opened
        assert opened < self.share * loaded, f"opening took {opened} bytes, loading {loaded}"

    def test_window(self, url: str) -> None:
        """``open(start, stop)`` is ``open()`` where start <= time < stop."""
        self.put(url, self.some(40))
        whole = self.open(url).load()
        times = whole["time"].to_numpy()
        picked = times[:: max(1, len(times) // 4)]
        moments = [*picked, *(picked + _NS), times[-1] + _NS]
        for start in moments:
            for stop in moments:
                part = self.open(url, start=start, stop=stop)
                inside = Window(start, stop).contains(times)
                self.same(part, whole.isel(time=inside), f"{start} to {stop}")

    def test_changes(self, url: str) -> None:
        """`changed` in any steps adds up to `open`; nothing new gives nothing."""
        ds = self.some(300)
        pieces: list[xr.Dataset] = []
        cursor = None
        for begin, end in ((0, 1), (1, 120), (120, 121), (121, 300)):
            self.put(url, ds.isel(time=slice(begin, end)))
            new, cursor = self.steps(url, cursor)
            pieces += new
            again, cursor = self.steps(url, cursor)
            assert sum(piece.sizes["time"] for piece in again) == 0
        self.adds_up(pieces, self.open(url).load())

    def test_late(self, url: str) -> None:
        """A row that comes late, before newer ones, is given too."""
        ds = self.some(100)
        late = np.isin(np.arange(100), (0, 40, 98))
        self.put(url, ds.isel(time=~late))
        pieces, cursor = self.steps(url)
        self.put(url, ds.isel(time=late))
        new, _ = self.steps(url, cursor)
        assert sum(piece.sizes["time"] for piece in new) == 3
        self.adds_up(pieces + new, self.open(url).load())

    def test_rewritten(self, url: str) -> None:
        """A row that says something else now asks the caller to begin again."""
        ds = self.some(100)
        self.put(url, ds)
        _, cursor = self.steps(url)
        ds["pressure"].values[50] = -1.0
        self.put(url, ds.isel(time=[50]))
        found, cursor = self.ask("changed", url, cursor)
        assert found.attrs["replaces"]
        pieces, _ = self.steps(url)
        self.adds_up(pieces, self.open(url).load())

    def test_max_points(self, url: str) -> None:
        """With `max_points` no more rows come; lowest and highest value are kept."""
        if "max_points" not in inspect.signature(self.store.open_dataset).parameters:
            pytest.skip("it cannot answer with fewer rows")
        self.put(url, self.some(400))
        whole = self.open(url).load()
        few = self.open(url, max_points=50).load()
        assert 10 < few.sizes["time"] <= 50
        for name in ("par", "pressure"):
            assert float(few[f"{name}_min"].min()) == float(whole[name].min())
            assert float(few[f"{name}_max"].max()) == float(whole[name].max())
            assert bool(((few[f"{name}_min"] <= few[name] + 1e-9) & (few[name] <= few[f"{name}_max"] + 1e-9)).all())
        assert few["time"].values[0] >= whole["time"].values[0] and few["time"].values[-1] <= whole["time"].values[-1]
        self.same(self.open(url, max_points=400), whole, "rows that are not too many come as they are")

    def test_pickle_and_drop(self, url: str) -> None:
        """A lazy dataset goes to other processes; variables can be left out."""
        self.put(url, self.some(30))
        ds = self.open(url)
        whole = ds.load()
        self.same(pickle.loads(pickle.dumps(self.open(url))).load(), whole)
        assert "par" not in self.open(url, drop_variables="par")
        self.same(self.open(url).isel(time=slice(3, 20, 2)).load(), whole.isel(time=slice(3, 20, 2)))

    def test_misnamed(self, url: str) -> None:
        """What is not there is a ReaderError that names it; a misspelt option is a TypeError."""
        self.put(url, self.some(3))
        for method in ("open_dataset", "count", "span", "variables", "changed"):
            with pytest.raises(ReaderError):
                self.ask(method, self.nowhere(url))
        with pytest.raises(TypeError):
            self.store.open_dataset(url, strat="2020-01-01")

    def adds_up(self, pieces: list[xr.Dataset], whole: xr.Dataset) -> None:
        """The pieces are the rows of `whole`, each once."""
        time = np.concatenate([piece["time"].to_numpy() for piece in pieces])
        order = np.argsort(time, kind="stable")
        np.testing.assert_array_equal(time[order], whole["time"].to_numpy())
        for name in whole.data_vars:
            values: list[npt.NDArray[Any]] = []
            for piece in pieces:
                blank = np.full(
                    piece.sizes["time"], "" if whole[name].dtype.kind in "OU" else np.nan, whole[name].dtype
                )
                values.append(piece[name].to_numpy() if name in piece else blank)
            np.testing.assert_array_equal(np.concatenate(values)[order], whole[name].to_numpy(), err_msg=str(name))
