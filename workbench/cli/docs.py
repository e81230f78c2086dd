"""`workbench docs`: what all of this is, without internet."""

from __future__ import annotations

import argparse

from workbench.cli.options import Command, number


def _docs(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.apps.guide import serve, site, write
    from workbench.cli import parser

    files = site(parser())
    if args.build:
        write(files, Path(args.build))
        print(f"{Path(args.build) / 'index.html'} written, and {len(files) - 1} files beside it")
        return 0
    return serve(files, args.port, show=not args.no_browser)


def declare(command: Command) -> None:
    """Add this command."""
    docs = command("docs", "open the documentation, searchable and without internet", "workbench docs", _docs)
    docs.add_argument("--build", metavar="DIR", help="write the site there (open index.html) and stop")
    docs.add_argument("--port", type=number(int, 0, 65535), default=5008, help="port (default 5008, 0 for any)")
    docs.add_argument("--no-browser", action="store_true", help="say where it is, open nothing")
