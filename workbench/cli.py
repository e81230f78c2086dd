"""One command, `workbench`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

Run = Callable[[argparse.Namespace], int]
Command = Callable[[str, str, str, Run], argparse.ArgumentParser]


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
    from workbench.catalog.propose import write

    path = write(args.dir, force=args.force)
    print(f"{path} written. Look through it, then: workbench board {path}")
    return 0


def _simulate(args: argparse.Namespace) -> int:
    from workbench.simulate.cruise import write

    path = write(args.dir, days=args.days, seed=args.seed, particles=args.particles, progress=True)
    print(f"{path} written. Look at it: workbench board {path}")
    return 0


def _demo(args: argparse.Namespace) -> int:
    from workbench.apps.demo import run

    return run(
        args.dir, days=args.days, seed=args.seed, particles=args.particles, warp=args.warp, host=args.host,
        port=args.port,
    )  # fmt: skip


def _board(args: argparse.Namespace) -> int:
    from workbench.apps.board import serve

    return serve(
        args.catalog, data=args.data, record=args.record, host=args.host, port=args.port,
        allow_origin=args.allow_origin, tokens=args.tokens,
    )  # fmt: skip


def _seaflow(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.apps.seaflow import Inputs, run
    from workbench.record.seaflow_work import Limits

    optional = {
        name: Path(value) if value else None for name, value in (("sfl", args.sfl), ("size_table", args.size_table))
    }
    inputs = Inputs(Path(args.evt), Path(args.params), Path(args.out), **optional, instrument=args.instrument)
    limits = Limits(args.max_particles, args.max_opp)
    return run(
        inputs, since=args.since, limits=limits, workers=args.workers, scheduler=args.scheduler, as_json=args.json
    )


def _number(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low:g} to {high:g}")
        return value

    return parse


def _add_catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", metavar="CATALOG", help="the cruise's YAML file")
    parser.add_argument("--data", metavar="DIR", help="root of the data, $WORKBENCH_DATA in the catalog")


def _add_simulation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_number(float, 0.01, 120), default=3.0, help="length in days (default 3)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")
    parser.add_argument(
        "--particles", type=_number(int, 100, 2_000_000), default=20_000, help="particles a file (default 20000)"
    )


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_number(int, 0, 65535), default=5006, help="port (default 5006, 0 for any)")


def _declare_demo(command: Command) -> None:
    demo = command("demo", "simulate a cruise and serve its live board", "workbench demo --warp 60", _demo)
    demo.add_argument("dir", metavar="DIR", nargs="?", default="demo-data", help="where it lives (default demo-data)")
    _add_simulation(demo)
    demo.add_argument(
        "--warp", type=_number(float, 0, 100_000), default=60.0, help="cruise seconds a second (default 60)"
    )
    _add_server(demo)


def _declare_board(command: Command) -> None:
    board = command(
        "board", "serve the live board of a cruise", "workbench board catalogs/demo.yaml --port 5006", _board
    )
    _add_catalog(board)
    board.add_argument("--record", metavar="DIR", help="the cruise folder (default: beside the catalog)")
    _add_server(board)
    board.add_argument(
        "--allow-origin", metavar="HOST[:PORT]", action="append", default=[], help="also accept pages of this name"
    )
    board.add_argument("--tokens", metavar="FILE", help="who may write: lines of NAME ROLE SHA256")


def _declare_check(command: Command) -> None:
    _add_catalog(command("check", "print every mistake of a catalog", "workbench check catalogs/demo.yaml", _check))


def _declare_init(command: Command) -> None:
    init = command("init", "look at a folder and write a catalog for it", "workbench init /data/TN413", _init)
    init.add_argument("dir", metavar="DIR", help="the folder to look at")
    init.add_argument("--force", action="store_true", help="replace an existing catalog.yaml")


def _declare_seaflow(command: Command) -> None:
    example = "workbench seaflow evt/ --sfl TN413_740.sfl --params TN413.db --size-table mie.csv --out populations/"
    seaflow = command("seaflow", "turn raw SeaFlow particles into populations for a whole cruise", example, _seaflow)
    add = seaflow.add_argument
    add("evt", metavar="EVT_DIR", help="folder of EVT files")
    add("--sfl", metavar="FILE", help="SFL of the cruise (default: the one in the parameters' database)")
    add("--params", metavar="PATH", required=True, help="popcycle database, TSV folder or prefix, or CSV")
    add("--size-table", metavar="FILE", help="calibrated-mie.csv, for diameters and carbon")
    add("--instrument", metavar="SERIAL", help="serial number, where the parameters do not say it")
    add("--since", metavar="TIME", help="only files from then on (UTC)")
    add("--max-particles", type=_number(int, 1, 10**9), default=9_000_000, help="leave larger files out")
    add("--max-opp", type=_number(int, 1, 10**9), default=20_000, help="leave files with more OPP out")
    add("--out", metavar="DIR", required=True, help="gets opp/, vct/ and cruise.db")
    add("--workers", type=_number(int, 1, 256), default=os.cpu_count() or 1, help="threads (default: cores)")
    add("--scheduler", metavar="tcp://...", help="work on this Dask cluster instead")
    add("--json", action="store_true", help="print the summary as JSON")


def _declare_simulate(command: Command) -> None:
    example = "workbench simulate /data/sim --days 3"
    simulate = command("simulate", "write a simulated cruise in the real file formats", example, _simulate)
    simulate.add_argument("dir", metavar="DIR", help="where to write it")
    _add_simulation(simulate)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="workbench",
        description="A workbench for science operations at sea: one catalog, live maps, cytograms and KPI tiles.",
        epilog="example: workbench demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, text: str, example: str, run: Run) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(run=run)
        return sub

    for declare in (
        _declare_demo, _declare_board, _declare_check, _declare_init, _declare_seaflow, _declare_simulate,
    ):  # fmt: skip
        declare(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure, 2 on a misused command line, 130 when interrupted."""
    args = parser().parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(f"workbench {version('sciops-workbench')}")
        return 0
    if not hasattr(args, "run"):
        parser().print_help()
        return 2
    if getattr(args, "data", None):
        os.environ["WORKBENCH_DATA"] = os.path.abspath(args.data)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from workbench.core.errors import WorkbenchError

    try:
        return int(args.run(args))
    except (WorkbenchError, OSError) as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
