"""The particles of a dataset, file after file, in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import on_log_scale
from workbench.core.errors import WorkbenchError

#: Rows of particles that are loaded at a time; rows of a piece.
_ROWS, PIECE = 1 << 20, 1 << 16


def check_particles(ds: xr.Dataset, needed: Iterable[str]) -> None:
    """Refuse a dataset without particles in files, or without a variable that is needed.

    Raises
    ------
    WorkbenchError
    """
    if missing := [name for name in ("row_size", *needed) if name not in ds]:
        raise WorkbenchError(
            f"no particles: there is no variable '{missing[0]}'. They come from the reader seaflow_evt"
        )


def loaded(
    evt: xr.Dataset, chosen: Sequence[int], most: int, more: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]] | None]]:
    """`CHANNELS` and `more` of file after file, on the log scale; None for a file of more than `most` events, which is not loaded.

    What is given is emptied when the next is asked for: both would be in memory.
    """
    from workbench.products.seaflow.process import CHANNELS

    names = [*CHANNELS, *more]
    sizes = evt["row_size"].to_numpy()
    ends = np.cumsum(sizes)
    starts = ends - sizes
    particles = evt[names]
    group: list[int] = []
    for at in [*chosen, None]:
        full = bool(group) and (
            at is None or ends[at] - starts[group[0]] > _ROWS or at != group[-1] + 1 or sizes[at] > most
        )
        if full:
            first = starts[group[0]]
            some = particles.isel(particle=slice(int(first), int(ends[group[-1]])))
            if some.sizes["particle"] <= _ROWS:  # a longer file would be in memory several times
                some = some.load()
            columns = {name: on_log_scale(some[name]) for name in names}
            del some
            for file in group:
                one = {name: c[starts[file] - first : ends[file] - first] for name, c in columns.items()}
                yield file, one
                one.clear()
            group, columns = [], {}
        if at is not None and sizes[at] > most:
            yield at, None
        elif at is not None:
            group.append(at)


def in_pieces(codes: dict[str, npt.NDArray[Any]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Some events after the other: what is found among them takes little room."""
    for start in range(0, max(1, len(codes["D1"])), PIECE):
        yield {name: column[start : start + PIECE] for name, column in codes.items()}
