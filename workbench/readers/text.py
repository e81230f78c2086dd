"""A reader of lines of text with very little to write: `parse` turns whole lines into rows, the rest is done."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import describe
from workbench.readers import lines
from workbench.readers import paths as locate
from workbench.readers.reader import Reader, window_of

_NAT = np.datetime64("NaT", "ns")
#: Bytes of a file that are looked through at once for its first and last time.
_PIECE = 1 << 24


class TextReader(Reader):
    """A reader of files of lines that only grow at their end. A subclass sets `provides` and `patterns`,
    and `parse`, which gets the first `head` lines, too.

    Files are read whole when they are opened. A subclass with options of its own overrides `open_dataset` with them
    as explicit keywords, and passes them on to `read`.
    """

    appends: ClassVar[bool] = True
    #: No file may be larger, bytes.
    most: ClassVar[int] = 1 << 30

    @abstractmethod
    def parse(self, head: list[str], rows: list[str]) -> xr.Dataset:
        """Rows along ``time`` (UTC), with the variables that `provides` declares, in the order of the lines.

        Parameters
        ----------
        head : list of str
            The first `head` lines.
        rows : list of str
            Whole lines, without their ends.

        Raises
        ------
        ValueError
            When a line is not of this format; it becomes a ReaderError that names the file.
        """

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> xr.Dataset:
        """Open a file, a folder, a pattern or a list."""
        return self.read(filename_or_obj, drop_variables=drop_variables, start=start, stop=stop)

    def read(
        self, named: Any, *, drop_variables: str | Iterable[str] | None = None, start: Any = None, stop: Any = None,
        **options: Any,
    ) -> xr.Dataset:  # fmt: skip
        """What `open_dataset` gives; `options` go to `parse`."""
        found = locate.find(named, locate.matcher(self.patterns))
        parts, refused = found.each(lambda path: self._rows(path, 0, options)[0])
        parts.sort(key=lambda part: int(part["time"].values[0].astype(np.int64)) if part.sizes["time"] else 0)
        ds = self._joined(parts)
        ds = ds.isel(time=np.flatnonzero(window_of(start, stop).contains(ds["time"].to_numpy())))
        ds.attrs = {"refused": "\n".join(refused)}
        return describe(ds.drop_vars([drop_variables] if isinstance(drop_variables, str) else drop_variables or []))

    def stretches(
        self, filename_or_obj: Any, size: int, rows: int, *, start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> list[Callable[[], xr.Dataset]] | None:  # fmt: skip
        """What opens some lines at a time; None of a subclass that opens files in its own way."""
        if type(self).open_dataset is not TextReader.open_dataset or type(self).read is not TextReader.read:
            return None
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        opened, refused = found.each(lambda path: self._beginning(path, size))
        window = window_of(start, stop)
        opened.sort(key=lambda item: item[0])
        groups = lines.stretches([piece for _, piece in opened], size)

        def some(at: int) -> xr.Dataset:
            ds = self._joined([self._rows(path, begin, {}, end)[0] for path, begin, end in groups[at]])
            ds = ds.isel(time=np.flatnonzero(window.contains(ds["time"].to_numpy())))
            ds.attrs = {"refused": "" if at else "\n".join(refused)}
            return describe(ds)

        return [partial(some, at) for at in range(len(groups))] or None

    def _beginning(self, path: str, size: int) -> tuple[int, lines.Piece]:
        """Of one file: the time of its first row, 0 where there is none, and where its rows are."""
        end = self.complete(path)
        for ((_, begin, stop),) in lines.stretches([(path, 0, end)], size) or [[(path, 0, 0)]]:
            ds, _ = self._rows(path, begin, {}, stop)
            if ds.sizes["time"]:
                return int(ds["time"].values[0].astype(np.int64)), (path, 0, end)
        return 0, (path, 0, end)

    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes up to and with the last line end, when the head is whole."""
        end = lines.whole(path)
        with open(path, "rb") as file:
            whole = all(file.readline().endswith(b"\n") for _ in range(self.head))
        return end if whole else 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """First and last time in the file."""
        pieces = lines.stretches([(fspath(path), 0, self.complete(path))], _PIECE) or [[(fspath(path), 0, 0)]]
        edges = []
        for ((_, begin, stop),) in pieces:
            time = self._rows(fspath(path), begin, {}, stop)[0]["time"].to_numpy()
            time = time[~np.isnat(time)]
            edges += [time.min(), time.max()] if time.size else []
        return (min(edges), max(edges)) if edges else (_NAT, _NAT)

    def rows_from(self, path: str | PathLike[str], offset: int) -> tuple[xr.Dataset, int]:
        """Rows of the whole lines from byte `offset` on, and the byte after them."""
        ds, end = self._rows(fspath(path), offset, {})
        return describe(ds), end

    def _rows(self, path: str, offset: int, options: dict[str, Any], stop: int | None = None) -> tuple[xr.Dataset, int]:
        """The rows of the whole lines from byte `offset` on, up to byte `stop`; those of the head are none."""
        end = self.complete(path)
        if end > self.most:
            raise ReaderError(path, "is too large to be read at once", expected=f"at most {self.most} bytes", found=end)
        try:
            with open(path, "rb") as file:
                head = [_text(file.readline()) for _ in range(self.head)] if end else []
                begin = max(offset, file.tell())
                file.seek(begin)
                body = file.read(max(0, (end if stop is None else stop) - begin))
                if not end and _is_binary(file.read(4096)):
                    raise ReaderError(path, f"is not text, which {type(self).__name__} reads", offset=0)
        except OSError as error:
            raise ReaderError.unreadable(path, error) from error
        if self.head and not end:
            return self._joined([]), 0
        try:
            ds = self.parse(head, [_text(line) for line in body.split(b"\n")[:-1]], **options)
        except ReaderError:
            raise
        except (ValueError, KeyError, IndexError, OverflowError, ArithmeticError) as error:
            raise ReaderError(path, f"is not what {type(self).__name__} reads ({error})") from error
        return ds.assign_coords(time=ds["time"].astype("datetime64[ns]")), end

    def _joined(self, parts: list[xr.Dataset]) -> xr.Dataset:
        """The rows of `parts` one after another; without any, variables without rows."""
        if parts:
            return (
                parts[0]
                if len(parts) == 1
                else xr.concat(parts, "time", data_vars="all", combine_attrs="drop_conflicts")
            )
        data: dict[str, Any] = {}
        for spec in self.provides:
            kind = np.dtype("U1") if spec.dtype == "str" else np.dtype(spec.dtype)
            data[spec.name] = ("time", np.empty(0, kind), spec.attrs() if kind.kind != "M" else {})
        return xr.Dataset(data).set_coords("time")


def _is_binary(start: bytes) -> bool:
    """True for bytes that no first line begins with; the last few may be half a letter."""
    try:
        start[: max(0, len(start) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return True
    return b"\0" in start


def _text(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "replace")
