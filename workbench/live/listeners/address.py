"""Where a listener listens: ``scheme://host:port/path?option=value``, and its options by name and kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from workbench.core.errors import WorkbenchError, suggest

_EXAMPLES = (
    "udp://0.0.0.0:55501, tcp://host:port, tcp+listen://0.0.0.0:port, mqtt://host:1883/topic/#, folder:/path or http:"
)


class ListenerError(WorkbenchError):
    """A listener cannot be made or started as asked."""


@dataclass(frozen=True)
class Address:
    """A ``listen:`` URL taken apart.

    Attributes
    ----------
    url : str
        As it was written, without options.
    scheme, host, path : str
    port : int or None
    user : str or None
    options : mapping of str to str
        What stands behind ``?``.
    """

    url: str
    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""
    user: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take a URL apart.

        Raises
        ------
        ListenerError
            When it is none, or has a password in it.
        """
        plain, hash_, rest = url.partition("#")  # a topic may end in #, or go on after +/#
        plain, _, query = f"{plain}{'%23' if hash_ else ''}{rest}".partition("?")
        try:
            parts = urlsplit(plain)
            port, password = parts.port, parts.password
        except ValueError as error:
            raise ListenerError(f"'{url}' is not an address to listen at ({error}), such as {_EXAMPLES}") from None
        if not parts.scheme:
            raise ListenerError(f"'{url}' does not say how: {_EXAMPLES}")
        if password is not None:
            raise ListenerError(
                f"'{plain.replace(password, '...')}' has a password in it; name where it stands instead: "
                "password_env: NAME or password_file: PATH"
            )
        if query and not all("=" in part for part in query.split("&") if part):
            raise ListenerError(f"'{url}': options are written ?name=value&name=value")
        options = dict(parse_qsl(query, keep_blank_values=True))
        user = unquote(parts.username) if parts.username is not None else None
        return cls(unquote(plain), parts.scheme, parts.hostname or "", port, unquote(parts.path), user, options)

    def need_port(self) -> int:
        """The port; ListenerError when there is none."""
        if self.port is None:
            raise ListenerError(f"{self.url}: which port? Such as {self.scheme}://{self.host or '0.0.0.0'}:55501")
        return self.port


def options_of(cls: type) -> dict[str, Parameter]:
    """The keyword options of a listener, from its signature."""
    found = signature(cls).parameters
    return {name: option for name, option in found.items() if option.kind is Parameter.KEYWORD_ONLY}


def fitted(cls: type, address: Address, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options from the URL and beside it, each as the kind of value that its default is.

    Raises
    ------
    ListenerError
        When one is unknown (the nearest is told), stands twice, or is no such value.
    """
    known = options_of(cls)
    twice = set(address.options) & set(given)
    if twice:
        raise ListenerError(f"{address.url}: '{min(twice)}' stands in the address and beside it")
    out = {}
    for name, value in {**address.options, **given}.items():
        if name not in known:
            raise ListenerError(
                f"{address.url}: '{name}' is no option of {address.scheme} listeners. {suggest(name, known)}"
            )
        out[name] = _value(address, name, value, known[name].default) if isinstance(value, str) else value
    return out


def _value(address: Address, name: str, text: str, default: Any) -> Any:
    kinds: dict[type, Callable[[str], Any]] = {bool: _truth, int: int, float: float}
    try:
        return kinds.get(type(default), str)(text)
    except ValueError:
        kind = {bool: "yes or no", int: "a whole number", float: "a number"}[type(default)]
        raise ListenerError(f"{address.url}: {name} must be {kind}, not '{text}'") from None


def _truth(text: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def secret(address: Address, env: str, file: str) -> str | None:
    """A password by the name of an environment variable, or the path of a file (its first line); None for neither.

    Raises
    ------
    ListenerError
        When it is not there.
    """
    if env:
        found = os.environ.get(env)
        if not found:
            raise ListenerError(f"{address.url}: the environment variable {env} (password_env) is not set")
        return found
    if file:
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ListenerError(f"{address.url}: password_file {file} cannot be read ({error})") from None
        if not lines or not lines[0]:
            raise ListenerError(f"{address.url}: password_file {file} is empty")
        return lines[0]
    return None
