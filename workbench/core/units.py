"""Units by pint, converted once, at the reader."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError

# What a unit may look like before pint is asked: pint would work out 9**9**9**9 for as long as it takes.
_POWER = r"(?:(?:\^|\*\*)?[-+]?\d{1,2}|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2})"
_FACTOR = (
    rf"(?:[^\W\d]+{_POWER}?|[%°]\w*|\d{{1,9}}(?:\.\d{{1,9}})?(?:[eE][-+]?\d{{1,2}})?(?:(?:\^|\*\*)[-+]?\d{{1,2}})?)"
)
_UNIT = re.compile(rf"\s*{_FACTOR}(?:\s*[*/·.]\s*{_FACTOR}|\s+{_FACTOR}){{0,9}}\s*")

#: Variables that are counted on a scale without a unit: 35 g/kg (absolute salinity) is no practical salinity of 0.035.
_SCALES = frozenset({"salinity"})

if TYPE_CHECKING:
    import pint


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """The CF-aware unit registry (loaded on first use: 0.3 s)."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of matplotlib, which is not needed
        from cf_xarray.units import units

    registered: pint.UnitRegistry[Any] = units
    return registered


def convert(values: npt.ArrayLike, unit: str, to: str) -> npt.NDArray[np.float64]:
    """`values` in `unit`, expressed in `to` (UDUNITS strings), float64.

    Raises
    ------
    WorkbenchError
        When either unit is unknown or they measure different things.
    """
    data = np.asarray(values, dtype=np.float64)
    if unit == to:
        return data
    for text in (unit, to):
        if not _UNIT.fullmatch(text):
            raise WorkbenchError(f"'{text}' is not a unit; write it as psi, degree_Celsius, m s-1 or 1")
    try:
        quantity = registry().Quantity(data, unit)
        return np.asarray(quantity.to(to).magnitude, dtype=np.float64)
    except Exception as error:  # pint raises a family of its own, and tokenizer errors on odd text
        raise WorkbenchError(f"cannot turn '{unit}' into '{to}': {error}") from error


def refuse_other_quantity(name: str, unit: str, to: str) -> None:
    """Return where numbers in `unit` are values of `name` in `to`, perhaps after they were converted.

    Raises
    ------
    WorkbenchError
        When they cannot be converted, or could be and are something else all the same.
    """
    if unit != to and convert(1.0, unit, to) != 1.0 and name in _SCALES:
        raise WorkbenchError(f"{name} has no unit; what is in '{unit}' is another quantity")
