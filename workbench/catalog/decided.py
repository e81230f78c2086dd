"""What people decide about a cruise, read and changed: its gates, its filters, the files that are left out.

    plan = cruise.gates.at("2014-07-04T00:03")      # what holds then
    draft = plan.draft()
    draft.move_point("synecho", 0, (12.0, 340.0))
    entry = cruise.gates.save(draft, start="2014-07-04T00:03", who="Francois", note="synecho drifted")
    cruise.gates.withdraw(entry.id, who="Francois")

Each change is one more row in the record, with who and when, and an event of the cruise; nothing is ever overwritten.
Sources made of the plan follow at once, in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import xarray as xr

from workbench.catalog.amended import Amended
from workbench.catalog.held import FilterAt, GatingAt
from workbench.core.decisions import Decided, Entry, applied, file_entries, holding_at
from workbench.core.draft import Draft
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating, Plan
from workbench.core.parameters import Excluded, Parameters, format_time
from workbench.core.plan_dataset import plan_dataset, size_table_in
from workbench.core.window import ALWAYS, moment
from workbench.products.seaflow.cruise import seaflow
from workbench.record.decisions import FILTERS, GATES

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

Value = TypeVar("Value", bound=Gating | FilterParameters)
Time = np.datetime64 | str


class _Room:
    """What gates, filters and exclusions share: the plan they are about."""

    def __init__(self, cruise: Cruise, source: str | None = None) -> None:
        self.cruise = cruise
        self.source = _plan_of(cruise) if source is None else source
        origin = cruise[self.source].origin
        if not isinstance(origin, Amended):
            raise WorkbenchError(f"source '{self.source}' has no gates or filters; the reader seaflow_plan has")
        self._amended = origin

    @property
    def revision(self) -> int:
        """Number of the newest change about this plan; 0 without any. Another one whenever anything was changed."""
        return self._amended.decided().revision


class _Plan(_Room, Generic[Value]):
    """Entries of one kind: gatings or filters."""

    _kind: str
    _word: str

    def _written(self, parameters: Parameters) -> Any:
        raise NotImplementedError

    def _saved(self, decided: Decided) -> Sequence[Entry[Value]]:
        raise NotImplementedError

    def _entries(self, decided: Decided | None = None) -> list[Entry[Value]]:
        """All of files and people, in the order in which they count."""
        told = self._amended.decided() if decided is None else decided
        return [*file_entries(self._written(self._amended.written())), *self._saved(told)]

    def history(self) -> list[Entry[Value]]:
        """All entries, by start and then by when they were saved: those of the file and of people, withdrawn ones too."""
        return sorted(self._entries(), key=lambda e: (_number(e.start), e.change))

    def since(self, revision: int) -> list[Entry[Value]]:
        """Entries that were saved or withdrawn after a revision: what somebody else did while one was editing."""
        return [
            entry for entry in self._saved(self._amended.decided())
            if entry.change > revision or (entry.withdrawn is not None and entry.withdrawn.change > revision)
        ]  # fmt: skip

    def entry(self, id: str) -> Entry[Value]:
        """One entry by its id.

        Raises
        ------
        WorkbenchError
            When there is none; the nearest id is told.
        """
        found = {entry.id: entry for entry in self._entries()}
        if id not in found:
            raise WorkbenchError(f"no {self._word} has the id '{id}'. {suggest(id, found)}")
        return found[id]

    def withdraw(self, id: str, *, who: str, note: str = "") -> Entry[Value]:
        """Take an entry back: what held before holds again.

        Parameters
        ----------
        id : str
        who, note : str

        Returns
        -------
        Entry
            With who withdrew it, and when.

        Raises
        ------
        WorkbenchError
            When it stands in a file, was withdrawn before, or is not there.
        """

        def check(decided: Decided) -> None:
            entry = next((e for e in self._saved(decided) if e.id == id), None)
            if entry is None:
                self.entry(id)
                raise WorkbenchError(
                    f"the {self._word} {id} stands in the file of '{self.source}'; save another from its start instead"
                )
            if entry.withdrawn is not None:
                gone = entry.withdrawn
                raise WorkbenchError(f"{gone.who} withdrew {id} at {format_time(gone.when)[:19]}Z already")

        self._amended.decisions.withdraw(self._kind, id, who=who, note=note, check=check)
        return self.entry(id)

    def _at(self, time: Time | None) -> Entry[Value]:
        when = self.cruise.now() if time is None else moment(time) if isinstance(time, str) else time
        found = holding_at(self._entries(), when)
        if found is None:
            raise WorkbenchError(
                f"no {self._word} holds at {format_time(when)[:19]}Z yet; the first is later, or there is none"
            )
        return found

    def _save(self, value: Value, start: Time, who: str, note: str, base: int | None, over: bool) -> Entry[Value]:
        since = (moment(start) if isinstance(start, str) else start).astype("datetime64[s]").astype("datetime64[ns]")
        if np.isnat(since):
            raise WorkbenchError(f"a {self._word} needs a start; NaT is none")

        def check(decided: Decided) -> None:
            if over:
                return
            written = file_entries(self._written(self._amended.written()))
            now = holding_at([*written, *self._saved(decided)], since)
            if base is not None:
                before = self._saved(self._amended.decisions.read(base))
                seen = holding_at([*written, *before], since)
                if (now and now.id) != (seen and seen.id):
                    raise WorkbenchError(self._replaced(now, seen, decided, since))
            elif now is not None and not now.from_file and now.start == since and now.who != who:
                raise WorkbenchError(self._replaced(now, None, decided, since))

        id = self._amended.decisions.save(value, start=since, who=who, note=note, check=check)
        return self.entry(id)

    def _replaced(
        self, now: Entry[Value] | None, seen: Entry[Value] | None, decided: Decided, start: np.datetime64
    ) -> str:  # fmt: skip
        """What a save would hide."""
        again = "Look at it (history), then save with replace=True, or from another time."
        since = f"{format_time(start)[:19]}Z"
        gone = next((e for e in self._saved(decided) if seen is not None and e.id == seen.id), None)
        if gone is not None and gone.withdrawn is not None:
            by = gone.withdrawn
            return (
                f"the {self._word} you began with ({gone.id}) was withdrawn by {by.who} "
                f"at {format_time(by.when)[:19]}Z. {again}"
            )
        return f"this would replace, from {since} on, the {self._word} {now}. {again}"


class Gates(_Plan[Gating]):
    """The gates of a cruise: which gating holds from when, as files say it and people changed it.

    Parameters
    ----------
    cruise : Cruise
    source : str, optional
        The plan's Source; by default the cruise's only one, or the one that its populations are made with.
    """

    _kind, _word = GATES, "gating"

    def of(self, source: str) -> Gates:
        """Those of another plan of the cruise."""
        return Gates(self.cruise, source)

    def at(self, time: Time | None = None) -> GatingAt:
        """What holds at a time (now, or at the cruise's end), accepted changes included.

        Raises
        ------
        WorkbenchError
            When nothing holds yet.
        """
        return GatingAt(self._at(time), self.revision, self)

    def save(
        self, gating: Gating | GatingAt | Draft, *, start: Time, who: str, note: str = "", base: int | None = None,
        replace: bool = False,
    ) -> Entry[Gating]:  # fmt: skip
        """Save gates that hold from a time on, until the next entry. What was there stays in the history.

        Parameters
        ----------
        gating : Gating, GatingAt or Draft
            Kept to the last bit; it gets an id and a date of its own.
        start : numpy.datetime64 or str
            Kept to the second.
        who, note : str
        base : int, optional
            The `revision` that the editor had seen; of a Draft its own. When what holds at `start` is not what it was
            then, because somebody saved or withdrew something since, nothing is saved. Without a base, only an entry
            of somebody else with the same start is guarded.
        replace : bool
            Save all the same.

        Returns
        -------
        Entry

        Raises
        ------
        WorkbenchError
            When it would replace somebody's entry: which, whose and of when is told.
        """
        if isinstance(gating, Draft):
            base = gating.revision if base is None else base
        value = gating if isinstance(gating, Gating) else gating.gating
        return self._save(value, start, who, note, base, replace)

    def diff(
        self, a: Any, b: Any, ds: xr.Dataset | None = None, *, window: Any = None,
    ) -> Any:  # fmt: skip
        """Two gatings side by side: polygons, and with particles also counts.

        Parameters
        ----------
        a, b : Gating, GatingAt, Draft, Entry, an entry's id, or a time
        ds : xarray.Dataset, optional
            Particles to count by both: raw (filtered as the cruise's filters say), OPP or VCT.
        window : Window or str, optional
            Compute the populations of this span by both, abundance included.

        Returns
        -------
        Difference
        """
        from workbench.catalog.difference import difference

        return difference(self, a, b, ds, window)

    def populations(self, gating: Gating, window: Any = None) -> xr.Dataset:
        """What the cruise's populations would be with one gating throughout; nothing is kept.

        Parameters
        ----------
        gating : Gating
        window : Window or str, optional
            Only files of this span: their median is the virtual core then.

        Returns
        -------
        xarray.Dataset
            As the product ``seaflow`` gives it.

        Raises
        ------
        WorkbenchError
            When no Source of the cruise makes populations with this plan.
        """
        made = [s for s in self.cruise.values() if s.product == "seaflow" and s.inputs.get("plan") == self.source]
        if not made:
            raise WorkbenchError(
                f"no source of cruise {self.cruise.id} makes populations with the plan '{self.source}'"
            )
        span = self.cruise[made[0].inputs["evt"]].open(window or ALWAYS)
        held = applied(self._amended.written(), self._amended.decided())
        table = size_table_in(self._amended.plain.open(ALWAYS))
        plan = plan_dataset(replace(held, gatings=Plan((), {gating.id: gating})), table)
        sfl = made[0].inputs.get("sfl")
        water = None if sfl is None else self.cruise[sfl].open().load()
        return seaflow(span, plan, water, **made[0].options)

    def filter_plan(self) -> Plan[FilterParameters]:
        """Which filter holds from when, accepted changes included."""
        return applied(self._amended.written(), self._amended.decided()).filters

    def _written(self, parameters: Parameters) -> Any:
        return parameters.gatings

    def _saved(self, decided: Decided) -> Sequence[Entry[Gating]]:
        return decided.gates


class Filters(_Plan[FilterParameters]):
    """The filter parameters of a cruise: which set holds from when, as files say it and people changed it.

    Parameters
    ----------
    cruise : Cruise
    source : str, optional
        The plan's Source; by default the cruise's only one, or the one that its populations are made with.
    """

    _kind, _word = FILTERS, "filter"

    def of(self, source: str) -> Filters:
        """Those of another plan of the cruise."""
        return Filters(self.cruise, source)

    def at(self, time: Time | None = None) -> FilterAt:
        """What holds at a time (now, or at the cruise's end), accepted changes included."""
        return FilterAt(self._at(time), self.revision)

    def save(
        self, parameters: FilterParameters | FilterAt, *, start: Time, who: str, note: str = "", base: int | None = None,
        replace: bool = False,
    ) -> Entry[FilterParameters]:  # fmt: skip
        """Save filter parameters that hold from a time on; as `Gates.save`."""
        value = parameters if isinstance(parameters, FilterParameters) else parameters.parameters
        return self._save(value, start, who, note, base, replace)

    def _written(self, parameters: Parameters) -> Any:
        return parameters.filters

    def _saved(self, decided: Decided) -> Sequence[Entry[FilterParameters]]:
        return decided.filters


class Exclusions(_Room):
    """The files that people left out: their particles stay, their abundance is missing. A sequence of `Excluded`.

    cruise.excluded.add("2014_185/2014-07-04T00-03-02+00-00", who="Ginger", reason="bubbles")
    cruise.excluded.remove("2014_185/2014-07-04T00-03-02+00-00", who="Ginger")
    "2014_185/2014-07-04T00-03-02+00-00" in cruise.excluded
    """

    def files(self) -> dict[str, Excluded]:
        """Who left out which file, when and why, by file id."""
        return {each.file: each for each in self._amended.decided().excluded}

    def __iter__(self) -> Any:
        return iter(self.files().values())

    def __len__(self) -> int:
        return len(self.files())

    def __contains__(self, file: object) -> bool:
        return file in self.files()

    def add(self, file: str, *, who: str, reason: str) -> Excluded:
        """Leave a file out of abundance, with a reason.

        Raises
        ------
        WorkbenchError
            When there is no reason, or the file is left out already.
        """
        if not reason.strip():
            raise WorkbenchError(f"say why {file} is left out: reason=...")

        def check(decided: Decided) -> None:
            for each in decided.excluded:
                if each.file == file:
                    raise WorkbenchError(f"{each.who} left {file} out at {format_time(each.when)[:19]}Z: {each.reason}")

        self._amended.decisions.exclude(file, who=who, reason=reason, check=check)
        return self.files()[file]

    def remove(self, file: str, *, who: str, reason: str = "") -> None:
        """Bring a file back.

        Raises
        ------
        WorkbenchError
            When it is not left out.
        """

        def check(decided: Decided) -> None:
            names = [each.file for each in decided.excluded]
            if file not in names:
                raise WorkbenchError(f"{file} is not left out. {suggest(file, names)}")

        self._amended.decisions.restore(file, who=who, reason=reason, check=check)

    def __repr__(self) -> str:
        lines = [f"  {e.file}  {e.who}, {format_time(e.when)[:19]}Z: {e.reason}" for e in self]
        return "\n".join([f"<{len(lines)} files left out>", *lines])


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


def _number(time: np.datetime64) -> int:
    return np.iinfo(np.int64).min if np.isnat(time) else int(time.astype("datetime64[ns]").astype(np.int64))
