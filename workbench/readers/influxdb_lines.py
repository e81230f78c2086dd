"""Rows as InfluxDB's line protocol: ``measurement,tag=A field=6.0,other=10i 1494100377601000000``.

Rows of TSDATA go as their own converter has them: a category is a tag, an integer has its ``i``, a boolean is TRUE or
FALSE, a row without any value says ``influxMissingData=true``. Of any other dataset, coordinates of text are tags, and
so are the labels of dims beside ``time``. Flags of quality (``<name>_qc``) are left out unless asked for.
Points with the same time and tags are one point to InfluxDB, the later one wins: rows that would be written over by
another row get a tag ``seq`` that counts them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["Seen", "lines"]

#: How often each time and set of tags was written; kept from one call to the next.
Seen = dict[str, int]
MISSING = "influxMissingData=true"
_KEY = re.compile(r"([,= ])")
_NAME = re.compile(r"([, ])")
_BREAK = re.compile(r"[\r\n\t\x00]+")
_QUOTED = re.compile(r'([\\"])')


def lines(
    ds: xr.Dataset, measurement: str, tags: Mapping[str, str] | None = None, *, quality: bool = False,
    seen: Seen | None = None,
) -> Iterator[str]:  # fmt: skip
    """The rows of `ds` (dim ``time``) as lines, without their newlines. Rows without a time are left out.

    Parameters
    ----------
    ds : xarray.Dataset
    measurement : str
    tags : mapping of str to str, optional
        Tags of every row, after its own, where it has none of that name.
    quality : bool
        Write ``<name>_qc`` as well.
    seen : dict, optional
        What the call before left in it, so that rows of one moment that come in two calls stay two; changed.
    """
    seen = {} if seen is None else seen
    others = [str(dim) for dim in ds.dims if dim != "time"]
    for labels in itertools.product(*(_labels(ds, dim) for dim in others)):
        chosen = dict(zip(others, labels, strict=True))
        part = ds.isel({dim: i for dim, (i, _) in chosen.items()}, drop=True) if others else ds
        own = {dim: label for dim, (_, label) in chosen.items()}
        yield from _along_time(part, measurement, own, tags or {}, quality, seen)


def _labels(ds: xr.Dataset, dim: str) -> list[tuple[int, str]]:
    names = ds[dim].to_numpy().tolist() if dim in ds.coords else range(ds.sizes[dim])
    return [(i, str(name)) for i, name in enumerate(names)]


def _along_time(
    ds: xr.Dataset, measurement: str, own: Mapping[str, str], tags: Mapping[str, str], quality: bool, seen: Seen
) -> Iterator[str]:
    time = ds["time"].to_numpy().astype("datetime64[ns]")
    rows = time.size
    fields: list[list[str]] = []
    keys: list[list[str]] = [[f",{_key(name)}={_tag(value)}"] * rows for name, value in own.items()]
    for name, array in ds.variables.items():
        if name == "time" or array.dims not in (("time",), ()) or (not quality and str(name).endswith("_qc")):
            continue
        values = np.broadcast_to(array.to_numpy(), (rows,))
        kind = str(array.attrs.get("tsdata_type", ""))
        if kind == "category" or (not kind and name in ds.coords and values.dtype.kind in "OU"):
            keys.append([f",{_key(str(name))}={_tag(str(v))}" if str(v) else "" for v in values.tolist()])
        elif name not in ds.coords or values.dtype.kind in "fiub":
            fields.append(_field(str(name), kind, values))
    tail = "".join(f",{_key(name)}={_tag(value)}" for name, value in tags.items() if value and name not in ds.coords)
    head = _NAME.sub(r"\\\1", _BREAK.sub(" ", measurement))
    heads = ["".join(parts) for parts in zip(*keys, strict=True)] if keys else [""] * rows
    texts = [",".join(filter(None, parts)) for parts in zip(*fields, strict=True)] if fields else [""] * rows
    stamps = time.view(np.int64).tolist()
    for i in np.flatnonzero(~np.isnat(time)).tolist():
        point = f"{stamps[i]}{heads[i]}"
        again = seen[point] = seen.get(point, -1) + 1
        seq = f",seq={again}" if again else ""
        yield f"{head}{heads[i]}{tail}{seq} {texts[i] or MISSING} {stamps[i]}"


def _field(name: str, kind: str, values: npt.NDArray[Any]) -> list[str]:
    """``name=value`` for each row; empty where nothing stands."""
    key = _key(name)
    if values.dtype.kind == "M":
        words = np.datetime_as_string(values.astype("datetime64[ns]")).tolist()
        return [f'{key}="{word}Z"' if word != "NaT" else "" for word in words]
    if values.dtype.kind in "OUS":
        return [f'{key}="{_quoted(str(value))}"' if value not in ("", None) else "" for value in values.tolist()]
    write = _writer(kind, values)
    fits = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.size, np.bool_)
    return [f"{key}={write(v)}" if ok else "" for v, ok in zip(values.tolist(), fits.tolist(), strict=True)]


def _writer(kind: str, values: npt.NDArray[Any]) -> Callable[[Any], str]:
    if kind == "boolean" or values.dtype.kind == "b":
        return lambda value: "TRUE" if value else "FALSE"
    if kind == "integer" or values.dtype.kind in "iu":
        return lambda value: f"{int(value)}i"
    return repr


def _key(text: str) -> str:
    return _KEY.sub(r"\\\1", _BREAK.sub(" ", text))


def _tag(text: str) -> str:
    """A tag's value; it cannot end with a backslash, which would hide what follows."""
    return _key(text).rstrip("\\") or "_"


def _quoted(text: str) -> str:
    return _QUOTED.sub(r"\\\1", text)
