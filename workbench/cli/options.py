"""Options that several commands have, and kinds of values."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Run = Callable[[argparse.Namespace], int]
#: ``command(name, text, example, run)`` adds a command and gives its parser.
Command = Callable[[str, str, str, Run], argparse.ArgumentParser]


def number(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    """A kind of value for argparse: a number from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low:g} to {high:g}")
        return value

    return parse


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """CATALOG and --data."""
    parser.add_argument("catalog", metavar="CATALOG", help="the cruise's YAML file")
    parser.add_argument("--data", metavar="DIR", help="root of the data, $WORKBENCH_DATA in the catalog")


def add_server(parser: argparse.ArgumentParser) -> None:
    """--host and --port."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=number(int, 0, 65535), default=5006, help="port (default 5006, 0 for any)")
