"""`workbench board`, `check`, `init`: a catalog and what it shows."""

from __future__ import annotations

import argparse
import sys

from workbench.cli.options import Command, add_catalog, add_server


def _check(args: argparse.Namespace) -> int:
    from workbench.catalog.check import problems, remarks

    found = problems(args.catalog, data=args.data)
    for problem in found:
        print(problem, file=sys.stderr)
    for remark in remarks(args.catalog, data=args.data):
        print(f"note: {remark}", file=sys.stderr)
    if found:
        print(f"{args.catalog}: {len(found)} mistake{'s' * (len(found) > 1)}", file=sys.stderr)
        return 1
    print(f"{args.catalog}: no mistakes")
    return 0


def _init(args: argparse.Namespace) -> int:
    from shlex import quote

    from workbench.catalog.propose import write

    path = write(args.dir, force=args.force)
    print(f"{path} written. Look through it, then: workbench board {quote(str(path))}")
    return 0


def _board(args: argparse.Namespace) -> int:
    from workbench.apps.board import serve

    return serve(
        args.catalog, data=args.data, record=args.record, host=args.host, port=args.port,
        allow_origin=args.allow_origin, tokens=args.tokens,
    )  # fmt: skip


def declare(command: Command) -> None:
    """Add these commands."""
    board = command(
        "board", "serve the live board of a cruise", "workbench board catalogs/demo.yaml --port 5006", _board
    )
    add_catalog(board)
    board.add_argument("--record", metavar="DIR", help="the cruise folder (default: beside the catalog)")
    add_server(board)
    board.add_argument(
        "--allow-origin", metavar="HOST[:PORT]", action="append", default=[], help="also accept pages of this name"
    )
    board.add_argument("--tokens", metavar="FILE", help="who may write: lines of NAME ROLE SHA256")
    add_catalog(command("check", "print every mistake of a catalog", "workbench check catalogs/demo.yaml", _check))
    init = command("init", "look at a folder and write a catalog for it", "workbench init /data/TN413", _init)
    init.add_argument("dir", metavar="DIR", help="the folder to look at")
    init.add_argument("--force", action="store_true", help="replace an existing catalog.yaml")
