"""The plan of a cruise that people change, and what holds of it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Self

from workbench.catalog.amended import Amended
from workbench.core.decisions import applied
from workbench.core.errors import WorkbenchError
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import size_table_in
from workbench.core.sizes import SizeTable
from workbench.core.window import ALWAYS

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise
    from workbench.catalog.source import Source


class PlanRoom:
    """What gates, filters and exclusions share: the plan they are about."""

    def __init__(self, cruise: Cruise, source: str | None = None) -> None:
        self.cruise = cruise
        self._plans = (source,) if source is not None else _plans_of(cruise)

    def __getstate__(self) -> dict[str, object]:
        """Another process looks for the plan itself, as it opens a Source."""
        return {name: value for name, value in self.__dict__.items() if name != "_amended"}

    @property
    def source(self) -> str:
        """The plan's name."""
        first, *others = self._plans
        if others:
            raise WorkbenchError(
                f"cruise {self.cruise.id} has several plans: {', '.join(self._plans)}. "
                f"Say which: cruise.gates.of('{first}'), cruise.filters.of('{first}') or --plan {first}"
            )
        return first

    @cached_property
    def _amended(self) -> Amended:
        origin = self.cruise[self.source].origin
        if not isinstance(origin, Amended):
            raise WorkbenchError(f"source '{self.source}' has no gates or filters; the reader seaflow_plan has")
        return origin

    def of(self, source: str) -> Self:
        """Those of the plan of that name, where a cruise has several: two instruments, or two ways to gate one."""
        return type(self)(self.cruise, source)

    def parameters(self) -> Parameters:
        """All that holds: filters, gates and files left out, as files say it and people changed it."""
        return applied(self._amended.written(), self._amended.decided())

    def size_table(self) -> SizeTable | None:
        """The size table that comes with the plan."""
        return size_table_in(self._amended.plain.open(ALWAYS))

    def made(self) -> Source:
        """The Source that makes populations with this plan.

        Raises
        ------
        WorkbenchError
            When there is none.
        """
        found = self._maker()
        if found is None:
            raise WorkbenchError(
                f"no source of cruise {self.cruise.id} makes populations with the plan '{self.source}'"
            )
        return found

    def _maker(self) -> Source | None:
        made = (s for s in self.cruise.values() if s.product == "seaflow" and s.inputs.get("plan") == self.source)
        return next(made, None)

    def instrument(self) -> str:
        """Serial number: as the populations, the plan, its size table or the name of its file say it; "" when none does."""
        table, plan = self.size_table(), self.cruise[self.source]
        said = [source.options.get("instrument") for source in (self._maker(), plan) if source is not None]
        said += [self.parameters().instrument, "" if table is None else table.instrument]
        found = (re.search(r"_(\d{3})\.\w+$", place) for place in plan.places())
        return str(next((name for name in [*said, *(match[1] for match in found if match)] if name), ""))

    @property
    def revision(self) -> int:
        """Number of the newest change about this plan; 0 without any. Another one whenever anything was changed."""
        return self._amended.decided().revision


def _plans_of(cruise: Cruise) -> tuple[str, ...]:
    """The plan that was chosen, else the one that the populations are made with, else all that there are."""
    if cruise.plan is not None:
        return (cruise.plan,)
    plans = [name for name, source in cruise.items() if isinstance(source.origin, Amended)]
    if not plans:
        raise WorkbenchError(
            f"cruise {cruise.id} has no source of gates. Add one: plan: {{driver: workbench, args: {{reader: seaflow_plan, url: ...}}}}"
        )
    used = {source.inputs.get("plan") for source in cruise.values() if source.product is not None}
    told = [plan for plan in plans if plan in used]
    return tuple(told if len(told) == 1 else plans)
