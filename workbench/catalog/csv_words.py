"""Columns as words and words as lines: what CSV needs, by Arrow, some 10 times faster than pandas writes it.

Nothing is lost: numbers are written in as few digits as tell them apart (``0.1``; floats keep their point, ``1.0``),
times with nine digits and ``Z``, what is missing as nothing, text in quotes where it must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: ``2014-07-04T00:00:02.000000000``, and with its ``Z``.
_TIME, _WHOLE = 29, 30
_BOOL = pa.array(["False", "True"])


def words(values: npt.NDArray[Any]) -> pa.Array:
    """A column as text, null where it is missing.

    Parameters
    ----------
    values : numpy.ndarray, (rows,)
        Numbers, times, booleans or text.

    Returns
    -------
    pyarrow.StringArray
    """
    kind = values.dtype.kind
    if kind == "M":
        return _times(values)
    if kind == "m":
        return pc.cast(pa.array(values.astype("timedelta64[ns]")).cast(pa.int64()), pa.string())
    if kind == "b":
        return _BOOL.take(pa.array(values.astype(np.int8)))
    if kind == "f" and values.itemsize in (4, 8):
        return _floats(values)
    if kind in "iu":
        return pc.cast(pa.array(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))), pa.string())
    return _quoted(_texts(values))


def lines(columns: Sequence[pa.Array]) -> memoryview:
    """The bytes of these columns' lines, each with its end.

    Parameters
    ----------
    columns : sequence of pyarrow.StringArray
        Of one length; null writes nothing.
    """
    nothing = '""' if len(columns) == 1 else ""  # an empty line is no row
    *before, last = columns
    ended = pc.binary_join_element_wise(
        last, "\n", "", null_handling="replace", null_replacement=nothing if not before else ""
    )
    if not before:
        return _bytes(ended)
    return _bytes(pc.binary_join_element_wise(*before, ended, ",", null_handling="replace", null_replacement=""))


def _bytes(joined: pa.StringArray) -> memoryview:
    _, offsets, data = joined.buffers()
    ends = np.frombuffer(offsets, np.int32)[joined.offset : joined.offset + len(joined) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])] if data is not None else memoryview(b"")


def _times(values: npt.NDArray[Any]) -> pa.StringArray:
    """``2014-07-04T00:00:02.000000000Z``."""
    there = ~np.isnat(values)
    some = pc.cast(pa.array(values[there].astype("datetime64[ns]")), pa.string())
    told = np.empty((len(some), _WHOLE), np.uint8)
    if len(some):
        told[:, :_TIME] = np.frombuffer(some.buffers()[2], np.uint8)[: len(some) * _TIME].reshape(-1, _TIME)
        told[:, 10], told[:, _TIME] = ord("T"), ord("Z")
    ends = np.concatenate([[0], np.cumsum(there) * _WHOLE]).astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(told))


def _floats(values: npt.NDArray[Any]) -> pa.StringArray:
    """``1.0`` stays a float for who reads it, which Arrow writes ``1``."""
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    told = pc.cast(pa.array(values, from_pandas=True), pa.string())
    whole = np.isfinite(values) & (values == np.trunc(values))
    if not whole.any():
        return told
    bare = pc.and_(pa.array(whole), pc.invert(pc.match_substring(told, "e")))
    return pc.if_else(bare, pc.binary_join_element_wise(told, ".0", ""), told)


def _texts(values: npt.NDArray[Any]) -> pa.StringArray:
    try:
        return pa.array(values, pa.string(), from_pandas=True)
    except (pa.ArrowException, TypeError):  # not text alone
        return pa.array([None if v is None or v != v else str(v) for v in values.tolist()], pa.string())


def _quoted(told: pa.StringArray) -> pa.StringArray:
    """In quotes where a comma, a quote or the end of a line is in it."""
    odd = pc.match_substring_regex(told, '[",\r\n]')
    if not pc.any(odd).as_py():
        return told
    doubled = pc.replace_substring(told, '"', '""')
    return pc.if_else(odd, pc.binary_join_element_wise('"', doubled, '"', ""), told)
