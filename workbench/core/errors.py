"""What goes wrong, and how it is said: what, where, the nearest known name, what to do.

The tree::

    WorkbenchError
    ├── ReaderError      a file (or feed) is not what its format says
    ├── CatalogError     a catalog has mistakes; carries every one of them
    ├── WindowError      a time range that cannot be understood
    └── PluginError      a name nobody registered
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike, fspath


class WorkbenchError(Exception):
    """Everything this package raises on purpose."""


class ReaderError(WorkbenchError):
    """A file is not what its format says it should be.

    Parameters
    ----------
    path : str or path-like
        The file, as the user named it.
    reason : str
        What is wrong, in one sentence without a full stop.
    offset : int, optional
        Where in the (uncompressed) bytes.
    expected, found : object, optional
        What the format asks for, and what is there.
    hint : str, optional
        What to do.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        reason: str,
        *,
        offset: int | None = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
    ) -> None:
        self.path = fspath(path)
        self.reason = reason
        self.offset = offset
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(self._text())

    @classmethod
    def unreadable(cls, path: str | PathLike[str], error: OSError) -> ReaderError:
        """What the disk says of a file that is there, or of one that is not."""
        return cls(path, f"cannot be read ({error.strerror or error})")

    def _text(self) -> str:
        text = f"{self.path}: {self.reason}"
        if self.offset is not None:
            text += f" at byte {self.offset}"
        if self.expected is not None or self.found is not None:
            text += f" (expected {self.expected}, found {self.found})"
        if self.hint:
            text += f". {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.path, self.reason, self.offset, self.expected, self.found, self.hint)


def _rebuild(
    path: str, reason: str, offset: int | None, expected: object, found: object, hint: str | None
) -> ReaderError:
    return ReaderError(path, reason, offset=offset, expected=expected, found=found, hint=hint)


class WindowError(WorkbenchError):
    """A time range that cannot be understood."""


class PluginError(WorkbenchError):
    """A name that no installed package registered."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a file that a person wrote.

    Attributes
    ----------
    file : str
    line : int
        Counted from 1; 0 when the whole file is meant.
    key : str
        Dotted path of the key, such as ``sources.seaflow.args.reader``.
    message : str
        What is wrong, in one sentence without a full stop.
    known : tuple of str
        The names that would have been understood here.
    """

    file: str
    line: int
    key: str
    message: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.key}: {self.message}"
        wrong = self.key.rsplit(".", 1)[-1]
        found = self.message.split("'")[1] if self.message.count("'") >= 2 else wrong
        near = nearest(found, self.known)
        if near:
            text += f"; did you mean '{near}'?"
        if self.known:
            text += f" (known: {', '.join(sorted(self.known))})"
        return text


class CatalogError(WorkbenchError):
    """A catalog has mistakes; all of them, not only the first.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return CatalogError, (self.problems,)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, or None when none does."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """A sentence ending that names the nearest known name and all known names."""
    names = sorted(known)
    near = nearest(name, names)
    return (f"Did you mean '{near}'? " if near else "") + f"Known: {', '.join(names) or 'none'}."
