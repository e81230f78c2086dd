"""The events of an EVT file, some thousand rows at a time: what a filter needs that looks at each event once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError
from workbench.readers import seaflow_layout as layout
from workbench.readers import seaflow_parquet

#: Rows of a piece: their bytes fit into a processor's cache, and there are few enough that threads seldom wait for the
#: interpreter between them.
SIZE = 1 << 17


def pieces(
    path: str, header: layout.Header, names: Sequence[str], size: int = SIZE
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Channels of one file as `columns` gives them, `size` rows at a time, in little memory.

    Yields
    ------
    dict of str to numpy.ndarray
        Arrays of up to `size` rows, which the next piece overwrites; strided.

    Raises
    ------
    ReaderError
        When the file is broken or has no such channel: maybe only after some pieces.
    """
    layout.refuse_unknown(path, header, names)
    if header.layout == "parquet":
        yield from seaflow_parquet.pieces(path, header.rows, names, size)
        return
    known = layout.CHANNELS[header.layout]
    if path.endswith((".gz", ".zst")):
        table = layout.rows(path, header)
        parts = iter([table[at : at + size] for at in range(0, header.rows, size)])
    else:
        parts = _plain_pieces(path, header, size)
    for part in parts:
        yield {name: part[:, known.index(name)] for name in names}


def _plain_pieces(path: str, header: layout.Header, size: int) -> Iterator[npt.NDArray[np.uint16]]:
    """The rows of a plain file through one small buffer, which stays in the processor's cache."""
    begin, width = (4, 24) if header.layout == "v1" else (8, 14)
    buffer = np.empty(min(size, header.rows) * width, dtype=np.uint8)
    try:
        with open(path, "rb", buffering=0) as file:
            whole, first = os.fstat(file.fileno()).st_size, file.read(8)
            if whole != header.size or first != header.start:
                raise _changed(path, header, whole, first)
            file.seek(begin)
            for at in range(0, header.rows, size):
                part = buffer[: min(size, header.rows - at) * width]
                view, got = part.data, 0
                while got < part.size and (more := file.readinto(view[got:])):
                    got += more
                if got < part.size:
                    raise _changed(path, header, begin + at * width + got, first)
                yield layout.rows_of(path, header, part, at)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error


def _changed(path: str, header: layout.Header, size: int, first: bytes) -> ReaderError:
    if size != header.size:
        expected, found = f"{header.size} bytes", f"{size} bytes"
    else:
        expected, found = header.start.hex(), first.hex()
    return ReaderError(path, "changed while it was read", offset=0, expected=expected, found=found)
