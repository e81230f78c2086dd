"""`workbench hdf5`: what can be done about HDF5 files that are broken."""

from __future__ import annotations

import argparse
import sys

from workbench.cli.options import Command


def _hdf5(args: argparse.Namespace) -> int:
    from workbench.readers.hdf5_salvage import salvage

    done = salvage(args.file, args.output, lambda each: print(each, flush=True))
    lost = [each for each in done if each.rows < each.of or each.said]
    for each in done:
        if each.of == 0 and each.said:
            print(f"lost: {each.name}: {each.said}", file=sys.stderr)
    print(f"{args.output}: {len(done) - len(lost)} of {len(done)} arrays whole, {len(lost)} in part or lost")
    return 0


def declare(command: Command) -> None:
    """Add these commands."""
    example = "workbench hdf5 salvage half.h5 -o saved.h5"
    hdf5 = command("hdf5", "get what is left out of a broken HDF5 or NetCDF-4 file", example, _hdf5)
    hdf5.add_argument("action", choices=["salvage"], help="salvage: write what can be recovered into a copy")
    hdf5.add_argument("file", metavar="FILE", help="the broken file; it is not changed")
    hdf5.add_argument("-o", "--output", metavar="COPY", required=True, help="the copy; must not exist")
