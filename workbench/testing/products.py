"""The conformance suite of products.

Subclass it, name the product, give inputs; pytest does the rest::

    from workbench.testing import products

    class TestDouble(products.ProductTests):
        product = "double"

        def inputs(self):
            return {"numbers": xr.Dataset({"x": ("time", [1.0, 2.0])}, {"time": [...]})}

Each law is one test, and says what it holds in its docstring; the contract stands in `workbench.products`.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from workbench.core import plugins
from workbench.core.variables import VariableSpec
from workbench.core.window import Window

_NS = np.timedelta64(1, "ns")


class ProductTests:
    """The laws of products; subclass it, set `product` and implement `inputs`.

    Attributes
    ----------
    product : str or callable
        The name registered in the group ``workbench.products``, or a function that is not registered yet.
    options : dict
        Options to call it with.
    """

    product: ClassVar[Any]
    options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def inputs(self) -> dict[str, xr.Dataset]:
        """Inputs with rows at more than one time, by name; called anew for each test."""

    @property
    def function(self) -> Callable[..., xr.Dataset]:
        cls = type(self).__dict__.get("product", type(self).product)
        found: Any = plugins.find("workbench.products", cls) if isinstance(cls, str) else cls
        made: Callable[..., xr.Dataset] = found
        return made

    def make(self, inputs: Mapping[str, xr.Dataset]) -> xr.Dataset:
        return self.function(**inputs, **self.options).load()

    @pytest.fixture
    def given(self) -> dict[str, xr.Dataset]:
        return self.inputs()

    def test_signature(self, given: dict[str, xr.Dataset]) -> None:
        """Inputs come first, options are keywords, nothing is swallowed; it says what it is, reaches and provides."""
        function = self.function
        parameters = inspect.signature(function).parameters.values()
        kinds = {p.kind for p in parameters}
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}, "nothing is swallowed"
        names = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        assert set(given) <= set(names), f"inputs are {names}"
        assert (function.__doc__ or "").strip(), "the first line of the docstring is its help"
        reach = getattr(function, "reach", None)
        assert reach == "cruise" or isinstance(reach, np.timedelta64), "reach is a timedelta64 or 'cruise'"
        assert getattr(function, "provides", ()), "provides says which variables come out"
        with pytest.raises(TypeError):
            function(**given, no_such_option=1)

    def test_provides(self, given: dict[str, xr.Dataset]) -> None:
        """Variables have the dims, dtypes and units that are declared; time ascends, in UTC nanoseconds."""
        ds = self.make(given)
        declared: dict[str, VariableSpec] = {spec.name: spec for spec in self.function.provides}  # type: ignore[attr-defined]
        assert ds["time"].dtype == np.dtype("datetime64[ns]")
        assert len(ds["time"].dims) == 1
        (row,) = ds["time"].dims
        assert ds.sizes[row] > 1, "inputs() must lead to rows at more than one time, for the laws to mean anything"
        assert not (ds["time"].to_numpy()[1:] < ds["time"].to_numpy()[:-1]).any()
        assert set(declared) & set(ds.data_vars), "none of the declared variables is there"
        for name in set(declared) & set(map(str, ds.variables)):
            spec, array = declared[name], ds[name]
            if name != "time":
                assert array.dims == (spec.dims or (row,)), name
            assert array.dtype.kind in "UOT" if spec.dtype == "str" else array.dtype == np.dtype(spec.dtype), name
            if spec.unit:
                assert array.attrs.get("units") == spec.unit, name

    def test_pure(self, given: dict[str, xr.Dataset]) -> None:
        """Inputs stay as they were, and the same inputs give the same dataset."""
        before = {name: ds.copy(deep=True) for name, ds in given.items()}
        first = self.make(given)
        for name, ds in given.items():
            xr.testing.assert_identical(ds.load(), before[name].load())
        xr.testing.assert_identical(self.make(given), first)

    def test_lazy_inputs(self, given: dict[str, xr.Dataset]) -> None:
        """Dask arrays give the same as arrays in memory."""
        whole = self.make({name: ds.load() for name, ds in given.items()})
        lazy = {name: ds.chunk({dim: max(1, n // 2) for dim, n in ds.sizes.items()}) for name, ds in given.items()}
        xr.testing.assert_equal(self.make(lazy), whole)

    def test_window(self, given: dict[str, xr.Dataset]) -> None:
        """Inputs over a window widened by the reach, then cut to it, give the rows of the whole in it."""
        reach = self.function.reach  # type: ignore[attr-defined]
        if isinstance(reach, str):
            pytest.skip("its inputs are always given whole")
        whole = self.make(given)
        times = np.unique(whole["time"].to_numpy())
        moments = np.unique(np.concatenate([times[:: max(1, len(times) // 4)], times[-1:]]))
        for start in moments:
            for stop in (*moments[moments > start], times[-1] + _NS):
                window = Window(start, stop)
                wide = Window(start - reach, stop + reach)
                part = self.make({name: _cut(ds, wide) for name, ds in given.items()})
                xr.testing.assert_equal(_cut(part, window), _cut(whole, window))

    def test_nothing(self, given: dict[str, xr.Dataset]) -> None:
        """Inputs without rows give a dataset without rows, with the same variables."""
        ds = self.make({name: _cut(one, Window(np.datetime64("1700-01-01"), np.datetime64("1700-01-02")))
                        if name in self.timed(given) else one for name, one in given.items()})  # fmt: skip
        (row,) = ds["time"].dims
        assert ds.sizes[row] == 0
        assert set(ds.data_vars) == set(self.make(given).data_vars)

    def timed(self, given: Mapping[str, xr.Dataset]) -> set[str]:
        """The inputs whose rows lie in time; not a plan, whose parameters hold for all of it."""
        return {name for name, ds in given.items() if "time" in ds.variables and "filter" not in ds.variables}


def _cut(ds: xr.Dataset, window: Window) -> xr.Dataset:
    """The rows in a window; particles follow their files."""
    (row,) = ds["time"].dims
    inside = window.contains(ds["time"].to_numpy())
    if "particle" in ds.dims and row == "file":
        of_file = np.repeat(inside, ds["row_size"].to_numpy())
        return ds.isel(file=np.flatnonzero(inside), particle=np.flatnonzero(of_file))
    return ds.isel({row: np.flatnonzero(inside)})
