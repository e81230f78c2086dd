"""The plan of a cruise that people change, and what holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        self.source = _plan_of(cruise) if source is None else source
        origin = cruise[self.source].origin
        if not isinstance(origin, Amended):
            raise WorkbenchError(f"source '{self.source}' has no gates or filters; the reader seaflow_plan has")
        self._amended = origin

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
        for source in self.cruise.values():
            if source.product == "seaflow" and source.inputs.get("plan") == self.source:
                return source
        raise WorkbenchError(f"no source of cruise {self.cruise.id} makes populations with the plan '{self.source}'")

    @property
    def revision(self) -> int:
        """Number of the newest change about this plan; 0 without any. Another one whenever anything was changed."""
        return self._amended.decided().revision


def _plan_of(cruise: Cruise) -> str:
    """The plan that the populations are made with, else the only one."""
    plans = [name for name, source in cruise.items() if isinstance(source.origin, Amended)]
    used = {
        source.inputs["plan"] for source in cruise.values() if source.product is not None and "plan" in source.inputs
    }
    for found in (used & {*plans}, set(plans)):
        if len(found) == 1:
            return next(iter(found))
    if not plans:
        raise WorkbenchError(
            f"cruise {cruise.id} has no source of gates. Add one: plan: {{driver: workbench, args: {{reader: seaflow_plan, url: ...}}}}"
        )
    raise WorkbenchError(
        f"cruise {cruise.id} has several plans: {', '.join(plans)}. Say which: cruise.gates.of('{plans[0]}')"
    )
