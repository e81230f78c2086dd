"""`workbench simulate`, `demo`: a cruise that never was."""

from __future__ import annotations

import argparse

from workbench.cli.options import Command, add_server, number


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


def _add_simulation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=number(float, 0.01, 120), default=3.0, help="length in days (default 3)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")
    parser.add_argument(
        "--particles", type=number(int, 100, 2_000_000), default=20_000, help="particles a file (default 20000)"
    )


def declare(command: Command) -> None:
    """Add these commands."""
    demo = command("demo", "simulate a cruise and serve its live board", "workbench demo --warp 60", _demo)
    demo.add_argument("dir", metavar="DIR", nargs="?", default="demo-data", help="where it lives (default demo-data)")
    _add_simulation(demo)
    demo.add_argument(
        "--warp", type=number(float, 0, 100_000), default=60.0, help="cruise seconds a second (default 60)"
    )
    add_server(demo)
    example = "workbench simulate /data/sim --days 3"
    simulate = command("simulate", "write a simulated cruise in the real file formats", example, _simulate)
    simulate.add_argument("dir", metavar="DIR", help="where to write it")
    _add_simulation(simulate)
