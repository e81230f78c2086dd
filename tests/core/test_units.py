"""Units, converted once."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.units import convert, refuse_other_quantity
from workbench.readers.influxdb_dialect import Schema
from workbench.readers.influxdb_naming import Naming


@pytest.mark.parametrize(
    ("value", "unit", "to", "wanted"),
    [(50, "degF", "degree_Celsius", 10), (1, "mS cm-1", "S m-1", 0.1), (1, "m/s", "kn", 1.943844), (1, "bar", "psi", 14.50377)],
)  # fmt: skip
def test_numbers_in_another_unit(value, unit, to, wanted):
    assert convert([value], unit, to)[0] == pytest.approx(wanted, rel=1e-6)


def test_absolute_salinity_is_no_practical_salinity():
    refuse_other_quantity("salinity", "PSU", "1")
    refuse_other_quantity("conductivity", "mS/cm", "S m-1")
    for unit in ("g/kg", "g kg-1", "%", "V"):
        with pytest.raises(WorkbenchError):
            refuse_other_quantity("salinity", unit, "1")
    naming, schema = Naming({"sal": "salinity"}, {"sal": "g/kg"}), Schema({"sal": "float"}, {})
    with pytest.raises(ReaderError, match="another quantity"):
        naming.check(schema, "http://server")
    assert np.isfinite(Naming({"sal": "salinity"}, {"sal": "1"}).values("sal", "float", np.ones(1), "")).all()
