"""From the fields and tags of a measurement to the variables of a dataset: names, units, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, WorkbenchError, suggest
from workbench.core.units import convert, refuse_other_quantity
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.readers.influxdb_dialect import NUMBERS, Schema

__all__ = ["Naming"]

_FLAGS = {"flag_values": np.array([0.0, 1.0]), "flag_meanings": "FALSE TRUE"}


@dataclass(frozen=True)
class Naming:
    """What fields are called, and in which unit they stand in the database.

    Attributes
    ----------
    rename : mapping of str to str
        From a field's or a tag's name to the variable's.
    units : mapping of str to str
        From a field's name, or the variable's, to the unit of its numbers.
    """

    rename: Mapping[str, str]
    units: Mapping[str, str]

    def check(self, schema: Schema, url: str) -> None:
        """ReaderError when an option names what is not there, two variables get one name, or a unit does not fit."""
        for what, names in (("rename", self.rename), ("units", self.units)):
            there = {*schema.fields, *schema.tags, *(map(self.name, schema.fields) if what == "units" else ())}
            for name in names:
                if name not in there:
                    raise ReaderError(url, f"{what} names '{name}', which is not there", hint=suggest(name, there))
        given: dict[str, str] = {"time": "the time"}
        named = [(field, self.name(field)) for field in schema.fields]
        for one, name in [*named, *((tag, self.tag(tag, schema)) for tag in schema.tags)]:
            if name in given:
                raise ReaderError(url, f"both {given[name]} and '{one}' would be called '{name}'", hint="Use rename")
            given[name] = f"'{one}'"
        for field, kind in schema.fields.items():
            self._convert(field, kind, np.ones(1), url)

    def name(self, field: str) -> str:
        """The variable that a field becomes."""
        return self.rename.get(field, field)

    def tag(self, tag: str, schema: Schema) -> str:
        """The coordinate that a tag becomes; ``<name>_tag`` where a field has that name, too."""
        return self.rename.get(tag, tag) if tag not in schema.fields else f"{tag}_tag"

    def unit(self, field: str) -> str | None:
        """The unit that the numbers of a field stand in, where it is told."""
        return self.units.get(field, self.units.get(self.name(field)))

    def values(self, field: str, kind: str, values: npt.NDArray[Any], url: str) -> npt.NDArray[Any]:
        """A field's values in the unit of its variable."""
        return self._convert(field, kind, values, url)

    def _convert(self, field: str, kind: str, values: npt.NDArray[Any], url: str) -> npt.NDArray[Any]:
        spec, unit = VARIABLES.get(self.name(field)), self.unit(field)
        if unit is None:
            return values
        if kind not in NUMBERS:
            raise ReaderError(url, f"units names '{field}', which is {kind} and has no unit")
        try:
            to = spec.unit if spec is not None else unit
            refuse_other_quantity(self.name(field), unit, to)
            return convert(values, unit, to)
        except WorkbenchError as error:
            raise ReaderError(url, f"field '{field}': {error}") from error

    def attrs(self, field: str, kind: str) -> dict[str, Any]:
        """Attributes of the variable."""
        name, unit = self.name(field), self.unit(field)
        spec = VARIABLES.get(name)
        attrs: dict[str, Any] = {"long_name": name.replace("_", " ")}
        if spec is not None and kind in NUMBERS:
            attrs = spec.attrs()
        elif unit is not None:
            attrs["units"] = unit
        if name != field:
            attrs["source_name"] = field
        if unit is not None and spec is not None and unit != spec.unit:
            attrs["source_units"] = unit
        return attrs | (_FLAGS if kind == "boolean" else {})

    def specs(self, schema: Schema) -> dict[str, VariableSpec]:
        """What a dataset of this measurement holds."""
        out = {"time": VARIABLES["time"]}
        for field, kind in schema.fields.items():
            name, attrs = self.name(field), self.attrs(field, kind)
            known = VARIABLES.get(name)
            if known is not None and known.dtype == "float64" and kind in NUMBERS:
                out[name] = known
                continue
            dtype = "str" if kind == "string" else "float64"
            out[name] = VariableSpec(name, (), dtype, str(attrs.get("units", "")), None, str(attrs["long_name"]))
        for tag in schema.tags:
            name = self.tag(tag, schema)
            out[name] = VariableSpec(name, (), "str", "", None, name.replace("_", " "))
        return out
