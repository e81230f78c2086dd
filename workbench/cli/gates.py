"""`workbench gates`: which gates and filters hold when, changed, withdrawn, applied, written back."""

from __future__ import annotations

import argparse
import os
import sys

from workbench.cli.options import Command, Parser, add_catalog, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXAMPLE = "workbench gates list catalogs/demo.yaml"


def _cruise(args: argparse.Namespace) -> Any:
    from dataclasses import replace

    from workbench.catalog.cruise import open_cruise

    return replace(open_cruise(args.catalog, data=args.data, record=args.record), plan=args.plan)


def _room(args: argparse.Namespace) -> Any:
    cruise = _cruise(args)
    return cruise.filters if args.filters else cruise.gates


def _list(args: argparse.Namespace) -> int:
    from workbench.apps.gates import listed

    print(listed(_room(args), as_json=args.json))
    return 0


def _show(args: argparse.Namespace) -> int:
    from workbench.apps.gates import shown
    from workbench.core.errors import WorkbenchError

    room = _room(args)
    try:
        found = room.entry(args.which) if args.which else room.at().entry
    except WorkbenchError as unknown:
        try:
            found = room.at(args.which).entry
        except WorkbenchError:
            raise unknown from None
    print(shown(found))
    return 0


def _diff(args: argparse.Namespace) -> int:
    from workbench.apps.gates import compared

    print(compared(_cruise(args), args.a, args.b, args.window, filters=args.filters))
    return 0


def _save(args: argparse.Namespace) -> int:
    from workbench.apps.gates import save, saved_said

    cruise = _cruise(args)
    options = {"filters": args.filters, "replace": args.replace}
    entry = save(cruise, args.file, start=args.start, who=args.who, note=args.note, **options)
    print(saved_said(cruise.filters if args.filters else cruise.gates, entry))
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    print(_room(args).withdraw(args.id, who=args.who, note=args.note))
    return 0


def _exclude(args: argparse.Namespace) -> int:
    cruise = _cruise(args)
    if args.back:
        cruise.excluded.remove(args.file, who=args.who, reason=args.reason or "")
    elif args.file:
        cruise.excluded.add(args.file, who=args.who or "", reason=args.reason or "")
    print(cruise.excluded)
    return 0


def _apply(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.apps.gates import outcome_said, regate

    cruise = _cruise(args)
    place = Path(args.out) if args.out else cruise.folder / "particles"
    outcome = regate(
        cruise, out=place, since=args.since, workers=args.workers, scheduler=args.scheduler, who=args.who, quiet=False,
        waiting=lambda text: print(f"{text}\nwaiting", file=sys.stderr),
    )  # fmt: skip
    print(outcome_said(outcome, place))
    return 0


def _write(args: argparse.Namespace) -> int:
    from workbench.apps.gates import write

    for path in write(_cruise(args), args.to, who=args.who):
        print(path)
    return 0


def declare(command: Command) -> None:
    """Add these commands."""
    gates = command("gates", "list, compare, change and apply the gates and filters of a cruise", _EXAMPLE, _list)
    gates._only_verbs = True

    def verb(name: str, text: str, words: str, run: Any, *, filters: bool = True) -> Parser:
        sub = gates.verb(name, text, f"workbench gates {name} catalogs/demo.yaml{words}", run)
        add_catalog(sub)
        sub.add_argument("--record", metavar="DIR", help="the cruise folder (default: as the catalog says)")
        sub.add_argument("--plan", metavar="SOURCE", help="the plan that is meant, where the catalog has several")
        if filters:
            sub.add_argument("--filters", action="store_true", help="filter parameters instead of gates")
        return sub

    found = verb("list", "list all entries of files and people; > marks those that count", "", _list)
    found.add_argument("--json", action="store_true", help="print them as JSON")
    found = verb("show", "print the gates that hold at a time, or an entry", " 2014-07-04T00:03", _show)
    found.add_argument("which", metavar="TIME|ID", nargs="?", help="a time (UTC) or the id of an entry (default: now)")
    words = " 2014-07-04T00:00 2014-07-04T01:30 --window 2014-07-04..2014-07-05"
    found = verb("diff", "compare two gatings; with a window also their counts and abundance", words, _diff)
    found.add_argument("a", metavar="A", help="a time (UTC) or the id of an entry")
    found.add_argument("b", metavar="B", help="a time (UTC) or the id of an entry")
    found.add_argument("--window", metavar="WINDOW", help="count by both in this span, such as 2014-07-04..2014-07-05")
    _declare_changes(verb)
    found = verb("apply", "process again what the plan touches; the old result stands until the new is whole", "", _apply,
                 filters=False)  # fmt: skip
    found.add_argument(
        "--out", metavar="DIR", help="where opp/, vct/ and cruise.db are (default: particles/ of the cruise)"
    )
    found.add_argument("--since", metavar="TIME", help="only files from then on (UTC)")
    found.add_argument(
        "--workers", type=number(int, 1, 256), default=os.cpu_count() or 1, help="threads (default: cores)"
    )
    found.add_argument("--scheduler", metavar="tcp://...", help="work on this Dask cluster instead")
    found.add_argument("--who", metavar="NAME", default="workbench", help="who does it")
    found = verb("write", "write the plan as it holds into a popcycle database or TSVs", " --to TN413.db", _write,
                 filters=False)  # fmt: skip
    found.add_argument("--to", metavar="PATH", required=True, help="a database (*.db), or the prefix of TSVs")
    found.add_argument("--who", metavar="NAME", default="workbench", help="who does it")


def _declare_changes(verb: Any) -> None:
    words = " --from new.db --start 2014-07-04T00:03 --who Francois --note 'synecho drifted'"
    found = verb("save", "save the gates of a parameter file, from a time on", words, _save)
    found.add_argument("--from", dest="file", metavar="PATH", required=True, help="popcycle database, TSVs or CSV")
    found.add_argument("--start", metavar="TIME", required=True, help="from when they hold (UTC)")
    found.add_argument("--who", metavar="NAME", required=True, help="who decided it")
    found.add_argument("--note", metavar="TEXT", default="", help="why")
    found.add_argument("--replace", action="store_true", help="also in the place of somebody else's entry")
    found = verb("withdraw", "take an entry back; what held before holds again", " ID --who Francois", _withdraw)
    found.add_argument("id", metavar="ID", help="of the entry, as `workbench gates list` says it")
    found.add_argument("--who", metavar="NAME", required=True, help="who withdraws it")
    found.add_argument("--note", metavar="TEXT", default="", help="why")
    words = " 2014_185/2014-07-04T00-03-02+00-00 --who Ginger --reason bubbles"
    found = verb("exclude", "leave a file out of abundance, or bring it back; without FILE list them", words, _exclude,
                 filters=False)  # fmt: skip
    found.add_argument("file", metavar="FILE", nargs="?", help="file id")
    found.add_argument("--who", metavar="NAME", help="who decided it")
    found.add_argument("--reason", metavar="TEXT", help="why")
    found.add_argument("--back", action="store_true", help="bring it back")
