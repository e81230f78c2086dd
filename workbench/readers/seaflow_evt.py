"""SeaFlow EVT: raw particles, one file per three minutes."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

#: Channels of a v2 row, in the order of the bytes.
V2 = ("pulse_width", "chl_small", "D1", "D2", "fsc_small", "pe", "evt_rate")


def write_evt(path: str | os.PathLike[str], columns: Mapping[str, npt.ArrayLike]) -> None:
    """Write a v2 EVT file: ``u32 14``, ``u32 N``, then N rows of 7 ``u16``, little endian.

    Parameters
    ----------
    path : path-like
        Folders are made. The file appears whole or not at all (temp file, then rename).
    columns : mapping of str to array_like
        Every v2 channel (`V2`): N values in 0..65535, N at least 1.

    Raises
    ------
    ValueError
        When channels are missing or unknown, or their lengths or values do not fit.
    """
    if set(columns) != set(V2):
        raise ValueError(f"a v2 EVT row has the channels {', '.join(V2)}, not {', '.join(sorted(columns))}")
    arrays = {name: np.asarray(columns[name]) for name in V2}
    n = len(arrays["D1"])
    if n == 0 or any(a.shape != (n,) for a in arrays.values()):
        raise ValueError(f"the channels of an EVT file need one length of at least 1: "
                         f"{ {name: a.shape for name, a in arrays.items()} }")  # fmt: skip
    rows = np.empty((n, len(V2)), dtype="<u2")
    for i, (name, array) in enumerate(arrays.items()):
        if array.dtype != np.uint16 and (array.min() < 0 or array.max() > 65535):
            raise ValueError(f"{name} has values outside 0..65535")
        rows[:, i] = array
    _write_whole(os.fspath(path), [np.array([14, n], dtype="<u4"), rows])


def _write_whole(path: str, parts: list[npt.NDArray[np.generic]]) -> None:
    folder, base = os.path.split(path)
    os.makedirs(folder or ".", exist_ok=True)
    temp = os.path.join(folder, f".{base}.{os.getpid()}")
    with open(temp, "wb") as file:
        for part in parts:
            file.write(part.data)
    os.replace(temp, path)
