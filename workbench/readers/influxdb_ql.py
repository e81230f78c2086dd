"""InfluxQL: InfluxDB 1, the v1-compatible query of InfluxDB 2, and ``query_influxql`` of InfluxDB 3."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers import influxdb_answer as answer
from workbench.readers.influxdb_answer import Columns, Kind
from workbench.readers.influxdb_dialect import FIRST, LAST, Dialect, Numbers, Schema, Table, one_kind, values_of
from workbench.readers.influxdb_place import Place

__all__ = ["InfluxQL"]

#: Values of tags looked at; beyond, a tag is one in which rows differ.
_VALUES = 100_000
#: Rows looked at to see which fields are always there.
_SAMPLE = 1000
_TEXT: Kind = "string"
#: Measurements whose rows hold only some of the fields.
_sparse: set[Place] = set()


@dataclass(frozen=True)
class InfluxQL(Dialect):
    """Asks by InfluxQL.

    Attributes
    ----------
    version : {1, 3}
        1: ``/query``, CSV. 3: ``/api/v3/query_influxql``.
    form : {"csv", "parquet"}
        How InfluxDB 3 is to answer.
    careful : bool or None
        True: count rows even if they hold only some of the fields, which takes longer. None: where it is seen.
    """

    version: int = 1
    form: str = "csv"
    careful: bool | None = None

    # what is there

    def schema(self) -> Schema:
        place = self.server.place
        found = self._show(f"SHOW FIELD KEYS {self._on} FROM {self._source}", ("fieldKey", "fieldType"))
        kinds: dict[str, set[str]] = {}
        for name, kind in zip(*found, strict=True):
            kinds.setdefault(name, set()).add("integer" if kind == "unsigned" else kind)
        fields = self.chosen({name: one_kind(each) for name, each in kinds.items()})
        if not fields:
            raise self._missing()
        picked = self._picked()
        found = self._show(
            f"SHOW TAG VALUES {self._on} FROM {_name(place.measurement)} WITH KEY =~ /.*/"
            f"{' WHERE ' + picked if picked else ''} LIMIT {_VALUES}",
            ("key", "value"),
        )
        values: dict[str, set[str]] = {}
        for name, value in zip(*found, strict=True):
            values.setdefault(name, set()).add(value)
        known = Schema(fields, {})
        for name in sorted(values):
            if self._untagged(known, name):
                values[name].add("")
        tags = {name: next(iter(each)) if len(each) == 1 else None for name, each in sorted(values.items())}
        return Schema(fields, tags, math.prod(len(values[name]) for name, value in tags.items() if value is None))

    def _untagged(self, schema: Schema, tag: str) -> bool:
        """Are there rows without this tag?"""
        return bool(self._select(schema, (), f"{_name(tag)} = ''", tail=" LIMIT 1")["time"].size)

    def _missing(self) -> ReaderError:
        """What to say when the measurement is not there, or not even the database."""
        try:
            databases = self._show("SHOW DATABASES", ("name",))[0]
        except ReaderError:  # only some may ask for them
            databases = []
        if databases and self.server.place.database not in databases:
            return self.server.no_database(tuple(databases))
        return self.server.missing(tuple(self._show(f"SHOW MEASUREMENTS {self._on}", ("name",))[0]))

    def ends(self, schema: Schema) -> tuple[int, int] | None:
        first = self._select(schema, (), tail=" ORDER BY time ASC LIMIT 1")["time"]
        last = self._select(schema, (), tail=" ORDER BY time DESC LIMIT 1")["time"]
        return (int(first.view(np.int64)[0]), int(last.view(np.int64)[0])) if first.size and last.size else None

    # how many

    def counts(self, schema: Schema, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        if start >= stop:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        always = self._always(schema, start, stop)
        if always is None:
            return self._carefully(schema, start, stop, width)
        what = f'{_name(always)}::{schema.fields[always]} AS "n"'
        return self._counted(what, start, stop, width)

    def _carefully(self, schema: Schema, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        """By a tag that every row has; else by reading the rows."""
        tag = self._tag(schema)
        if tag is not None:
            return self._counted(f'{self._columns(schema, ())}, {_name(tag)}::tag AS "n"', start, stop, width)
        time = self.rows(schema, start, stop).time.view(np.int64)
        at, n = np.unique((time - start) // width, return_counts=True)
        return start + at * width, n

    def _counted(self, columns: str, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        inner = f"SELECT {columns} FROM {self._source} WHERE {self._between(start, stop)}"
        outer = f"{_time(start, stop)} GROUP BY {_every(width, start)} fill(none)"
        found = self._ask(f'SELECT count("n") FROM ({inner}) WHERE {outer}', {"time": "time", "count": "float"})
        n = np.nan_to_num(found["count"]).astype(np.int64)
        begin = np.maximum(found["time"].view(np.int64), start)
        return begin[n > 0], n[n > 0]

    def _always(self, schema: Schema, start: int, stop: int) -> str | None:
        """A field that every row seems to have; None where rows have to be counted more carefully."""
        names = tuple(schema.fields)
        if len(names) == 1:
            return names[0]
        if self.careful or (self.careful is None and self.server.place in _sparse):
            return None
        full = self._full(schema, start, stop)
        if full and self.careful is None:
            full &= self._full(schema, stop - max(1, (stop - start) // 16), stop)
        return next((name for name in names if name in full), None)

    def _full(self, schema: Schema, start: int, stop: int) -> set[str]:
        """Fields that all of the first rows between two moments have."""
        names = tuple(schema.fields)
        counts = self._first(schema, start, stop, _SAMPLE)
        rows = _SAMPLE
        if max(counts) < _SAMPLE:
            rows = int(self._carefully(schema, start, stop, max(1, stop - start))[1].sum())
        return {name for name, n in zip(names, counts, strict=True) if n == rows}

    def exceeds(self, schema: Schema, start: int, stop: int, rows: int) -> bool:
        return max(self._first(schema, start, stop, rows + 1)) > rows or super().exceeds(schema, start, stop, rows)

    def _first(self, schema: Schema, start: int, stop: int, rows: int) -> list[int]:
        """How many of the first rows have each field."""
        n = len(schema.fields)
        asked = ", ".join(f'count("f{i}") AS "c{i}"' for i in range(n))
        limits = self._between(start, stop)
        inner = f"SELECT {self._columns(schema, ())} FROM {self._source} WHERE {limits} LIMIT {rows}"
        kinds: dict[str, Kind] = {f"c{i}": "float" for i in range(n)}
        found = self._ask(f"SELECT {asked} FROM ({inner}) WHERE {_time(start, stop)}", kinds)
        return [int(np.nansum(found[f"c{i}"])) for i in range(n)]

    def _tag(self, schema: Schema) -> str | None:
        """A tag that every row has."""
        return next((tag for tag in schema.tags if not self._untagged(schema, tag)), None)

    def sparse(self) -> None:
        _sparse.add(self.server.place)

    # rows

    def rows(self, schema: Schema, start: int, stop: int, limit: int | None = None) -> Table:
        if start >= stop:
            return self._table(schema, schema.varied, self._nothing(schema, schema.varied))
        tail = "" if limit is None else f" ORDER BY time ASC LIMIT {limit}"
        found = self._select(schema, schema.varied, self._between(start, stop), tail)
        return self._table(schema, schema.varied, found).sorted()

    def bins(self, schema: Schema, start: int, stop: int, width: int, tags: tuple[str, ...]) -> Table:
        names = schema.numbers
        asked, kinds = [], dict[str, Kind](time="time")
        kinds |= {"tags": _TEXT} if self.version == 1 else dict.fromkeys(tags, _TEXT)
        for i, name in enumerate(names):
            for how in ("mean", "min", "max"):
                asked.append(f'{how}({_name(name)}) AS "{how}{i}"')
                kinds[f"{how}{i}"] = "float"
        by = "".join(f", {_name(tag)}" for tag in tags)
        found = self._ask(
            f"SELECT {', '.join(asked)} FROM {self._source} WHERE {self._between(start, stop)} "
            f"GROUP BY {_every(width, start)}{by} fill(none)",
            kinds,
        )
        fields: dict[str, Any] = {}
        for i, name in enumerate(names):
            fields |= {name: found[f"mean{i}"], f"{name}_min": found[f"min{i}"], f"{name}_max": found[f"max{i}"]}
        values = self._labels(found, tags)
        time = np.maximum(found["time"].view(np.int64), start).view("M8[ns]")
        return Table(time, fields, values).sorted()

    def _labels(self, found: Columns, tags: tuple[str, ...]) -> Columns:
        """Tags of bins: InfluxDB 1 and 2 write them into one column, InfluxDB 3 into one each."""
        if self.version != 1:
            return {tag: found[tag] for tag in tags}
        words, at = np.unique(found["tags"].astype(str), return_inverse=True)
        sets = [answer.tagset(str(word)) for word in words]
        return {tag: np.array([each.get(tag, "") for each in sets] or [""], object)[at] for tag in tags}

    # how it is written

    def _select(self, schema: Schema, tags: tuple[str, ...], condition: str = "", tail: str = "") -> Columns:
        limits = condition if "time" in condition else self._between(FIRST, LAST, condition)
        kinds = self._kinds(schema, tags)
        return self._ask(f"SELECT {self._columns(schema, tags)} FROM {self._source} WHERE {limits}{tail}", kinds)

    def _columns(self, schema: Schema, tags: tuple[str, ...]) -> str:
        """Fields as ``f0, f1, ...``, tags as ``t0, ...``: their names may be those of other columns of the answer."""
        fields = [f'{_name(name)}::{kind} AS "f{i}"' for i, (name, kind) in enumerate(schema.fields.items())]
        return ", ".join([*fields, *(f'{_name(name)}::tag AS "t{i}"' for i, name in enumerate(tags))])

    def _kinds(self, schema: Schema, tags: tuple[str, ...]) -> dict[str, Kind]:
        kinds: dict[str, Kind] = {"time": "time"}
        for i, kind in enumerate(schema.fields.values()):
            kinds[f"f{i}"] = kind  # type: ignore[assignment]
        return {**kinds, **{f"t{i}": _TEXT for i in range(len(tags))}}

    def _nothing(self, schema: Schema, tags: tuple[str, ...]) -> Columns:
        kinds = self._kinds(schema, tags)
        return {
            name: np.empty(0, "M8[ns]" if kind == "time" else object if kind == "string" else float)
            for name, kind in kinds.items()
        }

    @staticmethod
    def _table(schema: Schema, tags: tuple[str, ...], found: Columns) -> Table:
        fields = {name: found[f"f{i}"] for i, name in enumerate(schema.fields)}
        return Table(found["time"], fields, {name: found[f"t{i}"] for i, name in enumerate(tags)})

    def _between(self, start: int, stop: int, condition: str = "") -> str:
        return " AND ".join(part for part in (_time(start, stop), self._picked(), condition) if part)

    def _picked(self) -> str:
        each = (
            "(" + " OR ".join(f"{_name(tag)} = {_text(value)}" for value in values_of(values)) + ")"
            for tag, values in self.where.items()
        )
        return " AND ".join(each)

    @property
    def _on(self) -> str:
        return f"ON {_name(self.server.place.database)}" if self.version == 1 else ""

    @property
    def _source(self) -> str:
        place = self.server.place
        retention = f"{_name(place.retention)}." if place.retention else ""
        return f"{retention}{_name(place.measurement)}"

    def _show(self, query: str, names: tuple[str, ...]) -> tuple[list[str], ...]:
        """Columns of a SHOW statement, as text."""
        place = self.server.place
        if self.version == 1:
            with self.server.ask("/query", {"db": place.database, "q": query}) as body:
                return answer.shown(body, names, str(place))
        with self.server.ask("/api/v3/query_influxql", {"db": place.database, "q": query, "format": "csv"}) as body:
            found = answer.plain(body, dict.fromkeys(names, _TEXT), str(place))
        return tuple([str(value) for value in found[name]] for name in names)

    def _ask(self, query: str, kinds: Mapping[str, Kind]) -> Columns:
        place = self.server.place
        url = str(place)
        if self.version == 1:
            params = {"db": place.database, "epoch": "ns", "q": query, "chunked": "true", "chunk_size": "50000"}
            with self.server.ask("/query", params, headers={"Accept": "application/csv"}) as body:
                return answer.plain(body, kinds, url)
        form = self.form
        params = {"db": place.database, "q": query, "format": form}
        kinds = {name: "moment" if kind == "time" and form == "csv" else kind for name, kind in kinds.items()}
        with self.server.ask("/api/v3/query_influxql", params) as body:
            return answer.plain(body, kinds, url) if form == "csv" else answer.parquet(body, kinds, url)


def _time(start: int, stop: int) -> str:
    return f"time >= {max(start, FIRST)} AND time < {min(stop, LAST)}"


def _every(width: int, start: int) -> str:
    return f"time({width}ns, {start % width}ns)"


def _name(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _text(text: str) -> str:
    if any(ord(letter) < 32 and letter not in "\n" for letter in text):
        raise ReaderError("where", f"the value {text!r} of a tag has control characters in it")
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
