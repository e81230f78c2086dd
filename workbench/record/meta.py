"""What the hot file knows about its tables: columns, labels, revision, and what no longer counts."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.record.block import Block
from workbench.record.columns import OURS, REV, SEQ, Column, dumps, loads


@dataclass(frozen=True)
class Meta:
    """One table.

    Attributes
    ----------
    name : str
    keys : tuple of Column
        Dims beyond time.
    columns : dict of str to Column
    labels : dict of str to list
        Labels of each key, in the order they came.
    attrs, time_attrs : dict
    shape : int
        Grows when any of the above changes.
    rev : int
        Transactions so far.
    epoch : int
        How often rows that had been read were altered or removed.
    last : int or None
        Newest time there ever was (ns).
    gone : tuple of (start, stop, first, last)
        Rolled rows with ``start <= time < stop`` and ``first <= _rev <= last`` no longer count.
    fed : Block or None
        A block without rows of its own, which asked for nothing that was not there: others like it do not, either.
    """

    name: str
    keys: tuple[Column, ...]
    columns: dict[str, Column]
    labels: dict[str, list[Any]]
    attrs: dict[str, Any]
    time_attrs: dict[str, Any]
    shape: int = 0
    rev: int = 0
    epoch: int = 0
    last: int | None = None
    gone: tuple[tuple[int, int, int, int], ...] = ()
    fed: Block | None = field(default=None, compare=False)

    @classmethod
    def load(cls, connection: sqlite3.Connection, table: str, known: Meta | None = None) -> Meta | None:
        """The table as it is in this look at the file; None when there is none.

        What does not change with every row is taken from `known`, while it is right.
        """
        row = connection.execute(
            "select name, shape, rev, epoch, last, attrs, time_attrs from _tables where name = ?", (table,)
        ).fetchone()
        if row is None:
            return None
        name, shape, rev, epoch, last, attrs, time_attrs = row
        gone = connection.execute('select start, stop, first, last from _gone where "table" = ?', (name,)).fetchall()
        if known is None or (known.name, known.shape) != (name, shape):
            known = cls(name, *_columns(connection, name), dict(loads(attrs)), dict(loads(time_attrs)))
        return replace(known, shape=shape, rev=rev, epoch=epoch, last=last, gone=tuple(gone))


def _columns(
    connection: sqlite3.Connection, table: str
) -> tuple[tuple[Column, ...], dict[str, Column], dict[str, list[Any]]]:
    keys, columns, labels = [], {}, {}
    query = (
        'select role, name, sql, dtype, dims, attrs, coord, labels from _columns where "table" = ? order by position'
    )
    for role, name, sql, dtype, dims, described, coord, listed in connection.execute(query, (table,)):
        made = Column(name, dtype, tuple(json.loads(dims)), described, bool(coord), sql)
        if role == "key":
            keys.append(made)
            labels[name] = json.loads(listed)
        else:
            columns[name] = made
    return tuple(keys), columns, labels


def names(connection: sqlite3.Connection) -> list[str]:
    """All tables, sorted."""
    return [row[0] for row in connection.execute("select name from _tables order by name")]


def grow(connection: sqlite3.Connection, meta: Meta | None, table: str, block: Block) -> Meta:
    """Make room for `block`: a new table, new columns, wider types, new labels.

    Raises
    ------
    WorkbenchError
        When the block cannot be kept in this table; nothing has changed then.
    """
    if meta is None:
        return _create(connection, table, block)
    if meta.name != table:
        raise WorkbenchError(f"table '{table}': there is a table '{meta.name}'; names must differ by more than case")
    if block.rows.num_rows == 0 or (meta.fed is not None and block.like(meta.fed)):
        return meta
    if {key.name for key in block.keys} - {key.name for key in meta.keys}:
        old, new = ", ".join(["time", *meta.labels]), ", ".join(["time", *block.labels])
        raise WorkbenchError(f"table '{table}' is kept by {old}; rows by {new} belong in a table of their own")
    keys, labels = _wider(meta, block, table)
    given = {column.name: column for column in block.columns}
    columns = {}
    for name, old_column in meta.columns.items():
        column = old_column.joined(given[name], table) if name in given else old_column
        ragged = name not in given or any(set(block.labels[dim]) != set(labels[dim]) for dim in column.dims)
        grew = any(len(labels[dim]) > len(meta.labels[dim]) for dim in column.dims)
        columns[name] = column.lacking() if meta.rev and (ragged or grew) else column
    for column in block.columns:
        if column.name not in columns:
            sql = _sql_name(column.name, meta.keys, columns.values())
            connection.execute(f"alter table {_quoted(meta.name)} add column {_quoted(sql)}")
            columns[column.name] = replace(column.lacking() if meta.rev else column, sql=sql)
    attrs, time_attrs = meta.attrs | block.attrs, meta.time_attrs | block.time_attrs
    grown = replace(meta, keys=keys, columns=columns, labels=labels, attrs=attrs, time_attrs=time_attrs)
    if (keys, columns, labels) != (meta.keys, meta.columns, meta.labels):
        _save_columns(connection, grown)
    elif dumps(attrs) == dumps(meta.attrs) and dumps(time_attrs) == dumps(meta.time_attrs):
        return replace(grown, fed=block.bare() if meta.rev else None)
    return _save(connection, grown)


def _wider(meta: Meta, block: Block, table: str) -> tuple[tuple[Column, ...], dict[str, list[Any]]]:
    given = {key.name: key for key in block.keys}
    keys = tuple(
        key.joined(replace(given[key.name], dims=key.dims), table) if key.name in given else key for key in meta.keys
    )
    labels = {name: list(dict.fromkeys([*old, *block.labels.get(name, [])])) for name, old in meta.labels.items()}
    return keys, labels


def _create(connection: sqlite3.Connection, table: str, block: Block) -> Meta:
    keys: list[Column] = []
    for key in block.keys:
        keys.append(replace(key, sql=_sql_name(key.name, keys, ())))
    columns: dict[str, Column] = {}
    for column in block.columns:
        columns[column.name] = replace(column, sql=_sql_name(column.name, keys, columns.values()))
    fixed = [f"time integer not null, {SEQ} integer not null", *(f"{_quoted(key.sql)} not null" for key in keys)]
    rest = [f"{REV} integer not null", *(_quoted(column.sql) for column in columns.values())]
    primary = ", ".join(["time", SEQ, *(_quoted(key.sql) for key in keys)])
    connection.execute(
        f"create table {_quoted(table)} ({', '.join([*fixed, *rest])}, primary key ({primary})) without rowid"
    )
    connection.execute(f"create index {_quoted('_rev of ' + table)} on {_quoted(table)} ({REV})")
    labels = {name: list(dict.fromkeys(listed)) for name, listed in block.labels.items()}
    made = Meta(table, tuple(keys), columns, labels, block.attrs, block.time_attrs)
    connection.execute(
        "insert into _tables (name, keys, attrs, time_attrs) values (?, ?, '{}', '{}')",
        (table, json.dumps([key.name for key in keys])),
    )
    _save_columns(connection, made)
    return _save(connection, made)


def _save(connection: sqlite3.Connection, meta: Meta) -> Meta:
    connection.execute(
        "update _tables set attrs = ?, time_attrs = ?, shape = ? where name = ?",
        (dumps(meta.attrs), dumps(meta.time_attrs), meta.shape + 1, meta.name),
    )
    return replace(meta, shape=meta.shape + 1, fed=None)


def _save_columns(connection: sqlite3.Connection, meta: Meta) -> None:
    every = [*(("key", key) for key in meta.keys), *(("column", column) for column in meta.columns.values())]
    connection.executemany(
        "insert or replace into _columns values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (meta.name, i, role, c.name, c.sql, c.dtype, json.dumps(c.dims), c.described, int(c.coord),
             json.dumps(meta.labels[c.name] if role == "key" else []))
            for i, (role, c) in enumerate(every)
        ],
    )  # fmt: skip


def _sql_name(name: str, *taken: Any) -> str:
    used = {column.sql.casefold() for columns in taken for column in columns} | set(OURS)
    made, n = name, 1
    while made.casefold() in used:
        n += 1
        made = f"{name}·{n}"
    return made


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
