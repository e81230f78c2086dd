"""From the text of a `url` to a path: ``{{ CATALOG_DIR }}``, ``$WORKBENCH_DATA``, ``$WORKBENCH_RECORD``, and what is not opened."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from workbench.core.errors import WorkbenchError

#: The environment variable that names the root of the data.
DATA = "WORKBENCH_DATA"
#: The one that names the cruise folder; in a url, the folder of this cruise whether it is set or not.
RECORD = "WORKBENCH_RECORD"

_FOLDER = re.compile(r"\{\{\s*CATALOG_DIR\s*\}\}")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#|\}\}|%\}|#\}")
_ROOT = re.compile(rf"\$(?:{DATA}\b|\{{{DATA}\}})")
_HOME = re.compile(rf"\$(?:{RECORD}\b|\{{{RECORD}\}})")
_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://")
_BEGIN = re.compile(rf"(?:{_FOLDER.pattern}|{_ROOT.pattern}|{_HOME.pattern}|/)")


def fill(text: str, folder: str) -> str:
    """`text` with ``{{ CATALOG_DIR }}`` replaced by `folder`; the only template there is."""
    return _FOLDER.sub(lambda _: folder, text)


def filled(value: Any, folder: str, data: str | os.PathLike[str] | None = None) -> Any:
    """A value of `args` with ``{{ CATALOG_DIR }}`` and, where `data` is given, ``$WORKBENCH_DATA`` filled in."""
    if isinstance(value, list):
        return [filled(item, folder, data) for item in value]
    if not isinstance(value, str):
        return value
    if needs_root(value):
        return expand(value, data) if data is not None else value
    return fill(value, folder)


def template_mistake(text: str) -> str | None:
    """What is wrong with the templates in `text`; None when there is nothing."""
    found = _TEMPLATE.search(_FOLDER.sub("", text))
    if found is None:
        return None
    return f"'{_short(text)}' has a template; {{{{ CATALOG_DIR }}}} is the only one"


def url_mistake(text: str) -> str | None:
    """Why `text` is not where a Source can look; None when it is."""
    wrong = path_mistake(text) or template_mistake(text)
    if wrong is not None:
        return wrong
    if not _BEGIN.match(text):
        return f"'{_short(text)}' does not say from where; begin with {{{{ CATALOG_DIR }}}}/, ${DATA}/ or /"
    return None


def server_mistake(url: str, schemes: tuple[str, ...]) -> str | None:
    """Why `url` names no server that a store of these schemes asks; None when it does."""
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or _TEMPLATE.search(url):
        return f"'{_short(url)}' has blanks, control characters or a template in it"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is no number raises
    except ValueError as error:
        return f"'{_short(url)}' is not an address ({error})"
    if parts.scheme not in schemes or not parts.hostname:
        return f"'{_short(url)}' is not an address; write {schemes[0]}://HOST:PORT/..."
    if parts.password is not None:
        return "a password does not stand in a catalog; write password_env or password_file"
    return None


def has_password(url: str) -> bool:
    """True for ``scheme://user:password@host``."""
    return re.match(r"[a-z+]+://[^/@?#]*:[^/@?#]*@", url) is not None


def path_mistake(text: str) -> str | None:
    """Why `text` is not a path on this machine; None when it is."""
    if "://" in text or "::" in text:
        return f"'{_short(text)}' is not a path; only files and folders are opened, not in this version other places"
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        return f"'{_short(text)}' has control characters in it"
    variable = re.match(r"\$\{?(\w*)\}?", text)
    if variable and not _ROOT.match(text) and not _HOME.match(text):
        return f"'${variable[1]}' is not expanded; ${DATA} and ${RECORD} are the only variables"
    return None


def scheme(url: str) -> str | None:
    """What stands before ``://``; None of a path."""
    found = _SCHEME.match(url)
    return found[1] if found else None


def folder_beside(source: Any) -> str | None:
    """The cruise folder that a Source opened by plain intake belongs to: what its catalog says, else what is usual."""
    said = dict(getattr(source.catalog_object, "metadata", None) or {})
    about, record, here = said.get("cruise"), said.get("record"), (source.metadata or {}).get("catalog_dir")
    if not here or not isinstance(about, dict) or "id" not in about:
        return None
    return (
        expand(fill(record, str(here))) if isinstance(record, str) else os.path.join(str(here), f"{about['id']}.cruise")
    )


def heard_folder(listen: str) -> str:
    """The folder of a ``folder:/path?option=value``."""
    return os.path.abspath(unquote(urlsplit(listen).path))


def needs_root(text: str) -> bool:
    """True when `text` begins with ``$WORKBENCH_DATA``."""
    return _ROOT.match(text) is not None


def in_record(text: str) -> bool:
    """True when `text` begins with ``$WORKBENCH_RECORD``: a place in the cruise folder."""
    return _HOME.match(text) is not None


def root(data: str | None = None) -> str | None:
    """The root of the data: `data`, else what the environment says; None when neither does."""
    return data or os.environ.get(DATA) or None


def expand(text: str, data: str | os.PathLike[str] | None = None, record: str | None = None) -> str:
    """`text` as a plain path: ``$WORKBENCH_DATA`` at its beginning replaced by `data`, or by what the environment says,
    ``$WORKBENCH_RECORD`` by `record`.

    Raises
    ------
    WorkbenchError
        When the variable is needed and not set, or `text` is not a path on this machine.
    """
    wrong = path_mistake(text)
    if wrong is not None:
        raise WorkbenchError(wrong)
    if needs_root(text):
        place = root(os.fspath(data) if data is not None else None)
        if place is None:
            raise WorkbenchError(unset(text))
        text = _ROOT.sub(lambda _: os.path.abspath(place), text, count=1)
    if in_record(text):
        if record is None:
            raise WorkbenchError(f"'{_short(text)}': ${RECORD} stands in a url only, for the folder of its cruise")
        text = _HOME.sub(lambda _: os.path.abspath(record), text, count=1)
    return os.path.abspath(text)


def expanded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, with ``$WORKBENCH_DATA`` at the beginning of a path expanded."""
    return {
        name: expand(value) if isinstance(value, str) and needs_root(value) else value
        for name, value in options.items()
    }


def unset(text: str) -> str:
    """What to say when ``$WORKBENCH_DATA`` is not set."""
    return f"'{_short(text)}' needs ${DATA}, which is not set; give --data DIR, or set it to the root of the data"


def _short(text: str) -> str:
    plain = re.sub(r"[\x00-\x1f\x7f']", "?", text)
    return plain if len(plain) <= 60 else plain[:57] + "..."
