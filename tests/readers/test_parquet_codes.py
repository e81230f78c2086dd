"""Our own Parquet writer: what it writes is what Arrow's own reader gives, whatever the columns came from."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from workbench.readers.parquet_codes import Encoder, plain
from workbench.readers.parquet_footer import Writer

_TEXT = pa.dictionary(pa.int32(), pa.string())
_DATE = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema([("date", _DATE), ("id", _TEXT), ("x", pa.float64()), ("y", pa.float64()), ("q", pa.bool_())])


def write(groups: list[list[pa.Table]], told: tuple[str, ...] = ("date", "id")) -> bytes:
    """A file whose row groups are these tables, one after the other."""
    file, encoder = io.BytesIO(), Encoder()
    schema = plain(groups[0][0].schema)
    writer = Writer(file, schema)
    for group in groups:
        writer.group(encoder.group(schema, group, told))
    writer.close()
    return file.getvalue()


def dense(table: pa.Table) -> pa.Table:
    """Numbers as numbers, texts with their words in order of appearance."""
    return pa.table(
        [column.cast(kind.type) if not pa.types.is_dictionary(kind.type) else column.cast(pa.string()).dictionary_encode()
         for column, kind in zip(table.columns, SCHEMA, strict=True)], schema=SCHEMA,
    )  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[pa.Table]:
    """Some tables whose numbers are codes of one table of values; y has the codes of x."""
    size = draw(st.sampled_from([1, 2, 3, 255, 256, 257, 70_000]))
    seed, gaps = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.3, 1.0]))
    rng = np.random.default_rng(seed)
    rising = np.cumsum(rng.uniform(0, 1, size))
    other = rng.choice(rising, size)  # not ascending, some twice
    words = ["b", "", "ä", "a long word"]
    out = []
    for rows in draw(st.lists(st.integers(1, 40), min_size=1, max_size=4)):
        codes = pa.array(rng.integers(0, size, rows).astype(np.int32), mask=rng.uniform(size=rows) < gaps)
        out.append(pa.table({
            "date": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([int(rng.integers(-9, 9))], _DATE)),
            "id": pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 4, rows).astype(np.int32)), pa.array(words)),
            "x": pa.DictionaryArray.from_arrays(codes, pa.array(rising)),
            "y": pa.DictionaryArray.from_arrays(codes, pa.array(other)),
            "q": pa.array(rng.uniform(size=rows) < 0.5, mask=rng.uniform(size=rows) < gaps),
        }))  # fmt: skip
    return out


@given(tables(), st.booleans())
def test_what_is_written_is_read_whatever_it_came_from(parts, split):
    groups = [[part] for part in parts] if split else [parts]
    written = write(groups)
    wanted = pa.concat_tables([dense(part) for part in parts])
    assert write([[dense(part) for part in group] for group in groups]) == written, "values or codes: the same bytes"
    assert write([[pa.concat_tables([dense(p) for p in group]).combine_chunks()] for group in groups]) == written
    found = pq.read_table(pa.BufferReader(written))
    assert found.schema == SCHEMA
    for name in SCHEMA.names:
        assert found[name].to_pylist() == wanted[name].to_pylist()
    without = pq.ParquetFile(pa.BufferReader(written)).schema_arrow.remove_metadata()
    assert without == SCHEMA and all(pq.read_metadata(pa.BufferReader(written)).row_group(i).num_rows == sum(map(len, g))
                                     for i, g in enumerate(groups))  # fmt: skip


@given(tables())
def test_bounds_are_told_of_what_is_asked_for(parts):
    footer = pq.read_metadata(pa.BufferReader(write([parts], ("date", "id"))))
    whole = pa.concat_tables([dense(part) for part in parts])
    for at, name in enumerate(SCHEMA.names):
        found, values = footer.row_group(0).column(at).statistics, whole[name].drop_null().to_pylist()
        if name not in ("date", "id"):
            assert found is None or not found.has_min_max
        else:
            assert (found.min, found.max) == (min(values, key=_bytes), max(values, key=_bytes))


def _bytes(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


def test_numbers_keep_every_bit():
    odd = [0.0, -0.0, np.nan, -np.inf, 5e-324, 1.5, -1.5]
    table = pa.table({"x": pa.array(odd, from_pandas=False)})
    found = pq.read_table(pa.BufferReader(write([[table]], ())))["x"].to_numpy()
    assert found.tobytes() == np.array(odd).tobytes()
