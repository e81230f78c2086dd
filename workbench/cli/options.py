"""Options that several commands have, and kinds of values."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Run = Callable[[argparse.Namespace], int]


class Help(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written, as wide as the terminal. Argparse would import `shutil` and all that packs files to ask."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, **{"width": _columns() - 2, **kwargs})


@cache
def _columns() -> int:
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


class Parser(argparse.ArgumentParser):
    """A parser whose command may have verbs beside its own arguments.

    The first word decides: ``workbench seaflow sfl ...`` is the verb ``sfl``, ``workbench seaflow evt/ ...`` the
    command itself. A folder that is called like a verb is written ``./sfl``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._verbs: dict[str, Parser] = {}
        self._only_verbs = False

    def verb(self, name: str, text: str, example: str, run: Run | None = None) -> Parser:
        """Add a verb and give its parser; one without `run` only holds verbs of its own."""
        sub = Parser(
            prog=f"{self.prog} {name}", description=text[0].upper() + text[1:] + ".", epilog=f"example: {example}",
            formatter_class=Help,
        )  # fmt: skip
        sub._only_verbs = run is None
        if run is not None:
            sub.set_defaults(run=run)
        self._verbs[name] = sub
        self.epilog = f"{self.epilog}\n{sub.prog}: {text}"
        return sub

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does, but what a command does not know, the command itself says, with its own usage."""
        words = sys.argv[1:] if args is None else list(args)
        if words and words[0] in self._verbs:
            return self._verbs[words[0]].parse_known_args(words[1:], namespace)
        if self._only_verbs and words[:1] not in (["-h"], ["--help"]):
            known = ", ".join(self._verbs)
            self.error(
                f"'{words[0]}' is not one of {known}{meant(words[0], self._verbs)}" if words else f"say which: {known}"
            )
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"{unknown[0]} is not known here{meant(unknown[0], self._option_string_actions)}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A word that is none of those asked for: the nearest one is named."""
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"'{value}' is not one of {', '.join(known)}{meant(str(value), known)}"
            )


def meant(word: str, known: Iterable[str]) -> str:
    """``; did you mean '...'?`` where something known is near, else nothing."""
    from workbench.core.errors import nearest

    name = nearest(word.split("=")[0], known)
    return f"; did you mean '{name}'?" if name else ""


class Outline(Parser):
    """Of a command whose name and text are all that is shown: what it is given is forgotten, which takes no time."""

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def add_mutually_exclusive_group(self, **kwargs: Any) -> Any:
        return self

    def verb(self, name: str, text: str, example: str, run: Run | None = None) -> Parser:
        return self


# Argparse looks for translations of "options" in a dozen folders for every command; ours are English, as all we say.
argparse._ = lambda text: text  # type: ignore[attr-defined]

#: ``command(name, text, example, run)`` adds a command and gives its parser.
Command = Callable[[str, str, str, Run], Parser]


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


def add_server(parser: argparse.ArgumentParser, port: int = 5006) -> None:
    """--host and --port."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=number(int, 0, 65535), default=port, help=f"port (default {port}, 0 for any)")
