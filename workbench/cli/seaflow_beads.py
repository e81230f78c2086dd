"""`workbench seaflow beads`: propose a filter from the beads."""

from __future__ import annotations

import argparse

from workbench.cli.options import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workbench.cli.seaflow_sfl import Verb


def declare(verb: Verb) -> None:
    """Add this verb."""
    example = "workbench seaflow beads evt/ --instrument 740 --out TN413.filter.tsv"
    beads = verb("beads", "find the beads among raw particles, and propose the filter through them", example, _beads)
    code = number(float, 0, 65535)
    beads.add_argument("evt", metavar="EVT_DIR", help="folder of EVT files")
    beads.add_argument("--instrument", metavar="SERIAL", required=True, help="serial number: 740, 751, 989 or 130")
    beads.add_argument("--out", metavar="FILE", help="write the filter: FILE.csv, or PREFIX.filter.tsv")
    beads.add_argument("--files", type=number(int, 1, 10**6), default=20, help="files to look at, spread evenly (20)")
    beads.add_argument("--since", metavar="TIME", help="only files from then on (UTC)")
    beads.add_argument("--width", type=code, default=5000.0, help="how far D1 and D2 may differ, log codes (5000)")
    beads.add_argument("--min-d1", type=code, default=0.0, help="D1 of the smallest particles, log code (0)")
    beads.add_argument("--min-d2", type=code, default=0.0, help="D2 of the smallest particles, log code (0)")
    beads.add_argument("--min-pe", type=code, default=40000.0, help="beads are brighter in pe, log code (40000)")
    beads.add_argument("--min-fsc", type=code, default=12000.0, help="beads scatter more, log code (12000)")
    beads.add_argument("--json", action="store_true", help="print it as JSON")


def _beads(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.apps.seaflow_beads import Options, run

    options = Options(
        args.instrument, args.files, args.since, args.width, args.min_d1, args.min_d2, args.min_pe, args.min_fsc
    )
    return run(Path(args.evt), options, out=Path(args.out) if args.out else None, as_json=args.json)
