"""Answers of InfluxDB as columns: CSV streamed through pyarrow, annotated CSV of Flux, Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from workbench.core.errors import ReaderError
from workbench.readers.influxdb_http import Body

__all__ = ["Columns", "Kind", "annotated", "parquet", "plain", "shown", "tagset", "typed"]

#: What a column holds. `time` is whole nanoseconds (or RFC 3339 where the server writes it so).
Kind = Literal["time", "moment", "float", "integer", "boolean", "string"]
Columns = dict[str, npt.NDArray[Any]]
_TYPES: dict[str, Any] = {
    "time": pa.int64(), "moment": pa.string(), "float": pa.float64(), "integer": pa.float64(),
    "boolean": pa.bool_(), "string": pa.dictionary(pa.int32(), pa.string()),
}  # fmt: skip
_BLOCK = 4 << 20
_NAT = -(2**63)


def plain(body: Body, kinds: Mapping[str, Kind], url: str) -> Columns:
    """The columns of a CSV that are asked for; all of them empty when the body is.

    Parameters
    ----------
    body : Body
    kinds : mapping of str to Kind
        The columns, and what they hold.
    url : str
        For errors.

    Returns
    -------
    dict of str to numpy.ndarray
        Times datetime64[ns]; numbers and booleans (1 and 0) float64 with NaN where nothing stands; text object, with
        ``""`` where nothing stands.

    Raises
    ------
    ReaderError
        When it is not such a CSV.
    """
    if body.empty:
        return {name: _joined([], kind) for name, kind in kinds.items()}
    return _csv(pa.PythonFile(body, mode="r"), kinds, url)


def shown(body: Body, names: tuple[str, ...], url: str) -> tuple[list[str], ...]:
    """The columns called `names` of the JSON that answers a SHOW statement."""
    try:
        results = json.loads(body.read())["results"]
        if error := next((result["error"] for result in results if "error" in result), None):
            raise ReaderError(url, f"InfluxDB refused: {error}")
        series = [each for result in results for each in result.get("series", ())]
        rows = [dict(zip(each["columns"], row, strict=True)) for each in series for row in each.get("values", ())]
        return tuple([str(row[name]) for row in rows] for name in names)
    except (ValueError, KeyError, TypeError) as error:
        raise ReaderError(url, f"the answer is not the JSON that was asked for ({error!r})") from error


def _csv(file: Any, kinds: Mapping[str, Kind], url: str) -> Columns:
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in kinds}
    try:
        reader = pacsv.open_csv(
            file,
            read_options=pacsv.ReadOptions(block_size=_BLOCK, use_threads=False),
            parse_options=pacsv.ParseOptions(newlines_in_values="string" in kinds.values()),
            convert_options=pacsv.ConvertOptions(
                column_types={name: _TYPES[kind] for name, kind in kinds.items()}, include_columns=list(kinds),
                include_missing_columns=True, null_values=["", "NaN"], strings_can_be_null=True,
                true_values=["true", "True", "TRUE"], false_values=["false", "False", "FALSE"],
            ),
        )  # fmt: skip
        for batch in reader:
            for name, kind in kinds.items():
                parts[name].append(_array(batch.column(name), kind))
    except pa.ArrowInvalid as error:
        raise ReaderError(url, f"the answer is not the CSV that was asked for ({error})") from error
    return {name: _joined(parts[name], kind) for name, kind in kinds.items()}


def annotated(body: Body, kinds: Mapping[str, Kind], url: str) -> Columns:
    """The columns of Flux's annotated CSV: blocks after blank lines, each with its own header. See `plain`."""
    parts = [_csv(io.BytesIO(block), kinds, url) for block in blocks(body)]
    empty = {name: [part[name] for part in parts] for name in kinds}
    return {name: _joined(empty[name], kind) for name, kind in kinds.items()}


def typed(body: Body, value: str, name: str, url: str) -> list[tuple[str, list[str]]]:
    """For each block of annotated CSV, the type of column `value` and the words in column `name`."""
    out = []
    for notes, block in _noted(body):
        header = block.partition(b"\n")[0].decode("utf-8", "replace").split(",")
        types = next((note.split(",") for note in notes if note.startswith("#datatype")), [])
        kind = types[header.index(value)] if value in header and len(types) == len(header) else ""
        out.append((kind, [str(word) for word in _csv(io.BytesIO(block), {name: "string"}, url)[name]]))
    return out


def blocks(body: Body) -> Iterator[bytes]:
    """The blocks of annotated CSV, without their annotations; a blank line inside quotes ends none."""
    return (block for _, block in _noted(body))


def _noted(body: Body) -> Iterator[tuple[list[str], bytes]]:
    if body.empty:
        return
    raw = body.read().replace(b"\r\n", b"\n")
    begin = 0
    while begin < len(raw):
        end = raw.find(b"\n\n", begin)
        while end >= 0 and raw.count(b'"', begin, end) % 2:
            end = raw.find(b"\n\n", end + 1)
        block = raw[begin : end + 1] if end >= 0 else raw[begin:]
        begin = end + 2 if end >= 0 else len(raw)
        notes = []
        while block.startswith((b"#", b"\n")):
            note, _, block = block.partition(b"\n")
            notes.append(note.decode("utf-8", "replace"))
        if block.strip():
            yield [note for note in notes if note], block


def parquet(body: Body, kinds: Mapping[str, Kind], url: str) -> Columns:
    """The columns of a Parquet file that are asked for. See `plain`."""
    try:
        table = pq.read_table(io.BytesIO(body.read()))
    except (pa.ArrowInvalid, OSError) as error:
        raise ReaderError(url, f"the answer is not the Parquet that was asked for ({error})") from error
    out = {}
    for name, kind in kinds.items():
        if name not in table.column_names:
            out[name] = np.full(
                table.num_rows, "" if kind == "string" else np.nan, object if kind == "string" else None
            )
            continue
        column = table.column(name).combine_chunks()
        try:
            out[name] = _array(_cast(column, kind), kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ReaderError(url, f"column '{name}' of the answer is no {kind} ({error})") from error
    return out


def _cast(column: Any, kind: Kind) -> Any:
    if kind in ("time", "moment"):
        return column.cast(pa.timestamp("ns")).cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    if kind == "string":
        return column.cast(pa.string()).dictionary_encode()
    return column.cast(pa.bool_() if kind == "boolean" else pa.float64())


def _array(column: Any, kind: Kind) -> npt.NDArray[Any]:
    if kind == "string":
        words = np.append(np.array(column.dictionary.to_pylist(), dtype=object), "")
        at = pc.fill_null(column.indices, len(words) - 1).to_numpy(zero_copy_only=False)
        return np.asarray(words[at])
    if pa.types.is_string(column.type):  # RFC 3339 of Flux, the same without its Z of InfluxDB 3
        column = pc.utf8_rtrim(column, "Z").cast(pa.timestamp("ns"))
    if kind in ("time", "moment"):
        if kind == "time" and column.null_count:
            raise pa.ArrowInvalid("a row has no time")
        filled = pc.fill_null(column.cast(pa.int64()), _NAT)
        return np.asarray(filled.to_numpy(zero_copy_only=False)).view("M8[ns]")
    if kind == "boolean":
        column = column.cast(pa.uint8()).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _joined(parts: list[npt.NDArray[Any]], kind: Kind) -> npt.NDArray[Any]:
    dtype: Any = "M8[ns]" if kind in ("time", "moment") else object if kind == "string" else np.float64
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def tagset(text: str) -> dict[str, str]:
    """Tags as InfluxDB writes them behind a measurement: ``a\\ b=c\\,d,e=f``.

    >>> tagset("a\\\\ b=c\\\\,d\\\\=e,pop=x")
    {'a b': 'c,d=e', 'pop': 'x'}
    """
    words: list[list[str]] = [[""]]
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            words[-1][-1] += following if following in (",", "=", " ") else letter + following
        elif letter == ",":
            words.append([""])
        elif letter == "=" and len(words[-1]) == 1:
            words[-1].append("")
        else:
            words[-1][-1] += letter
    return {pair[0]: pair[1] for pair in words if len(pair) == 2}
