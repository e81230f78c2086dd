"""`workbench report`: a cruise as one document."""

from __future__ import annotations

import argparse
import sys

from workbench.cli.options import Command, add_catalog

#: Bytes of parsed files that are kept while files are read once.
PARSED = 32 << 20
#: Bytes of an array that is given back at once; those of a file's columns are smaller, and their memory is used again.
LARGE = 8 << 20


def _report(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.catalog.cruise import open_cruise
    from workbench.core.errors import WorkbenchError
    from workbench.core.memory import return_what_is_large
    from workbench.core.window import Window
    from workbench.readers.kept import hold_at_most
    from workbench.reports.write import write

    return_what_is_large(LARGE)
    hold_at_most(PARSED)

    if args.window and (args.since or args.until):
        raise WorkbenchError("give --window, or --from and --to, not both")
    if args.pdf and not Path(args.pdf).absolute().parent.is_dir():
        raise WorkbenchError(f"{Path(args.pdf).parent}: there is no such folder")
    text = args.window or (f"{args.since or ''}..{args.until or ''}" if args.since or args.until else "all")
    cruise = open_cruise(args.catalog, data=args.data, record=args.record)
    with _Bar() as bar:
        done = write(
            cruise, args.output, Window.parse(text, now=cruise.now()), template=args.template, progress=bar.show
        )
    print(f"{done.path} written: {done.size / 1e6:.1f} MB, {len(done.findings)} sentences")
    if args.pdf:
        from workbench.reports.paper import print_pdf

        try:
            print_pdf(done.path, args.pdf)
        except WorkbenchError as error:
            print(f"workbench: {error}", file=sys.stderr)
            return 1
        print(f"{args.pdf} printed")
    return 0


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar, self._what = tqdm(leave=False, disable=None), ""

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, what: str, done: int, total: int) -> None:
        """So much of this is done."""
        if what != self._what:
            self._what = what
            self._bar.reset(total)
            self._bar.set_description(what)
        self._bar.update(done - self._bar.n)


def declare(command: Command) -> None:
    """Add this command."""
    report = command(
        "report", "write a self-contained report of a cruise as HTML, and as PDF",
        "workbench report catalogs/demo.yaml --template daily -o today.html --pdf today.pdf", _report,
    )  # fmt: skip
    add_catalog(report)
    report.add_argument("-o", "--output", metavar="FILE.html", required=True, help="the file to write")
    report.add_argument("--pdf", metavar="FILE.pdf", help="print it, too (needs Chromium)")
    report.add_argument(
        "--from", "--since", dest="since", metavar="TIME", help="first moment, UTC (2025-01-15, now-6h)"
    )
    report.add_argument("--to", "--until", dest="until", metavar="TIME", help="rows before this moment, UTC")
    report.add_argument("--window", metavar="RANGE", help='the time range in one word: "last 2 days", "FROM..TO"')
    report.add_argument(
        "--template",
        choices=("cruise", "daily"),
        default="cruise",
        help="the whole time, or its last day (default cruise)",
    )
    report.add_argument("--record", metavar="DIR", help="the cruise folder (default: beside the catalog)")
