"""`workbench engine`, `up`, `status`, `journal`: what runs for as long as the cruise lasts."""

from __future__ import annotations

import argparse

from workbench.cli.options import Command, add_catalog, add_server, number


def _engine(args: argparse.Namespace) -> int:
    from workbench.apps.engine import serve

    return serve(
        args.catalog, data=args.data, record=args.record, host=args.host, port=args.port, tokens=args.tokens,
        fsync=args.fsync, budget=args.budget and round(args.budget * 1e9), scheduler=args.scheduler,
    )  # fmt: skip


def _up(args: argparse.Namespace) -> int:
    from workbench.apps.up import run
    from workbench.catalog.cruise import open_cruise
    from workbench.live.access import read_tokens

    if args.tokens:
        read_tokens(args.tokens)  # nor does a mistake in it go away by starting again
    shared = [args.catalog]
    for name in ("data", "record", "tokens"):
        if getattr(args, name):
            shared += [f"--{name}", getattr(args, name)]
    engine = [*shared, "--port", str(args.engine_port), "--fsync", f"{args.fsync:g}"]
    if args.budget:
        engine += ["--budget", f"{args.budget:g}"]
    if args.scheduler:
        engine += ["--scheduler", args.scheduler]
    origins = [word for origin in args.allow_origin for word in ("--allow-origin", origin)]
    board = [*shared, "--host", args.host, "--port", str(args.port), *origins]
    return run(engine, board, check=lambda: open_cruise(args.catalog, data=args.data, record=args.record))


def _status(args: argparse.Namespace) -> int:
    from workbench.apps.status import show

    return show(args.catalog, data=args.data, record=args.record, as_json=args.json)


def _replay(args: argparse.Namespace) -> int:
    from workbench.apps.journal import replay

    return replay(
        args.catalog, data=args.data, record=args.record, sources=args.source, since=args.since, until=args.until
    )


def _add_record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", metavar="DIR", help="the cruise folder (default: beside the catalog)")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokens", metavar="FILE", help="who may write and feed: lines of NAME ROLE SHA256")
    parser.add_argument(
        "--budget", metavar="GB", type=number(float, 0.001, 1e6), help="what the cruise folder may take on disk"
    )
    parser.add_argument(
        "--fsync", metavar="S", type=number(float, 0, 3600), default=1.0,
        help="seconds that a power cut may lose of what was received (default 1; 0 for nothing)",
    )  # fmt: skip
    parser.add_argument("--scheduler", metavar="tcp://...", help="make products on this Dask cluster")


def declare(command: Command) -> None:
    """Add these commands."""
    engine = command("engine", "receive, keep and record what the ship says", "workbench engine TN413.yaml", _engine)
    add_catalog(engine)
    _add_record(engine)
    add_server(engine, port=5007)
    _add_engine(engine)
    up = command(
        "up", "run the engine and the board of a cruise, restarted when they fail", "workbench up TN413.yaml", _up
    )
    add_catalog(up)
    _add_record(up)
    add_server(up)
    _add_engine(up)
    up.add_argument(
        "--engine-port", metavar="PORT", type=number(int, 0, 65535), default=5007, help="of its API (default 5007)"
    )
    up.add_argument("--allow-origin", metavar="HOST[:PORT]", action="append", default=[], help="as for the board")
    status = command(
        "status", "say how the engine, its feeds and the boards are", "workbench status TN413.yaml --json", _status
    )
    add_catalog(status)
    _add_record(status)
    status.add_argument("--json", action="store_true", help="as JSON")
    journal = command(
        "journal", "read what was received into the record again", "workbench journal replay TN413.yaml --from 2023-01-12",
        _replay,
    )  # fmt: skip
    journal.add_argument("verb", choices=["replay"], help="replay: put rows made anew in the place of the old ones")
    add_catalog(journal)
    _add_record(journal)
    journal.add_argument("--source", metavar="NAME", action="append", default=[], help="only this source (repeatable)")
    journal.add_argument("--from", dest="since", metavar="TIME", help="received from then on (UTC)")
    journal.add_argument("--to", dest="until", metavar="TIME", help="received before then (UTC)")
