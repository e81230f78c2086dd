"""Who may write, and under which names a server may be asked.

Reading is free to everybody who reaches the server. Writing:

* a server bound to localhost: a page or program on this machine, not through a proxy;
* a server bound beyond localhost: nobody, unless ``--tokens FILE`` was given;
* with tokens: who shows the token of a scientist, wherever they sit.

A name that the server does not know in the ``Host`` header is refused, whatever is asked: a foreign web page could
have pointed its own name at this address (DNS rebinding). Numeric addresses cannot be pointed anywhere.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from workbench.core.errors import WorkbenchError, suggest

ROLES = ("viewer", "scientist", "feed")
#: Roles that may change things and write notes, and those that may hand in what instruments say.
WRITERS, FEEDERS = ("scientist",), ("feed", "scientist")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Token:
    """A line of the token file: who, in which role, and the SHA-256 of the secret (the secret itself is nowhere)."""

    name: str
    role: str
    digest: str


@dataclass(frozen=True)
class Asker:
    """What is known of a request.

    Attributes
    ----------
    peer : str
        Address of the other end of the connection.
    host : str
        ``Host`` header.
    origin : str or None
        ``Origin`` header: the page that asks; None when it is no page.
    forwarded : bool
        True when a proxy stands between.
    token : str or None
    """

    peer: str
    host: str
    origin: str | None = None
    forwarded: bool = False
    token: str | None = None


@dataclass(frozen=True)
class Verdict:
    """May it? If so, in whose name; if not, why; and whether it is a token that decides."""

    allowed: bool
    who: str = ""
    reason: str = ""
    by_token: bool = False


#: What one person may: given the token they show (or None), may they write, in whose name, and if not, why.
Rights = Callable[[str | None], Verdict]


def own(token: str | None = None) -> Verdict:
    """Of a program or notebook, which has the cruise folder itself: its user may write, in their own name."""
    try:
        return Verdict(True, who=getpass.getuser())
    except (KeyError, OSError):  # a container whose user has no name
        return Verdict(True, who="somebody")


def read_tokens(path: str | os.PathLike[str]) -> tuple[Token, ...]:
    """Read a token file: lines ``NAME ROLE SHA256``; empty lines and ``# comments`` are skipped.

    Raises
    ------
    WorkbenchError
        When a line is something else; its number is told.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkbenchError(f"{os.fspath(path)}: cannot be read ({error})") from error
    found: dict[str, Token] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        token, wrong = _parse(words)
        if token and token.name in found:
            wrong = f"the name '{token.name}' stands twice"
        if token is None or wrong:
            raise WorkbenchError(
                f"{os.fspath(path)}:{number}: {wrong}. A line reads NAME ROLE SHA256, where SHA256 comes from: "
                "printf %s TOKEN | sha256sum"
            )
        found[token.name] = token
    return tuple(found.values())


def _parse(words: list[str]) -> tuple[Token | None, str]:
    if len(words) != 3:
        return None, f"{len(words)} words instead of 3"
    name, role, digest = words[0], words[1], words[2].lower()
    if role not in ROLES:
        return None, f"'{role}' is not a role. {suggest(role, ROLES)}".rstrip(".")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        return None, "the third word is not a SHA-256 (64 hexadecimal digits)"
    return Token(name, role, digest), ""


def is_loopback(address: str) -> bool:
    """True for ``localhost`` and every address of the loopback interface (IPv4-mapped ones too)."""
    if address == "localhost":
        return True
    try:
        ip = ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def name_of(host: str) -> str:
    """The name in a ``Host`` header: no port, no brackets, lower case; empty when there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_number(name: str) -> bool:
    try:
        ip_address(name.split("%", 1)[0])
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Parameters
    ----------
    host : str
        The address it listens on.
    allow_origin : iterable of str
        Further names (``HOST`` or ``HOST:PORT``) under which pages of this server are opened.
    tokens : tuple of Token or None
        None: no token file was given.
    """

    host: str = "127.0.0.1"
    allow_origin: Iterable[str] = ()
    tokens: tuple[Token, ...] | None = None
    _names: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow_origin", tuple(self.allow_origin))
        given = {name_of(origin.split("://", 1)[-1]) for origin in self.allow_origin}
        own = {self.host.strip("[]").lower()} if self.host else set()
        if not self.local:
            own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
            own |= {f"{socket.gethostname().split('.')[0].lower()}.local"}
        object.__setattr__(self, "_names", frozenset(_LOCAL | own | given) - {""})

    @property
    def local(self) -> bool:
        """True when the server listens to this machine only."""
        return is_loopback(self.host.strip("[]"))

    @property
    def read_only(self) -> bool:
        """True when nobody may write."""
        return not self.local and self.tokens is None

    def knows(self, host: str) -> bool:
        """Is this ``Host`` header a name of ours? Beyond localhost every numeric address is."""
        name = name_of(host)
        return name in self._names or is_loopback(name) or (not self.local and _is_number(name))

    def same_origin(self, host: str, origin: str | None) -> bool:
        """Does the page that asks come from here? Programs that are no page send no origin."""
        if origin is None:
            return True
        try:
            page = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        given = {text.lower().split("://", 1)[-1].rstrip("/") for text in self.allow_origin}
        return bool(page) and (page == host.lower() or page in given or name_of(page) in given)

    def may_read(self, asker: Asker) -> Verdict:
        """Everybody who asks under a name of ours, from a page of ours or from no page at all."""
        if not self.knows(asker.host):
            return Verdict(False, reason=f"unknown host name '{name_of(asker.host)}'; see --allow-origin")
        if not self.same_origin(asker.host, asker.origin):
            return Verdict(False, reason=f"a page of {asker.origin} may not ask here; see --allow-origin")
        return Verdict(True)

    def may_write(self, asker: Asker) -> Verdict:
        """The rules at the top of this file."""
        return self._may(asker, WRITERS, "write notes")

    def rights(self, asker: Asker) -> Rights:
        """What whoever opened this page may, with a token or without."""
        return lambda token: self._may(replace(asker, token=token or asker.token), WRITERS, "change anything here")

    def may_feed(self, asker: Asker) -> Verdict:
        """Hand in what an instrument says: the same rules, for the tokens of feeds too."""
        return self._may(asker, FEEDERS, "hand in data")

    def _may(self, asker: Asker, roles: tuple[str, ...], what: str) -> Verdict:
        reading = self.may_read(asker)
        if not reading.allowed:
            return reading
        if self.tokens is not None:
            return self._by_token(asker.token, roles, what)
        if not self.local:
            return Verdict(False, reason="this board is read-only: it is served beyond localhost without --tokens FILE")
        if not is_loopback(asker.peer) or asker.forwarded:
            return Verdict(False, reason="only this machine may write; serve with --tokens FILE to let others in")
        return Verdict(True, who="localhost")

    def _by_token(self, given: str | None, roles: tuple[str, ...], what: str) -> Verdict:
        if not given:
            return Verdict(False, reason="a token is needed to write", by_token=True)
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        match = None
        for token in self.tokens or ():
            if hmac.compare_digest(token.digest, digest):
                match = token
        if match is None:
            return Verdict(False, reason="this token is not known here", by_token=True)
        if match.role not in roles:
            return Verdict(False, reason=f"a {match.role} may not {what}", by_token=True)
        return Verdict(True, who=match.name, by_token=True)
