"""InfluxDB 1, 2 and 3: a measurement as a dataset along time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from os import PathLike, fspath
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import xarray as xr

from workbench.core.angles import is_angle
from workbench.core.errors import ReaderError, suggest
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.core.window import Window, duration
from workbench.readers.influxdb_changes import Changes
from workbench.readers.influxdb_dialect import FIRST, LAST, Dialect, Table
from workbench.readers.influxdb_flux import Flux
from workbench.readers.influxdb_http import Server
from workbench.readers.influxdb_naming import Naming
from workbench.readers.influxdb_place import SCHEMES, Place
from workbench.readers.influxdb_ql import InfluxQL
from workbench.readers.influxdb_rows import Measurement, times
from workbench.readers.influxdb_sql import SQL
from workbench.readers.reader import window_of, without
from workbench.readers.secret import Secret
from workbench.readers.store import Store

__all__ = ["InfluxDB"]

_NAT = np.datetime64("NaT", "ns")
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """The options of a source, as `InfluxDB.open_dataset` explains them."""

    api: Literal["influxql", "flux", "sql"] | None = None
    database: str | None = None
    measurement: str | None = None
    retention: str | None = None
    org: str | None = None
    fields: list[str] | None = None
    where: dict[str, str | list[str]] | None = None
    rename: dict[str, str] | None = None
    units: dict[str, str] | None = None
    user: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    timeout: float = 30.0
    answers: Literal["parquet", "csv"] = "parquet"
    sparse: bool | None = None
    settle: str = "10min"

    def dialect(self, url: str) -> Dialect:
        """How to ask; the server is asked what it is where `api` does not say it."""
        place = Place.parse(url, self.database, self.measurement, self.retention)
        password = Secret("password", self.password_env, self.password_file)
        token = Secret("token", self.token_env, self.token_file)
        server = Server(place, self.user, password, token, self.timeout, self.ca_file)
        version = server.version().lstrip("v")
        api = self.api or ("sql" if version.startswith("3") else "flux" if self.org else "influxql")
        where, wanted = self.where or {}, None if self.fields is None else tuple(self.fields)
        if api == "sql":
            return SQL(server, where, wanted, self.answers)
        if api == "flux":
            if not self.org:
                raise ReaderError(str(place), "Flux is asked for, which needs the organisation", hint="Give org: NAME")
            return Flux(server, where, wanted, self.org)
        if version.startswith("3"):
            return InfluxQL(server, where, wanted, 3, self.answers, self.sparse)
        return InfluxQL(server, where, wanted, 1, "csv", self.sparse)

    def measured(self, url: str) -> Measurement:
        """The measurement, its schema known; options that name what is not there are errors."""
        dialect = self.dialect(url)
        schema = dialect.schema()
        place = str(dialect.server.place)
        for tag in self.where or ():
            if tag not in schema.tags:
                raise ReaderError(place, f"no row has tag '{tag}' as where asks", hint=suggest(tag, schema.tags))
        naming = Naming(self.rename or {}, self.units or {})
        naming.check(schema, place)
        return Measurement(dialect, naming, schema)


def _with_options(method: Method) -> Method:
    """Say in the signature that ``**options`` are those of `Options`."""
    own = inspect.signature(method)
    asked = [parameter for parameter in own.parameters.values() if parameter.kind != parameter.VAR_KEYWORD]
    asked += [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(Options)
    ]
    method.__signature__ = own.replace(parameters=asked)  # type: ignore[attr-defined]
    return method


class InfluxDB(Store):
    """A measurement of InfluxDB 1, 2 or 3: ``influxdb://host:8086/database/measurement``.

    A dataset along ``time`` (UTC, nanoseconds), one row for each point, in the order of time and then of tags. A field
    is a variable: numbers and booleans (1 and 0) are float64 with NaN where a row lacks it, text is text with ``""``.
    A tag is a coordinate: of its own where every row has the same value, along ``time`` where rows differ. A field under
    a canonical name is in the canonical unit unless `units` says otherwise. Opening counts rows and reads none.
    """

    description = "InfluxDB 1, 2 and 3: a measurement"
    provides: ClassVar[tuple[VariableSpec, ...]] = (VARIABLES["time"],)
    schemes: ClassVar[tuple[str, ...]] = SCHEMES

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        max_points: int | None = None,
        api: Literal["influxql", "flux", "sql"] | None = None,
        database: str | None = None,
        measurement: str | None = None,
        retention: str | None = None,
        org: str | None = None,
        fields: list[str] | None = None,
        where: dict[str, str | list[str]] | None = None,
        rename: dict[str, str] | None = None,
        units: dict[str, str] | None = None,
        user: str | None = None,
        password_env: str | None = None,
        password_file: str | None = None,
        token_env: str | None = None,
        token_file: str | None = None,
        ca_file: str | None = None,
        timeout: float = 30.0,
        answers: Literal["parquet", "csv"] = "parquet",
        sparse: bool | None = None,
        settle: str = "10min",
    ) -> xr.Dataset:
        """Open lazily, in partitions along time; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : str
            ``influxdb://host:port/database/measurement``, or ``influxdbs://`` for HTTPS.
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        max_points : int, optional
            Where more rows lie between, the server makes bins of equal length of them: the mean under the variable's
            name, ``<name>_min`` and ``<name>_max`` beside it, in memory. ``time`` is then the middle of a bin; text and
            booleans are left out (attr ``left_out``). Of angles that go round (headings, longitudes) the mean is missing
            where the two are more than 180 degrees apart: 359 and 1 do not come to 180.
        api : {"influxql", "flux", "sql"}, optional
            How to ask; else sql of InfluxDB 3, flux of InfluxDB 2 where `org` is given, influxql otherwise.
        database, measurement : str, optional
            Where the url does not name them. The database is the bucket of InfluxDB 2.
        retention : str, optional
            The retention policy (InfluxDB 1), when it is not the default one.
        org : str, optional
            The organisation (InfluxDB 2).
        fields : list of str, optional
            Only these fields. Rows that hold none of them are left out.
        where : dict, optional
            Only rows whose tag has this value, or one of these.
        rename : dict, optional
            From names of fields and tags to names of variables.
        units : dict, optional
            From fields to the unit (UDUNITS) in which they stand in the database; converted where the variable is a
            canonical one.
        user, password_env, password_file : str, optional
            Who asks; the name of an environment variable with the password, or of a file.
        token_env, token_file : str, optional
            The same for a token (InfluxDB 2 and 3) or a JWT (InfluxDB 1).
        ca_file : str, optional
            Certificates to trust.
        timeout : float
            Seconds without an answer after which the server counts as not there.
        answers : {"parquet", "csv"}
            How InfluxDB 3 is to answer.
        sparse : bool, optional
            True: rows hold only some of the fields, so count them more carefully (InfluxQL). By default that is looked
            for in the first rows, and learnt where it is met later.
        settle : str
            Of `changed`: how old a row may be when it comes late or is rewritten and is still found at the next look.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        ReaderError
            When the server cannot be reached or refuses, or nothing of that name is there.
        """
        window = window_of(start, stop)
        options = Options(
            api, database, measurement, retention, org, fields, where, rename, units, user, password_env,
            password_file, token_env, token_file, ca_file, timeout, answers, sparse, settle,
        )  # fmt: skip
        found = options.measured(fspath(filename_or_obj))
        return without(self._opened(found, window, max_points), drop_variables)

    def _opened(self, found: Measurement, window: Window, max_points: int | None) -> xr.Dataset:
        first, last = _limits(found, window)
        if first >= last:
            return found.loaded(found.dialect.rows(found.schema, 0, 0))
        if max_points is not None:
            if max_points < 1:
                raise ReaderError(found.url, f"max_points is {max_points}; at least 1 is needed")
            if found.dialect.exceeds(found.schema, first, last, max_points):
                return _binned(found, first, last, max_points)
        parts = found.parts(first, last)
        return found.lazy(parts) if parts else found.loaded(found.dialect.rows(found.schema, 0, 0))

    @_with_options
    def changed(self, url: str, cursor: Any = None, **options: Any) -> tuple[xr.Dataset, Any]:
        """What is new since `cursor`, and the cursor after it, as JSON keeps it.

        Every tag lies along ``time``. At most `influxdb_changes.STEP` rows come at once (attr ``more`` is 1 then). What is found of late and
        rewritten rows, and what is not, stands in `workbench.readers.influxdb_changes`.
        """
        asked = Options(**options)
        settle = int(duration(asked.settle).astype(np.int64))
        return Changes(asked.measured(url).along_time(), settle).since(cursor)

    @_with_options
    def variables(self, url: str, **options: Any) -> Mapping[str, VariableSpec]:
        """Fields and tags under the names of their variables."""
        found = Options(**options).measured(url)
        return found.naming.specs(found.schema)

    @_with_options
    def count(self, url: str, **options: Any) -> int:
        """Number of rows, counted by the server."""
        found = Options(**options).measured(url)
        first, last = _limits(found, Window())
        return found.count(first, last) if first < last else 0

    @_with_options
    def span(self, path: str | PathLike[str], **options: Any) -> tuple[np.datetime64, np.datetime64]:
        """First and last time; NaT twice without rows."""
        found = Options(**options).measured(fspath(path))
        ends = found.dialect.ends(found.schema)
        return (_NAT, _NAT) if ends is None else times(*ends)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """True for ``influxdb://`` urls."""
        return isinstance(filename_or_obj, str) and filename_or_obj.partition("://")[0] in SCHEMES


def _limits(found: Measurement, window: Window) -> tuple[int, int]:
    """The part of a window that can hold rows, in nanoseconds."""
    start, stop = (int(end.astype(np.int64)) for end in window)
    if start >= stop:
        return 0, 0
    ends = found.dialect.ends(found.schema)
    if ends is None:
        return 0, 0
    return max(start, ends[0], FIRST), min(stop, ends[1] + 1, LAST)


def _binned(found: Measurement, first: int, last: int, max_points: int) -> xr.Dataset:
    """At most `max_points` bins, made by the server."""
    schema, naming, url = found.schema, found.naming, found.url
    tags, each = (schema.varied, schema.series) if schema.series * 8 <= max_points else ((), 1)
    width = max(1, -(-(last - first) // max(1, max_points // each)))
    table: Table = found.dialect.bins(schema, first, last, width, tags)
    time = table.time.view(np.int64)
    middle = (time + np.minimum(width, last - time) // 2).view("M8[ns]")
    ds = xr.Dataset(coords={"time": ("time", middle, VARIABLES["time"].attrs())}, attrs=found.attrs())
    for field in schema.numbers:
        kind, name = schema.fields[field], naming.name(field)
        told = {end: naming.values(field, kind, table.fields[f"{field}{end}"], url) for end in ("", "_min", "_max")}
        if is_angle(name, naming.attrs(field, kind)):
            told[""] = np.where(told["_max"] - told["_min"] > 180, np.nan, told[""])
        for (end, values), method in zip(told.items(), ("mean", "minimum", "maximum"), strict=True):
            ds[f"{name}{end}"] = ("time", values, {**naming.attrs(field, kind), "cell_methods": f"time: {method}"})
    for tag, value in schema.tags.items():
        name, attrs = naming.tag(tag, schema), {"influxdb": "tag"}
        if value is not None:
            ds.coords[name] = ((), value, attrs)
        elif tag in tags:
            ds.coords[name] = ("time", table.tags[tag], attrs)
    gone = [naming.name(field) for field in schema.fields if field not in schema.numbers]
    gone += [naming.tag(tag, schema) for tag in schema.varied if tag not in tags]
    ds.attrs |= {"left_out": ", ".join(gone), "bin_seconds": width / 1e9}
    return ds
