"""Forward scatter to diameter and carbon, by Mie theory, through the calibrated size table.

Source: popcycle 7 ``size.carbon.conversion`` and the table ``calibrated-mie.csv``. ``lwr``, ``mid`` and ``upr`` are the
refractive indices 1.41, 1.38 and 1.35. Carbon quotas are taken from the table, never from a formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.core.errors import ReaderError, WorkbenchError, suggest

INDICES = ("lwr", "mid", "upr")
#: The six values a particle gets, in the order of the columns of a VCT file.
COLUMNS = tuple(f"{what}_{index}" for index in INDICES for what in ("diam", "Qc"))


@dataclass(frozen=True, eq=False)
class SizeTable:
    """The size table of one instrument.

    Attributes
    ----------
    instrument : str
    scatter : ndarray of float64 (m,)
        Forward scatter relative to 1 um beads, ascending.
    values : ndarray of float64 (m, 6)
        `COLUMNS`: diameter in um, carbon quota in pgC per cell.
    """

    instrument: str
    scatter: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def read_size_table(path: str | PathLike[str], instrument: str) -> SizeTable:
    """Read one instrument's columns of a ``calibrated-mie.csv``.

    Raises
    ------
    ReaderError
        When it is no such table.
    WorkbenchError
        When it has no columns for `instrument`.
    """
    from pyarrow import csv, lib

    try:
        table = csv.read_csv(fspath(path))
    except (OSError, lib.ArrowException) as error:
        raise ReaderError(path, f"not a size table ({error})") from error
    names = set(table.column_names)
    if "scatter" not in names:
        raise ReaderError(path, "not a size table", expected="a column 'scatter'", found=", ".join(sorted(names)[:6]))
    wanted = [f"{column.split('_')[0]}_{instrument}_{column.split('_')[1]}" for column in COLUMNS]
    known = sorted({name.split("_")[1] for name in names if name.count("_") == 2})
    if missing := [name for name in wanted if name not in names]:
        raise WorkbenchError(f"{fspath(path)}: no {missing[0]} for instrument '{instrument}'. {suggest(instrument, known)}")
    scatter = np.asarray(table["scatter"].to_numpy(), dtype=np.float64)
    if scatter.size < 2 or not np.all(np.diff(scatter) > 0):
        raise ReaderError(path, "column 'scatter' is not ascending")
    return SizeTable(instrument, scatter, np.column_stack([table[name].to_numpy() for name in wanted]).astype(np.float64))


def size(fsc: npt.ArrayLike, beads_fsc: float, table: SizeTable) -> npt.NDArray[np.float64]:
    """Diameter and carbon of particles.

    Parameters
    ----------
    fsc : array_like of float (n,)
        Forward scatter, linear.
    beads_fsc : float
        Forward scatter of the 1 um beads, log scale, of the particles' quantile.
    table : SizeTable

    Returns
    -------
    ndarray of float64 (n, 6)
        `COLUMNS` of `size`: diameters in um, carbon in pgC per cell.

    Notes
    -----
    ``i = findInterval(fsc / beads, scatter, all.inside=TRUE)``: scatter outside the table takes the table's first row
    or its last but one.
    """
    relative = np.asarray(fsc, dtype=np.float64) / float(to_linear(beads_fsc))
    row = np.clip(np.searchsorted(table.scatter, relative, "right") - 1, 0, len(table.scatter) - 2)
    return table.values[row]
