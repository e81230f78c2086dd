"""Flux of InfluxDB 2: ``/api/v2/query``, answered as annotated CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.readers import influxdb_answer as answer
from workbench.readers.influxdb_answer import Columns, Kind
from workbench.readers.influxdb_dialect import FIRST, LAST, Dialect, Numbers, Schema, Table, one_kind, values_of

__all__ = ["Flux"]

_KINDS = {"double": "float", "long": "integer", "unsignedLong": "integer", "boolean": "boolean", "string": "string"}
_IMPORT = 'import "influxdata/influxdb/schema"\n'
_PIVOT = ' |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'


@dataclass(frozen=True)
class Flux(Dialect):
    """Asks by Flux.

    Attributes
    ----------
    org : str
        The organisation.
    """

    org: str = ""

    def schema(self) -> Schema:
        place = self.server.place
        query = f'{self._from(FIRST, LAST)} |> first() |> keep(columns: ["_field", "_value"])'
        kinds: dict[str, set[str]] = {}
        for types, found in self._blocks(query):
            for name in found:
                kinds.setdefault(name, set()).add(_KINDS.get(types, "string"))
        fields = self.chosen({name: one_kind(each) for name, each in kinds.items()})
        if not fields:
            query = f"{_IMPORT}schema.measurements(bucket: {_text(place.database)}, start: {_moment(FIRST)})"
            raise self.server.missing(tuple(map(str, self._ask(query, {"_value": "string"})["_value"])))
        about = f"bucket: {_text(place.database)}, measurement: {_text(place.measurement)}"
        query = f"{_IMPORT}schema.measurementTagKeys({about}, start: {_moment(FIRST)})"
        keys = sorted(str(k) for k in self._ask(query, {"_value": "string"})["_value"] if not str(k).startswith("_"))
        tags: dict[str, str | None] = {}
        sizes = []
        for tag in keys:
            query = f"{self._from(FIRST, LAST)} |> keep(columns: [{_text(tag)}]) |> group() |> distinct(column: {_text(tag)})"
            values = sorted(set(map(str, self._ask(query, {"_value": "string"})["_value"])))
            tags[tag] = values[0] if len(values) == 1 and values[0] else None
            sizes.append(1 if tags[tag] is not None else max(1, len(values)))
        return Schema(fields, tags, math.prod(sizes))

    def ends(self, schema: Schema) -> tuple[int, int] | None:
        base = f'{self._from(FIRST, LAST, self.wanted)} |> group() |> keep(columns: ["_time"])'
        first = self._ask(f'{base} |> min(column: "_time")', {"_time": "moment"})["_time"]
        last = self._ask(f'{base} |> max(column: "_time")', {"_time": "moment"})["_time"]
        return (int(first.view(np.int64)[0]), int(last.view(np.int64)[0])) if first.size and last.size else None

    def counts(self, schema: Schema, start: int, stop: int, width: int) -> tuple[Numbers, Numbers]:
        if start >= stop:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        query = (
            f"{self._from(start, stop, self.wanted)}{_PIVOT} |> group() |> map(fn: (r) => ({{_time: r._time, _value: 1}}))"
            f' |> window({_every(width, start)}) |> count() |> group() |> sort(columns: ["_start"])'
        )
        found = self._ask(query, {"_start": "moment", "_value": "float"})
        return np.maximum(found["_start"].view(np.int64), start), found["_value"].astype(np.int64)

    def rows(self, schema: Schema, start: int, stop: int, limit: int | None = None) -> Table:
        kinds: dict[str, Kind] = {"_time": "moment", **dict.fromkeys(schema.varied, "string")}
        kinds |= schema.fields  # type: ignore[arg-type]
        found: Columns = {name: np.empty(0, _dtype(kind)) for name, kind in kinds.items()}
        if start < stop:
            order = ", ".join(map(_text, ("_time", *schema.varied)))
            tail = "" if limit is None else f" |> limit(n: {limit})"
            query = f"{self._from(start, stop, self.wanted)}{_PIVOT} |> group() |> sort(columns: [{order}]){tail}"
            found = self._ask(query, kinds)
        fields = {name: found[name] for name in schema.fields}
        return Table(found["_time"], fields, {name: found[name] for name in schema.varied}).sorted()

    def bins(self, schema: Schema, start: int, stop: int, width: int, tags: tuple[str, ...]) -> Table:
        by = ", ".join(map(_text, ("_field", *tags)))
        kinds: dict[str, Kind] = {"_time": "moment", **dict.fromkeys(tags, "string")}
        kinds |= dict.fromkeys(schema.numbers, "float")
        parts = []
        for how in ("mean", "min", "max"):
            query = (
                f"{self._from(start, stop, schema.numbers)} |> group(columns: [{by}]) |> aggregateWindow({_every(width, start)}, "
                f'fn: {how}, createEmpty: false, timeSrc: "_start"){_PIVOT} |> group()'
            )
            found = self._ask(query, kinds)
            fields = {name: found[name] for name in schema.numbers}
            parts.append(Table(found["_time"], fields, {tag: found[tag] for tag in tags}).sorted())
        fields = {}
        for suffix, part in zip(("", "_min", "_max"), parts, strict=True):
            fields |= {f"{name}{suffix}": part.fields[name] for name in schema.numbers}
        time = np.maximum(parts[0].time.view(np.int64), start).view("M8[ns]")
        return Table(time, fields, parts[0].tags)

    # how it is written

    def _from(self, start: int, stop: int, wanted: tuple[str, ...] | None = None) -> str:
        place = self.server.place
        conditions = [f"r._measurement == {_text(place.measurement)}"]
        if wanted is not None:
            conditions.append("(" + " or ".join(f"r._field == {_text(name)}" for name in wanted) + ")")
        for tag, values in self.where.items():
            each = (f"r[{_text(tag)}] == {_text(value)}" for value in values_of(values))
            conditions.append("(" + " or ".join(each) + ")")
        limits = f"start: {_moment(max(start, FIRST))}, stop: {_moment(min(stop, LAST))}"
        return (
            f"from(bucket: {_text(place.database)}) |> range({limits}) |> filter(fn: (r) => {' and '.join(conditions)})"
        )

    def _request(self, query: str) -> Any:
        dialect = {"annotations": ["datatype", "group", "default"], "header": True, "delimiter": ","}
        body = json.dumps({"query": query, "type": "flux", "dialect": dialect}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/csv"}
        return self.server.ask("/api/v2/query", {"org": self.org}, body=body, headers=headers)

    def _ask(self, query: str, kinds: Mapping[str, Kind]) -> Columns:
        with self._request(query) as body:
            return answer.annotated(body, kinds, str(self.server.place))

    def _blocks(self, query: str) -> list[tuple[str, list[str]]]:
        """For each block, the type of its values and its fields."""
        with self._request(query) as body:
            return answer.typed(body, "_value", "_field", str(self.server.place))


def _dtype(kind: Kind) -> Any:
    return "M8[ns]" if kind == "moment" else object if kind == "string" else np.float64


def _moment(ns: int) -> str:
    return f"time(v: {ns})"


def _every(width: int, start: int) -> str:
    return f"every: duration(v: {width}), offset: duration(v: {start % width})"


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("${", "\\${") + '"'
