"""One command, `workbench`. Nothing heavy is imported before a command needs it.

Each module named in `MODULES` declares some commands; none imports at its top more than the standard library.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from workbench.cli.options import Help, Outline, Parser, Run

#: Modules of this package, in the order of ``workbench --help``.
MODULES = (
    "simulate",
    "catalog",
    "engine",
    "seaflow",
    "gates",
    "index",
    "export",
    "replay",
    "report",
    "influx",
    "hdf5",
    "docs",
)


#: Commands that answer at once: only their own module is looked at.
QUICK = {"status": "engine"}
#: Commands that run for weeks.
LASTING = ("board", "demo", "engine")


def parser(modules: Sequence[str] = MODULES, *, outline: bool = False) -> argparse.ArgumentParser:
    """The whole command line, or what these modules declare of it; an outline can say what ``workbench --help`` says."""
    top = Parser(
        prog="workbench",
        description="A workbench for science operations at sea: one catalog, live maps, cytograms and KPI tiles.",
        epilog="example: workbench demo",
        formatter_class=Help,
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Outline if outline else Parser)

    def command(name: str, text: str, example: str, run: Run) -> Parser:
        sub = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=f"example: {example}",
            formatter_class=Help,
        )  # fmt: skip
        sub.set_defaults(run=run)
        return sub

    for module in modules:
        import_module(f"workbench.cli.{module}").declare(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure, 2 on a misused command line, 130 when interrupted."""
    words = sys.argv[1:] if argv is None else argv
    quick = QUICK.get(words[0]) if words else None
    args = parser((quick,) if quick else MODULES, outline=list(words) in (["-h"], ["--help"])).parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(f"workbench {version('sciops-workbench')}")
        return 0
    if not hasattr(args, "run"):
        parser().print_help()
        return 2
    if getattr(args, "data", None):
        os.environ["WORKBENCH_DATA"] = os.path.abspath(args.data)
    if argv is None and words[0] in LASTING:
        from workbench.core.descriptors import allow_many
        from workbench.core.memory import begin_for_weeks

        begin_for_weeks()
        allow_many()
    # Read when Arrow is imported: what it no longer needs goes back to the system, not into a pool of its own.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Read when numpy is: nothing here multiplies large matrices, and threads that could would spin first, for a fifth of
    # a second of every command.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if argv is None:
        sys.unraisablehook = hear_again
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from workbench.core.errors import WorkbenchError

        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        if not isinstance(error, WorkbenchError | OSError):
            raise
        print(f"workbench: {error}", file=sys.stderr)
        return 1


def hear_again(lost: Any) -> None:
    """Have Ctrl-C, or the request to end, come once more: it came while compiled code called back, which swallows it."""
    import threading

    again = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}.get(lost.exc_type)
    if again is None:
        sys.__unraisablehook__(lost)
        return
    timer = threading.Timer(0.05, os.kill, (os.getpid(), again))
    timer.daemon = True
    timer.start()


def _nobody_reads() -> bool:
    """True when who read our words is gone, as `head` is after ten lines; nothing more is said then."""
    import select

    words = select.poll()
    words.register(sys.stdout.fileno(), select.POLLOUT)
    if not any(event & select.POLLERR for _, event in words.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not written at the end
    return True
