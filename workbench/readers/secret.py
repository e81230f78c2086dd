"""Secrets by the name of an environment variable or by a file; they never stand in a catalog, an error or a pickle."""

from __future__ import annotations

import os
from dataclasses import dataclass

from workbench.core.errors import ReaderError

__all__ = ["Secret"]


@dataclass(frozen=True)
class Secret:
    """Where a secret is kept; it is looked up at each use.

    Attributes
    ----------
    what : str
        What options call it: ``password``, ``token``.
    env, file : str or None
        Name of an environment variable; path of a file that holds it alone.
    """

    what: str
    env: str | None = None
    file: str | None = None

    def __bool__(self) -> bool:
        return self.env is not None or self.file is not None

    def read(self, url: str) -> str | None:
        """The secret, or None when none was asked for.

        Raises
        ------
        ReaderError
            When it was asked for and is not there.
        """
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                hint = f"Set it where the workbench is started, or give {self.what}_file"
                raise ReaderError(url, f"{self.what}_env names ${self.env}, which is not set", hint=hint)
            return found
        if self.file is None:
            return None
        try:
            with open(self.file, encoding="utf-8") as file:
                found = file.read(1 << 16).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ReaderError(url, f"{self.what}_file {self.file} cannot be read ({reason})") from error
        if not found:
            raise ReaderError(url, f"{self.what}_file {self.file} is empty")
        return found
