"""An hourly SeaFlow file while it is written: rows come a few at a time, and are packed as soon as a row group is full."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa

from workbench.readers import seaflow_hourly as hourly
from workbench.readers.parquet_codes import Encoder, plain
from workbench.readers.parquet_footer import Writer


class HourFile:
    """Writes an hourly file anew: under a temporary name, which takes its place when all is on disk.

    Used with ``with``: what does not come to its end leaves nothing behind, and what stood there before.

    Parameters
    ----------
    path : path-like
        Removed when no row is left.
    replaced : collection of str, optional
        What stands there already is kept, but for rows of these file ids; without it nothing is kept.
    """

    def __init__(self, path: str | PathLike[str], replaced: Collection[str] | None = None) -> None:
        self._place, self._replaced = Path(path), replaced
        self._temp = self._place.with_name(f".{self._place.name}.{os.getpid()}")
        self._schema: pa.Schema | None = None
        self._old: Iterator[pa.Table] = iter(())
        self._next: pa.Table | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._file: BinaryIO | None = None
        self._writer: Writer | None = None
        self._encoder = Encoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.leave()

    def add(self, table: pa.Table) -> None:
        """Add rows: after those of all smaller file ids that are to come. No rows at all tell the schema at least."""
        if self._schema is None:
            self._schema = plain(table.schema)
            if self._replaced is not None and self._place.exists():
                self._old = hourly.files_of(hourly.kept(self._place, self._schema, {*self._replaced}))
                self._next = next(self._old, None)
        if self._next is None:
            self._push(table)
            return
        for part in hourly.files_of([table]):
            self._push_old(hourly.file_id(part))
            self._push(part)

    def _push_old(self, until: str | None = None) -> None:
        while self._next is not None and (until is None or hourly.file_id(self._next) <= until):
            self._push(self._next)
            self._next = next(self._old, None)

    def _push(self, table: pa.Table) -> None:
        """Row groups end after `GROUP` rows, wherever tables end: how rows were cut must not show in the file."""
        start = 0
        while self._rows + table.num_rows - start >= hourly.GROUP:
            part = table.slice(start, hourly.GROUP - self._rows)
            self._waiting.append(part)
            self._flush()
            start += part.num_rows
        if start < table.num_rows:
            self._waiting.append(table.slice(start))
            self._rows += table.num_rows - start

    def _flush(self) -> None:
        assert self._schema is not None
        if self._writer is None:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temp.open("wb")
            self._writer = Writer(self._file, self._schema)
        self._writer.group(self._encoder.group(self._schema, self._waiting, hourly.TOLD))
        self._waiting, self._rows = [], 0

    def finish(self) -> None:
        """Write what is left, and take the file's place."""
        self._push_old()
        if self._rows:
            self._flush()
        if self._writer is None or self._file is None:
            if self._schema is not None or self._replaced is None:
                self._place.unlink(missing_ok=True)
            return
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._temp, self._place)

    def leave(self) -> None:
        """Close; what has not come to its end goes."""
        if self._file is not None:
            self._file.close()
            self._temp.unlink(missing_ok=True)
