"""SeaFlow's instrument log (``SFlog.txt``): what was switched, set, or went wrong, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError, suggest
from workbench.core.variables import TIME, VARIABLES, VariableSpec, describe
from workbench.core.window import ALWAYS
from workbench.readers import paths as locate
from workbench.readers import seaflow_log_text as text
from workbench.readers.kept import Kept
from workbench.readers.reader import Reader, columns_of, window_of, without

_NAT = np.datetime64("NaT", "ns")


class SeaflowLog(Reader):
    """SeaFlow instrument log (SFlog.txt): gains, trigger, pumps, faults, notes, writing on and off.

    A dataset along ``time`` (UTC, of the line before the event), one row an event: ``event`` says what it was (`PMT1`,
    `trigger_level`, `write_evt`, `inlet_fault`, `note`, ...; `other` for text of no known kind), ``value`` the number
    (on is 1, off is 0; NaN for text), ``message`` the text as it stands, ``line`` its line in the file, and
    ``time_instrument`` when a fault says that it happened. Rows stay in the order of their lines. Attr ``bad`` counts
    what was wrong (lines ``reason: n``).
    """

    description = "SeaFlow instrument log"
    provides: ClassVar[tuple[VariableSpec, ...]] = (
        VARIABLES["time"],
        VARIABLES["time_instrument"],
        VariableSpec("event", TIME, "str", "", None, "kind of event"),
        VariableSpec("value", TIME, "float64", "", None, "value"),
        VariableSpec("message", TIME, "str", "", None, "text"),
        VariableSpec("line", TIME, "int64", "1", None, "line in the file"),
    )
    patterns: ClassVar[tuple[str, ...]] = ("SFlog*.txt", "*SFlog.txt", "sflog*.txt")
    appends: ClassVar[bool] = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        events: list[str] | None = None,
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them; only events with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        events : list of str, optional
            Only events of these kinds.

        Returns
        -------
        xarray.Dataset
            In memory: a cruise is some thousand lines.

        Raises
        ------
        ReaderError
            When the one file named is no log, a path does not exist, or there is no such kind of event.
        """
        for name in events or ():
            if name not in text.EVENTS:
                raise ReaderError(str(filename_or_obj), f"there is no event '{name}'", hint=suggest(name, text.EVENTS))
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        tables, refused = found.each(lambda path: (_first(_table(path)), path, _table(path)))
        ds = _dataset([table for _, _, table in sorted(tables, key=lambda item: item[:2])], refused)
        keep = np.ones(ds.sizes["time"], dtype=np.bool_)
        if (window := window_of(start, stop)) != ALWAYS:
            keep &= window.contains(ds["time"].to_numpy())
        if events:
            keep &= np.isin(ds["event"].to_numpy(), events)
        ds = ds.isel(time=keep)
        return without(ds, drop_variables)

    def columns(
        self, path: str | PathLike[str], names: Sequence[str], *, events: list[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Variables of the events of one file as plain arrays."""
        ds = self.open_dataset(fspath(path), events=events)
        return columns_of(path, ds, names)

    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes up to the end of the last whole line."""
        try:
            return _table(fspath(path)).end
        except ReaderError:
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest time in one file; NaT when it holds no events."""
        time = _table(fspath(path)).time
        time = time[~np.isnat(time)]
        return (time.min(), time.max()) if time.size else (_NAT, _NAT)

    def rows_from(
        self, path: str | PathLike[str], offset: int, *, events: list[str] | None = None
    ) -> tuple[xr.Dataset, int]:
        """Events of the whole lines from byte `offset` on, and the byte after the last of them."""
        table = _table(fspath(path))
        ds = _dataset([table], [])
        keep = table.offset >= offset
        if events:
            keep &= np.isin(ds["event"].to_numpy(), events)
        return ds.isel(time=keep), table.end


_KEPT: Kept[text.Table] = Kept(64 << 20)


def _table(path: str) -> text.Table:
    """The events of one file; read again only when it has changed."""
    return _KEPT.get(path, None, lambda _: _parsed(path))


def _parsed(path: str) -> text.Table:
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return text.parse(path, raw)


def _first(table: text.Table) -> int:
    known = table.time[~np.isnat(table.time)]
    return int(known[0].astype(np.int64)) if known.size else np.iinfo(np.int64).max


def _dataset(tables: Sequence[text.Table], refused: Sequence[str]) -> xr.Dataset:
    total: Counter[str] = Counter()
    for table in tables:
        total += table.bad

    def join(name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        parts = [getattr(table, name) for table in tables]
        return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)

    specs = {spec.name: spec for spec in SeaflowLog.provides}
    kinds: dict[str, npt.DTypeLike] = {
        "event": np.str_,
        "value": np.float64,
        "message": np.str_,
        "line": np.int64,
        "time_instrument": "datetime64[ns]",
    }
    variables = {name: ("time", join(name, dtype), specs[name].attrs()) for name, dtype in kinds.items()}
    attrs = {
        "Conventions": "CF-1.11",
        "bad": "\n".join(f"{reason}: {n}" for reason, n in sorted(total.items())),
        "refused": "\n".join(refused),
    }
    return describe(xr.Dataset(variables, {"time": ("time", join("time", "datetime64[ns]"))}, attrs))
