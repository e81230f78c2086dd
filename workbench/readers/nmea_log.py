"""Logs of NMEA 0183 sentences as ship loggers write them: ``2014-08-01T00:00:00.285000Z $INGGA,...*6C`` a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError, suggest
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.core.window import ALWAYS, Window, duration
from workbench.readers import lines, nmea_file, nmea_stretches
from workbench.readers import paths as locate
from workbench.readers.nmea_file import NmeaFile
from workbench.readers.nmea_rows import NAMES, attrs, dataset, merged, tally
from workbench.readers.nmea_stretches import Looked
from workbench.readers.reader import Reader, window_of

Thin = str | np.timedelta64 | None

#: A logger's clock is set back by seconds now and then: files are chosen with this much to spare.
_SPARE = np.timedelta64(1, "h")
_NAT = np.iinfo(np.int64).min


class NmeaLog(Reader):
    """Positions, speed, course and heading out of NMEA 0183 logs.

    One row for each GGA, RMC, ZDA, VTG and HDT sentence of any talker: ``time`` (when the logger received it),
    ``time_instrument`` (what the sentence said), ``sentence``, and the numbers that this sentence has; the others
    are NaN. A position that its sentence calls void (GGA quality 0, RMC status V, VTG mode N) is NaN.

    * ``time`` is ISO 8601: in UTC, or with how far it is from UTC (``+00:00``, ``-0700``), which is taken off. A space
      may stand for its ``T``; a space, tab or comma comes after it.
    * ``time_instrument`` is never made to agree with ``time``: a receiver that says 1994 gives 1994. GGA has a time of
      day only; its day is the one that brings it nearest to receipt plus what the last ZDA or RMC before it in the
      file was off by (plus nothing, before the first). RMC years are 1980 to 2079.
    * A checksum is checked where there is one; rows without are counted in attr ``unchecked``, other sentences and
      payloads in ``other``. Refused lines are counted by reason in attr ``bad`` (lines ``reason: n (first at byte b of
      FILE)``). The counts are of the whole files that were opened, before window and thinning.
    * Rows keep the order of their lines. Of several files, rows stand in the order of time, with the lines of each
      file in their order even where its clock was set back.
    * Opening reads the files: how many rows there are is only known then (about 0.2 s for a million lines, once per
      file and process; a file that grew is read on from where it ended, and 512 MB of rows are kept).
    * A window leaves out files whose first and last rows lie more than an hour outside it.
    """

    description = "NMEA 0183 logs: position, speed, course, heading"
    provides: ClassVar[tuple[VariableSpec, ...]] = tuple(VARIABLES[name] for name in NAMES)
    patterns: ClassVar[tuple[str, ...]] = (
        "*[-_][12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]", "*[-_][12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T*",
        "*[-_][12][0-9][0-9][0-9][01][0-9][0-3][0-9]", "*.nmea", "*.NMEA", "*.raw", "*.log",
    )  # fmt: skip
    appends: ClassVar[bool] = True
    stamped: ClassVar[bool] = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        thin: Thin = None,
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        thin : str or numpy.timedelta64, optional
            Keep only the first row of each kind of sentence in each interval of this length (``"1s"``, ``"1min"``),
            counted from 1970, file by file: enough for a map of a feed that speaks twenty times a second.

        Returns
        -------
        xarray.Dataset
            Dim ``time``.

        Raises
        ------
        ReaderError
            When the one file named cannot be read or is no log, or a path does not exist.
        """
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        window, step = window_of(start, stop), _step(thin)
        opened, refused = _open_all(found.paths, window, step, found.alone)
        opened.sort(key=lambda item: int(item[1].times[0, 0]) if len(item[1]) else _NAT)
        return dataset(opened, window, step, [*found.refused, *refused], drop_variables)

    def stretches(
        self, filename_or_obj: Any, size: int, rows: int, *, start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None, thin: Thin = None,
    ) -> list[Callable[[], xr.Dataset]] | None:  # fmt: skip
        """What opens some time at a time, of all logs; going through them once tells between which times."""
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        window, step = window_of(start, stop), _step(thin)
        logs, refused = _looked(found, window, step, size)
        pieces = [log.pieces for log in logs]
        after = [_NAT, *nmea_stretches.edges(pieces, rows)]
        merge = nmea_stretches.Merge(pieces, step)
        told = tally((log.path, log.tally) for log in logs) | {"refused": "\n".join(refused)}
        untold = tally([]) | {"refused": ""}

        def some(at: int) -> xr.Dataset:
            ds = merged(merge.rows(after[at], after[at + 1]), window)
            return ds.assign_attrs(untold if at else told)

        return [partial(some, at) for at in range(len(after) - 1)]

    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes up to the last newline."""
        return lines.whole(path)

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Times of the first and the last row, the earlier one first; only the ends of the file are read."""
        first, last = sorted(nmea_file.ends(path))
        return np.datetime64(first, "ns"), np.datetime64(last, "ns")

    def columns(
        self, path: str | PathLike[str], names: Sequence[str], *, thin: Thin = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Variables of one file as plain arrays (not to be written to)."""
        for name in names:
            if name not in NAMES:
                raise ReaderError(path, f"there is no variable '{name}'", hint=suggest(name, NAMES))
        log = nmea_file.parsed(path, _step(thin))
        return {name: log.column(name) for name in names}

    def rows_from(self, path: str | PathLike[str], offset: int, *, thin: Thin = None) -> tuple[xr.Dataset, int]:
        """Rows of the whole lines from byte `offset` on, and the byte after the last of them.

        It costs the new bytes only, as long as one process reads on from where it ended; else the bytes before
        `offset` are read once for what they say about the instrument's date and the intervals of `thin`.

        Raises
        ------
        ReaderError
            When the file cannot be read, or is shorter than `offset`.
        """
        log = nmea_file.read_on(path, offset, _step(thin))
        rows = {name: xr.Variable("time", log.column(name), attrs(name)) for name in NAMES}
        return xr.Dataset(rows, attrs=tally([(fspath(path), log)])).set_coords("time"), log.end


def _step(thin: Thin) -> int:
    """The option `thin` in ns; 0 for none."""
    if thin is None:
        return 0
    step = duration(thin) if isinstance(thin, str) else thin
    return max(int(step / np.timedelta64(1, "ns")), 0)


def _open_all(
    paths: Sequence[str], window: Window, step: int, alone: bool
) -> tuple[list[tuple[str, NmeaFile]], list[str]]:
    """Parse the files that may have rows in `window`; those that cannot be read, or are no logs, are refused."""

    def open_one(path: str) -> NmeaFile | ReaderError | None:
        try:
            if not alone and not _touches(path, window):
                return None
            log = nmea_file.parsed(path, step)
            nmea_file.check(path, log)
            return log
        except ReaderError as error:
            return error

    with ThreadPoolExecutor(max_workers=4) as pool:
        run = pool.map if len(paths) > 1 else map
        done = list(zip(paths, run(open_one, paths), strict=True))
    faults = [log for _, log in done if isinstance(log, ReaderError)]
    if alone and faults:
        raise faults[0]
    return [(path, log) for path, log in done if isinstance(log, NmeaFile)], [str(fault) for fault in faults]


def _touches(path: str, window: Window) -> bool:
    if window == ALWAYS:
        return True
    low, high = (np.datetime64(edge, "ns") for edge in sorted(nmea_file.ends(path)))
    return not np.isnat(low) and bool(low - _SPARE < window.stop) and bool(high + _SPARE >= window.start)


def _looked(found: locate.Found, window: Window, step: int, size: int) -> tuple[list[Looked], list[str]]:
    """The logs that may have rows in `window`, gone through, by the times of their first rows; and what was refused."""
    refused, paths = list(found.refused), []
    for path in found.paths:
        try:
            if found.alone or _touches(path, window):
                paths.append(path)
        except ReaderError as error:
            refused.append(str(error))
    size = max(nmea_stretches.LEAST, size // nmea_stretches.side_by_side(paths))
    near = locate.Found(tuple(paths), found.alone, tuple(refused))
    logs, refused = near.each(lambda path: nmea_stretches.look(path, step, size))
    return sorted(logs, key=lambda log: log.first), refused
