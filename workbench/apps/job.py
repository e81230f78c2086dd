"""What is worked on as files come: a derived Source of a cruise, and where its inputs are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from workbench.catalog import location
from workbench.catalog.cruise import Cruise
from workbench.catalog.source import Source
from workbench.core.errors import WorkbenchError
from workbench.record.seaflow_work import Limits

#: The product that is made file by file, and its inputs in the catalog.
PRODUCT = "seaflow"


@dataclass(frozen=True)
class Job:
    """A derived Source that is worked on as its files come.

    Attributes
    ----------
    name : str
        The Source; the task of its runs.
    heard : tuple of str
        Its inputs that listen to folders.
    evt, params, out : Path
    sfl, size_table : Path or None
    instrument : str or None
    record : Path or None
        The cruise folder: gates, filters and exclusions that people accepted count.
    plan : str
        The Source that they are about.
    limits : Limits
        Files with more are left out: the options of the product in the catalog.
    """

    name: str
    heard: tuple[str, ...]
    evt: Path
    params: Path
    out: Path
    sfl: Path | None
    size_table: Path | None
    instrument: str | None
    record: Path | None = None
    plan: str = "plan"
    limits: Limits = field(default_factory=Limits)


def job_of(name: str, source: Source, cruise: Cruise) -> Job | None:
    """The job that a Source asks for; None when it is no SeaFlow product, or none of its inputs is a folder."""
    if source.product != PRODUCT:
        return None
    inputs = {given: cruise[other] for given, other in source.inputs.items()}
    heard = tuple(str(each.name) for each in inputs.values() if str(each.listen or "").startswith("folder:"))
    if not heard or "evt" not in inputs or "plan" not in inputs:
        return None
    plan, sfl = inputs["plan"], inputs.get("sfl")
    table = plan.options.get("size_table")
    instrument = source.options.get("instrument") or plan.options.get("instrument")
    return Job(
        name, heard, _place(inputs["evt"]), _place(plan), cruise.folder / "particles", None if sfl is None else _place(sfl),
        None if table is None else Path(location.expand(str(table))), None if instrument is None else str(instrument),
        cruise.folder, source.inputs["plan"], Limits.of(source.options),
    )  # fmt: skip


def _place(source: Source) -> Path:
    """The one folder or file of a Source."""
    places = source.places()
    if len(places) != 1:
        raise WorkbenchError(f"source {source.name}: only one place can be worked on as files come, not {len(places)}")
    return Path(places[0])
