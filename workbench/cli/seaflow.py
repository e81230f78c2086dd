"""`workbench seaflow`: from raw particles to populations."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib import import_module

from workbench.cli.options import Command, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

#: Modules ``workbench.cli.seaflow_NAME``, each with ``declare(verb)``: what stands beside ``workbench seaflow EVT_DIR``.
VERBS = ("sfl", "beads")


def _seaflow(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.apps.seaflow import Inputs, run
    from workbench.record.seaflow_work import Limits

    gc.freeze()  # a hundred thousand objects of libraries: to look through them at the end takes a fifth of a second

    sfl, sizes = (Path(value) if value else None for value in (args.sfl, args.size_table))
    inputs = Inputs(Path(args.evt), Path(args.params), Path(args.out), sfl, sizes, instrument=args.instrument)
    limits = Limits(args.max_particles, args.max_opp)
    cruise = _opened(args.index) if args.index else None
    code = run(
        inputs, since=args.since, limits=limits, workers=args.workers, scheduler=args.scheduler, as_json=args.json
    )
    if cruise is None or code:
        return code
    from workbench.apps.indexing import index_cruise
    from workbench.cli.index import say

    done = index_cruise(cruise, quiet=args.json)
    return say(done, sys.stderr if args.json else sys.stdout, str(cruise.folder))


def _opened(catalog: str) -> Cruise:
    """Before hours of work: a catalog that cannot be opened is told at once."""
    from workbench.catalog.cruise import open_cruise

    return open_cruise(catalog)


def declare(command: Command) -> None:
    """Add these commands."""
    example = "workbench seaflow evt/ --sfl TN413_740.sfl --params TN413.db --size-table mie.csv --out populations/ --index TN413.yaml"
    seaflow = command("seaflow", "turn raw SeaFlow particles into populations for a whole cruise", example, _seaflow)
    add = seaflow.add_argument
    add("evt", metavar="EVT_DIR", help="folder of EVT files")
    add("--sfl", metavar="FILE", help="SFL of the cruise (default: the one in the parameters' database)")
    add("--params", metavar="PATH", required=True, help="popcycle database, TSV folder or prefix, or CSV")
    add("--size-table", metavar="FILE", help="calibrated-mie.csv, for diameters and carbon")
    add("--instrument", metavar="SERIAL", help="serial number, where the parameters do not say it")
    add("--since", metavar="TIME", help="only files from then on (UTC)")
    add("--max-particles", type=number(int, 1, 10**9), default=9_000_000, help="leave larger files out")
    add("--max-opp", type=number(int, 1, 10**9), default=20_000, help="leave files with more OPP out")
    add("--out", metavar="DIR", required=True, help="gets opp/, vct/ and cruise.db")
    add("--index", metavar="CATALOG", help="then count the particles of this catalog too, as `workbench index` does")
    add("--workers", type=number(int, 1, 256), default=os.cpu_count() or 1, help="threads (default: cores)")
    add("--scheduler", metavar="tcp://...", help="work on this Dask cluster instead")
    add("--json", action="store_true", help="print the summary as JSON")
    for name in VERBS:
        import_module(f"workbench.cli.seaflow_{name}").declare(seaflow.verb)
