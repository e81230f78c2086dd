"""`workbench export`: a source as one file for other programs."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from workbench.cli.options import Command, add_catalog

_FORMATS = ("netcdf", "csv")
#: Bytes of parsed files that are kept while files are read once.
PARSED = 32 << 20


def _export(args: argparse.Namespace) -> int:
    from workbench.catalog.cruise import open_cruise
    from workbench.catalog.export import export, format_of
    from workbench.core.memory import return_what_is_free, return_what_is_large
    from workbench.readers.kept import hold_at_most

    return_what_is_large()
    hold_at_most(PARSED)

    to, window = asked(args)
    kind = to or format_of(args.output)
    cruise = open_cruise(args.catalog, data=args.data, record=args.record)
    with _Bar(_unit(cruise.get(args.source))) as bar:

        def on_the_way(rows: int, total: int) -> None:
            bar.show(rows, total)
            return_what_is_free()

        done = export(
            cruise, args.source, args.output, window, to=kind, attributes=dict(args.attr), progress=on_the_way
        )
    for line in done.refused:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{done.path} written: {done.told}, {done.size / 1e6:.1f} MB")
    return 0


def asked(args: argparse.Namespace) -> tuple[str | None, str]:
    """The format, if told, and the time range. ``--to`` tells either: ``--from 2014-07-04 --to 2014-07-05 --to csv``."""
    from workbench.core.errors import WorkbenchError

    formats = [text for text in args.to if text in _FORMATS]
    ends = [text for text in args.to if text not in _FORMATS] + ([args.until] if args.until else [])
    if len(set(formats)) > 1 or len(ends) > 1:
        raise WorkbenchError(f"--to is given twice ({', '.join(args.to)}). One format and one end at most")
    if ends and not any(c.isdigit() for c in ends[0]) and not ends[0].startswith("now"):
        from workbench.core.errors import suggest

        raise WorkbenchError(f"--to {ends[0]} is neither a format nor a time. {suggest(ends[0], _FORMATS)}")
    if args.window and (ends or args.since):
        raise WorkbenchError("give --window, or --from and --until, not both")
    window = args.window or (f"{args.since or ''}..{ends[0] if ends else ''}" if ends or args.since else "all")
    return (formats[0] if formats else None), window


def _unit(source: Any) -> str:
    """What is counted: of populations, the times at which there is one of each."""
    made = source.variables().values() if source is not None and source.product else ()
    return " times" if any({"time"} < set(spec.dims) for spec in made) else " rows"


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit=unit, unit_scale=True, leave=False, disable=None, desc="exporting")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, done: int, total: int) -> None:
        """So many of so many rows; the bar has no end while rows are still being found."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name.strip(), value


def declare(command: Command) -> None:
    """Add this command."""
    export = command(
        "export", "write a source as one NetCDF or CSV file",
        "workbench export catalogs/demo.yaml sfl --from 2025-01-15 --until 2025-01-16 --to netcdf -o sfl.nc", _export,
    )  # fmt: skip
    add_catalog(export)
    export.add_argument("source", metavar="SOURCE", help="name of a source in the catalog")
    export.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write")
    export.add_argument(
        "--to", metavar="FORMAT", action="append", default=[],
        help="netcdf (CF-1.11, ACDD-1.3) or csv; by the file's name unless told. A time is taken as the end",
    )  # fmt: skip
    export.add_argument(
        "--from", "--since", dest="since", metavar="TIME", help="first moment, UTC (2025-01-15, now-6h)"
    )
    export.add_argument("--until", metavar="TIME", help="rows before this moment, UTC")
    export.add_argument("--window", metavar="RANGE", help='the time range in one word: "last 2 days", "FROM..TO"')
    export.add_argument(
        "--attr", metavar="NAME=VALUE", type=_pair, action="append", default=[],
        help="a global attribute of the NetCDF file, such as creator_name=...; may be given often",
    )  # fmt: skip
    export.add_argument("--record", metavar="DIR", help="the cruise folder (default: beside the catalog)")
