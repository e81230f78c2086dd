"""``calibrated-mie.csv``: the size tables of all instruments in one file."""

from __future__ import annotations

from os import PathLike, fspath

import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError, suggest
from workbench.core.sizes import COLUMNS, SizeTable


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
    except FileNotFoundError as error:
        raise ReaderError(path, "no such file") from error
    except (OSError, lib.ArrowException) as error:
        raise ReaderError(path, f"not a size table ({error})") from error
    names = set(table.column_names)
    if "scatter" not in names:
        raise ReaderError(path, "not a size table", expected="a column 'scatter'", found=", ".join(sorted(names)[:6]))
    wanted = [f"{column.split('_')[0]}_{instrument}_{column.split('_')[1]}" for column in COLUMNS]
    known = sorted({name.split("_")[1] for name in names if name.count("_") == 2})
    if missing := [name for name in wanted if name not in names]:
        raise WorkbenchError(
            f"{fspath(path)}: no {missing[0]} for instrument '{instrument}'. {suggest(instrument, known)}"
        )
    scatter = np.asarray(table["scatter"].to_numpy(), dtype=np.float64)
    if scatter.size < 2 or not np.all(np.diff(scatter) > 0):
        raise ReaderError(path, "column 'scatter' is not ascending")
    return SizeTable(
        instrument, scatter, np.column_stack([table[name].to_numpy() for name in wanted]).astype(np.float64)
    )
