"""The files of a cruise that people left out, with who, when and why."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.catalog.plan_room import PlanRoom
from workbench.core.decisions import Decided
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.parameters import Excluded, format_time


class Exclusions(PlanRoom):
    """The files that people left out: their particles stay, their abundance is missing. A sequence of `Excluded`.

    cruise.excluded.add("2014_185/2014-07-04T00-03-02+00-00", who="Ginger", reason="bubbles")
    cruise.excluded.remove("2014_185/2014-07-04T00-03-02+00-00", who="Ginger")
    "2014_185/2014-07-04T00-03-02+00-00" in cruise.excluded
    """

    def files(self) -> dict[str, Excluded]:
        """Who left out which file, when and why, by file id."""
        return {each.file: each for each in self._amended.decided().excluded}

    def __iter__(self) -> Iterator[Excluded]:
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
