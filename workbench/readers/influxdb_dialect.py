"""What every way of asking InfluxDB can do: a schema, counts, rows and bins. Times are nanoseconds since 1970."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, suggest
from workbench.readers.influxdb_http import Server

__all__ = ["FIRST", "LAST", "NUMBERS", "Dialect", "Schema", "Table"]

#: The first time InfluxDB can store, and the first it cannot.
FIRST, LAST = -(2**63) + 2, 2**63 - 1
#: Kinds of fields that have a mean.
NUMBERS = ("float", "integer")
Where = Mapping[str, str | Sequence[str]]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Schema:
    """Fields and tags of a measurement.

    Attributes
    ----------
    fields : mapping of str to str
        Kind of each field: float, integer, boolean or string.
    tags : mapping of str to str or None
        The value that every row has; None where rows differ.
    series : int
        How many combinations of tags there are at most.
    """

    fields: Mapping[str, str]
    tags: Mapping[str, str | None]
    series: int = 1

    @property
    def varied(self) -> tuple[str, ...]:
        """Tags in which rows differ."""
        return tuple(name for name, value in self.tags.items() if value is None)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Fields that have a mean."""
        return tuple(name for name, kind in self.fields.items() if kind in NUMBERS)


@dataclass
class Table:
    """Rows in order of time; rows of one time in order of their tags.

    Attributes
    ----------
    time : numpy.ndarray of datetime64[ns]
    fields, tags : dict of str to numpy.ndarray
        Numbers are float64, text and tags object.
    """

    time: npt.NDArray[np.datetime64]
    fields: dict[str, npt.NDArray[Any]]
    tags: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def nbytes(self) -> int:
        return sum(values.nbytes for values in (self.time, *self.fields.values(), *self.tags.values()))

    def take(self, which: Any) -> Table:
        """Some of the rows."""
        return Table(
            self.time[which], {name: values[which] for name, values in self.fields.items()},
            {name: values[which] for name, values in self.tags.items()},
        )  # fmt: skip

    def sorted(self) -> Table:
        """The same rows in order."""
        time = self.time.view(np.int64)
        if len(time) < 2 or np.all(time[1:] > time[:-1]):
            return self
        keys = [np.unique(values.astype(str), return_inverse=True)[1] for values in reversed(self.tags.values())]
        return self.take(np.lexsort((*keys, time)))


@dataclass(frozen=True)
class Dialect(ABC):
    """One way of asking.

    Attributes
    ----------
    server : Server
    where : mapping of str to str or sequence of str
        Only rows whose tag has this value, or one of these.
    wanted : tuple of str or None
        The fields to read; None for all.
    """

    server: Server
    where: Where
    wanted: tuple[str, ...] | None = None

    @abstractmethod
    def schema(self) -> Schema:
        """Fields (only those wanted) and tags; ReaderError when there are none."""

    @abstractmethod
    def ends(self, schema: Schema) -> tuple[int, int] | None:
        """First and last time; None without rows."""

    @abstractmethod
    def counts(self, schema: Schema, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        """Beginning and number of rows of each bin of ``start <= time < stop`` that has any; bins begin at `start`."""

    def exceeds(self, schema: Schema, start: int, stop: int, rows: int) -> bool:
        """Are there more than `rows` rows with ``start <= time < stop``?"""
        return int(self.counts(schema, start, stop, max(1, stop - start))[1].sum()) > rows

    @abstractmethod
    def rows(self, schema: Schema, start: int, stop: int, limit: int | None = None) -> Table:
        """Rows with ``start <= time < stop``; with `limit`, the first so many in order of time."""

    @abstractmethod
    def bins(self, schema: Schema, start: int, stop: int, width: int, tags: tuple[str, ...]) -> Table:
        """``<field>``, ``<field>_min`` and ``<field>_max`` of each bin and combination of `tags` that has any number.

        The time of a bin is its beginning.
        """

    def sparse(self) -> None:  # noqa: B027
        """Learn that rows were counted wrongly: count more carefully from now on."""

    def chosen(self, found: Mapping[str, str]) -> dict[str, str]:
        """Of the fields there are, those wanted, in their order; ReaderError when one is not there."""
        if self.wanted is None or not found:
            return dict(sorted(found.items()))
        for name in self.wanted:
            if name not in found:
                url = str(self.server.place)
                raise ReaderError(url, f"there is no field '{name}'", hint=suggest(name, found).rstrip("."))
        return {name: found[name] for name in self.wanted}


def one_kind(kinds: set[str]) -> str:
    """The kind of a field that parts of the database hold differently."""
    return next(kind for kind in ("string", "float", "integer", "boolean") if kind in kinds) if kinds else "float"


def values_of(value: str | Sequence[str]) -> tuple[str, ...]:
    """One value or several, as several."""
    return (value,) if isinstance(value, str) else tuple(value)
