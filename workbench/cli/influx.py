"""`workbench influx write`: rows of a source into InfluxDB."""

from __future__ import annotations

import argparse

from workbench.cli.options import Command, Parser, add_catalog, number

_EXAMPLE = "workbench influx write catalogs/demo.yaml underway --to influxdb://127.0.0.1:8086/cruise"


def _write(args: argparse.Namespace) -> int:
    from workbench.apps.influx import Target, write

    target = Target(
        args.to, args.user, args.password_env, args.password_file, args.token_env, args.token_file, args.org,
        dict(args.tag),
    )  # fmt: skip
    return write(
        args.catalog, args.source, target, data=args.data, record=args.record, follow=args.follow,
        patience=args.patience, batch=args.batch, quality=args.quality,
    )  # fmt: skip


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def declare(command: Command) -> None:
    """Add these commands."""
    influx = command("influx", "write rows of a source into InfluxDB", _EXAMPLE, _write)
    influx._only_verbs = True
    _declare_write(
        influx.verb("write", "write what a source holds, queued on disk while the server is away", _EXAMPLE, _write)
    )


def _declare_write(parser: Parser) -> None:
    add_catalog(parser)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="a source of the catalog, of rows along time")
    add(
        "--to", metavar="URL", required=True, help="influxdb://HOST:PORT/DATABASE[/MEASUREMENT] (influxdbs:// is HTTPS)"
    )
    add("--follow", action="store_true", help="go on with what comes, until stopped")
    add("--user", metavar="NAME", help="who writes")
    add("--password-env", metavar="VARIABLE", help="environment variable that holds the password")
    add("--password-file", metavar="FILE", help="file that holds the password")
    add("--token-env", metavar="VARIABLE", help="environment variable that holds a token")
    add("--token-file", metavar="FILE", help="file that holds a token")
    add("--org", metavar="NAME", help="organisation (InfluxDB 2)")
    add(
        "--tag",
        metavar="NAME=VALUE",
        action="append",
        type=_tag,
        default=[],
        help="a tag of every point; may be repeated",
    )
    add("--quality", action="store_true", help="write the flags of quality (NAME_qc) as well")
    add("--batch", type=number(int, 1, 100_000), default=10_000, help="lines sent at once (default 10000)")
    add("--patience", metavar="SECONDS", type=number(float, 0, 1e9), default=300.0,
        help="give up when the server is away for so long (default 300; --follow never gives up)")  # fmt: skip
    add("--record", metavar="DIR", help="the cruise folder, which holds the queue (default: beside the catalog)")
