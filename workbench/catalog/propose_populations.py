"""Populations in a proposed catalog: where raw particles, an SFL and a plan of one instrument lie in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.catalog.proposal import Proposed
from workbench.catalog.survey import Survey
from workbench.core.errors import WorkbenchError
from workbench.readers.size_table import read_size_table

NAME = "populations"
#: Tables that are looked into for sizes.
_TRIES = 20


@dataclass(frozen=True, eq=False)
class Populations:
    """What populations are made of, and what its plan does not say.

    Attributes
    ----------
    evt, sfl, plan : Proposed
    instrument : str
        Serial number.
    told : bool
        True when the plan says the instrument itself.
    sizes : str
        The size table, relative to the folder; empty where there is none.
    """

    evt: Proposed
    sfl: Proposed
    plan: Proposed
    instrument: str
    told: bool
    sizes: str

    @property
    def picture(self) -> str:
        """The line of the board."""
        night = f", night: {self.sfl.name}.par" if "par" in self.sfl.has else ""
        return f"view: populations, source: {NAME}{night}"

    @property
    def args(self) -> str:
        """The line of the source."""
        named = "" if self.told else f', instrument: "{self.instrument}"'
        every = f", every: {self.evt.every}" if self.evt.every else ""
        inputs = f"evt: {self.evt.name}, sfl: {self.sfl.name}, plan: {self.plan.name}"
        return f"product: seaflow, inputs: {{{inputs}}}{named}{every}"


def populations(sources: Sequence[Proposed], found: Survey) -> Populations | None:
    """How populations can be made of proposed sources; None where that is not plain."""
    kinds = [
        [p for p in sources if p.group.reader == reader] for reader in ("seaflow_evt", "seaflow_sfl", "seaflow_plan")
    ]
    if any(len(kind) != 1 for kind in kinds) or any(p.name == NAME for p in sources):
        return None
    ((evt,), (sfl,), (plan,)) = kinds
    said = str(plan.source.open().attrs.get("instrument", ""))
    named = re.search(r"_(\d{3})\.\w+$", sfl.group.paths[-1])
    instrument = said or (named[1] if named else "")
    if not instrument:
        return None
    return Populations(evt, sfl, plan, instrument, bool(said), _sizes(found, instrument))


def _sizes(found: Survey, instrument: str) -> str:
    tables = [path for path in found.unread if path.endswith(".csv")]
    for path in sorted(tables, key=lambda path: "mie" not in os.path.basename(path))[:_TRIES]:
        try:
            read_size_table(os.path.join(found.folder, path), instrument)
        except WorkbenchError:
            continue
        return path
    return ""
