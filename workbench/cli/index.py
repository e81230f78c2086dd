"""`workbench index`: pictures of a whole cruise in a millisecond."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from workbench.cli.options import Command, add_catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from workbench.apps.indexing import Indexing


def _index(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from workbench.apps.indexing import index_cruise
    from workbench.catalog.cruise import open_cruise

    cruise = open_cruise(args.catalog, data=args.data, record=args.record)
    done = index_cruise(cruise, args.source, again=args.again, quiet=args.json)
    if args.json:
        import json

        print(json.dumps([asdict(each) for each in done], indent=1))
    return say(done, sys.stderr if args.json else sys.stdout, str(cruise.folder), busy_only=args.json)


def say(done: Sequence[Indexing], where: TextIO, folder: str, *, busy_only: bool = False) -> int:
    """Tell what came of it; 1 when another process was at it."""
    for each in done:
        if each.files is None:
            print(f"{each.source}: another process is at it, or {folder} cannot be written; nothing was done",
                  file=sys.stderr)  # fmt: skip
        elif not busy_only:
            took = f"{each.nbytes / 1e6:.1f} MB"
            print(f"{each.source}: {each.files} files now; {each.indexed} of {each.particles} particles indexed, {took}",
                  file=where)  # fmt: skip
    return 1 if any(each.files is None for each in done) else 0


def declare(command: Command) -> None:
    """Add these commands."""
    example = "workbench index demo-data/catalog.yaml"
    index = command("index", "count a cruise's particles beforehand: any time range is drawn at once", example, _index)
    add_catalog(index)
    index.add_argument(
        "--source", metavar="NAME", action="append", default=[], help="only this source (may be repeated)"
    )
    index.add_argument("--again", action="store_true", help="begin anew")
    index.add_argument("--record", metavar="DIR", help="the cruise folder, where the index is kept")
    index.add_argument("--json", action="store_true", help="print what was done as JSON")
