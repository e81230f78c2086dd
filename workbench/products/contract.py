"""What a product says about itself; the contract stands in `workbench.products`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import numpy as np

from workbench.core.variables import VariableSpec

Reach = np.timedelta64 | Literal["cruise"]
Function = TypeVar("Function", bound=Callable[..., object])
#: Any row may depend on any other: inputs are needed whole.
CRUISE: Literal["cruise"] = "cruise"
#: Each row depends on rows of its own time alone.
NOTHING = np.timedelta64(0, "ns")


def product(*, reach: Reach, provides: Sequence[VariableSpec], chunked: bool = True) -> Callable[[Function], Function]:
    """Mark a function as a product: it stays the function it is, with the attributes ``reach``, ``provides``, ``chunked``.

    Parameters
    ----------
    reach : numpy.timedelta64 or "cruise"
        How far beyond a window its inputs are needed, so that its rows in the window are those of the whole.
    provides : sequence of VariableSpec
        Variables that come out.
    chunked : bool
        False: it loads slices of its particles itself, and they come without dask, which costs much for many files.
    """

    def mark(function: Function) -> Function:
        function.reach = reach  # type: ignore[attr-defined]
        function.provides = tuple(provides)  # type: ignore[attr-defined]
        function.chunked = chunked  # type: ignore[attr-defined]
        return function

    return mark
