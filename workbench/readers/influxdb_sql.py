"""SQL of InfluxDB 3: ``/api/v3/query_sql``, answered as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.readers import influxdb_answer as answer
from workbench.readers.influxdb_answer import Columns, Kind
from workbench.readers.influxdb_dialect import Dialect, Numbers, Schema, Table, values_of

__all__ = ["SQL"]

_KINDS = {"Float64": "float", "Int64": "integer", "UInt64": "integer", "Boolean": "boolean", "Utf8": "string"}


@dataclass(frozen=True)
class SQL(Dialect):
    """Asks by SQL.

    Attributes
    ----------
    form : {"parquet", "csv"}
    """

    form: str = "parquet"

    def schema(self) -> Schema:
        named = f"table_schema = 'iox' AND table_name = {_text(self.server.place.measurement)}"
        query = f"SELECT column_name, data_type FROM information_schema.columns WHERE {named}"
        found = self._ask(query, {"column_name": "string", "data_type": "string"})
        types = dict(zip(map(str, found["column_name"]), map(str, found["data_type"]), strict=True))
        fields = self.chosen({name: _KINDS[kind] for name, kind in types.items() if kind in _KINDS})
        if not fields:
            query = "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'iox'"
            raise self.server.missing(tuple(map(str, self._ask(query, {"table_name": "string"})["table_name"])))
        tags, series = {}, 1
        for tag in sorted(name for name, kind in types.items() if kind.startswith("Dictionary")):
            values = self._values(tag)
            tags[tag] = values[0] if len(values) == 1 and values[0] else None
            series *= len(values) if tags[tag] is None else 1
        return Schema(fields, tags, max(1, series))

    def _values(self, tag: str) -> list[str]:
        query = f'SELECT DISTINCT {_name(tag)} AS "t" FROM {self._table} {self._which()} LIMIT 1000'
        return list(map(str, self._ask(query, {"t": "string"})["t"]))

    def ends(self, schema: Schema) -> tuple[int, int] | None:
        query = f'SELECT min(time) AS "a", max(time) AS "b" FROM {self._table} {self._which(self._any(schema))}'
        found = self._ask(query, {"a": "moment", "b": "moment"})
        if not found["a"].size or np.isnat(found["a"][0]):
            return None
        return int(found["a"].view(np.int64)[0]), int(found["b"].view(np.int64)[0])

    def counts(self, schema: Schema, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        if start >= stop:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        which = self._which(_between(start, stop), self._any(schema))
        query = f'SELECT {_bin(width, start)} AS "b", count(*) AS "n" FROM {self._table} {which} GROUP BY 1 ORDER BY 1'
        found = self._ask(query, {"b": "moment", "n": "float"})
        return found["b"].view(np.int64), found["n"].astype(np.int64)

    def rows(self, schema: Schema, start: int, stop: int, limit: int | None = None) -> Table:
        kinds: dict[str, Kind] = {"time": "moment"}
        for i, kind in enumerate(schema.fields.values()):
            kinds[f"f{i}"] = kind  # type: ignore[assignment]
        kinds |= {f"t{i}": "string" for i in range(len(schema.varied))}
        columns = [f'{_name(name)} AS "f{i}"' for i, name in enumerate(schema.fields)]
        columns += [f'{_name(name)} AS "t{i}"' for i, name in enumerate(schema.varied)]
        which = self._which(_between(start, stop) if start < stop else "false", self._any(schema))
        tail = "" if limit is None else f" LIMIT {limit}"
        query = f"SELECT time, {', '.join(columns)} FROM {self._table} {which} ORDER BY time{tail}"
        found = self._ask(query, kinds)
        fields = {name: found[f"f{i}"] for i, name in enumerate(schema.fields)}
        return Table(found["time"], fields, {name: found[f"t{i}"] for i, name in enumerate(schema.varied)}).sorted()

    def bins(self, schema: Schema, start: int, stop: int, width: int, tags: tuple[str, ...]) -> Table:
        kinds: dict[str, Kind] = {"b": "moment"}
        columns = [f'{_bin(width, start)} AS "b"', *(f'{_name(tag)} AS "t{i}"' for i, tag in enumerate(tags))]
        for i, name in enumerate(schema.numbers):
            columns += [f'{how}({_name(name)}) AS "{how}{i}"' for how in ("avg", "min", "max")]
            kinds |= {f"{how}{i}": "float" for how in ("avg", "min", "max")}
        kinds |= {f"t{i}": "string" for i in range(len(tags))}
        by = ", ".join(str(i + 1) for i in range(1 + len(tags)))
        some = " OR ".join(f"{_name(name)} IS NOT NULL" for name in schema.numbers)
        which = self._which(_between(start, stop), f"({some})")
        query = f"SELECT {', '.join(columns)} FROM {self._table} {which} GROUP BY {by} ORDER BY {by}"
        found = self._ask(query, kinds)
        fields: dict[str, Any] = {}
        for i, name in enumerate(schema.numbers):
            fields |= {name: found[f"avg{i}"], f"{name}_min": found[f"min{i}"], f"{name}_max": found[f"max{i}"]}
        return Table(found["b"], fields, {tag: found[f"t{i}"] for i, tag in enumerate(tags)}).sorted()

    # how it is written

    @property
    def _table(self) -> str:
        return _name(self.server.place.measurement)

    def _any(self, schema: Schema) -> str:
        """A row that holds one of the fields wanted."""
        if self.wanted is None:
            return ""
        return "(" + " OR ".join(f"{_name(name)} IS NOT NULL" for name in schema.fields) + ")"

    def _which(self, *conditions: str) -> str:
        picked = (f"{_name(tag)} IN ({', '.join(map(_text, values_of(v)))})" for tag, v in self.where.items())
        parts = [part for part in (*conditions, *picked) if part]
        return f"WHERE {' AND '.join(parts)}" if parts else ""

    def _ask(self, query: str, kinds: Mapping[str, Kind]) -> Columns:
        place = self.server.place
        params = {"db": place.database, "q": query, "format": self.form}
        with self.server.ask("/api/v3/query_sql", params) as body:
            read = answer.parquet if self.form == "parquet" else answer.plain
            return read(body, kinds, str(place))


def _moment(ns: int) -> str:
    return f"TIMESTAMP '{np.datetime_as_string(np.datetime64(ns, 'ns'))}Z'"


def _between(start: int, stop: int) -> str:
    return f"time >= {_moment(start)} AND time < {_moment(stop)}"


def _bin(width: int, start: int) -> str:
    return f"date_bin(INTERVAL '{width} nanoseconds', time, {_moment(start)})"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
