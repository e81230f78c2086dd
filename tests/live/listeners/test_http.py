"""What is posted: who may, how much, and that 2xx means kept."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from workbench.live.access import Access, Asker, Token
from workbench.live.journal import Journal
from workbench.live.listeners import open_listener
from workbench.live.listeners.http import Answer, Http, admit, post
from workbench.testing.listeners import Desk

LOCAL = Asker("127.0.0.1", "localhost:5007")


def _listeners(desk: object, **options: object) -> dict[str, Http]:
    made = open_listener("ship", "http:", desk, **options)  # type: ignore[arg-type]
    assert isinstance(made, Http)
    asyncio.run(made.start())
    return {"ship": made}


def _tokens(**roles: str) -> Access:
    tokens = (Token(name, role, hashlib.sha256(name.encode()).hexdigest()) for name, role in roles.items())
    return Access("0.0.0.0", (), tuple(tokens))


def _asker(token: str | None) -> Asker:
    return Asker("10.0.0.9", "10.0.0.1:5007", token=token)


def test_kept_is_200(tmp_path: Path) -> None:
    with Journal(tmp_path, fsync=0) as journal:
        answer = post(_listeners(journal), Access(), "ship", b"a\nb\n", LOCAL)
        assert answer == Answer(200, {"feed": "ship", "bytes": 4})
        assert [(entry.body, entry.peer) for entry in journal.read("ship")] == [(b"a\nb\n", "127.0.0.1")]


def test_not_kept_is_503() -> None:
    desk = Desk()
    desk.shut = True
    answer = post(_listeners(desk), Access(), "ship", b"x", LOCAL)
    assert answer.status == 503 and "No space left" in answer.said["error"]


def test_a_feed_nobody_knows() -> None:
    answer = post(_listeners(Desk()), Access(), "shipp", b"x", LOCAL)
    assert answer.status == 404 and "Did you mean 'ship'" in answer.said["error"]


def test_too_long_is_known_before_it_is_read() -> None:
    made = _listeners(Desk(), longest=10)
    answer = admit(made, Access(), "ship", LOCAL, 11)
    assert answer is not None and answer.status == 413
    assert admit(made, Access(), "ship", LOCAL, 10) is None
    assert post(made, Access(), "ship", b"x" * 11, LOCAL).status == 413
    assert made["ship"].counters.refused == 2 and made["ship"].counters.received == 0


def test_tokens() -> None:
    """Feeds and scientists may; viewers, strangers and nobody may not, and are counted."""
    desk = Desk()
    made, access = _listeners(desk), _tokens(logger="feed", ann="scientist", bob="viewer")
    statuses = {who: post(made, access, "ship", b"x", _asker(who)).status for who in ("logger", "ann", "bob", "eve")}
    assert statuses == {"logger": 200, "ann": 200, "bob": 403, "eve": 403}
    assert post(made, access, "ship", b"x", _asker(None)).status == 401
    assert post(made, access, "nosuch", b"x", _asker(None)).status == 401, "names are not told to strangers"
    assert made["ship"].counters.refused == 3 and len(desk.taken) == 2


def test_beyond_localhost_without_tokens_nobody_may() -> None:
    assert post(_listeners(Desk()), Access("0.0.0.0"), "ship", b"x", _asker(None)).status == 401


def test_a_feed_may_not_write_notes() -> None:
    assert not _tokens(logger="feed").may_write(_asker("logger")).allowed


def test_stopped() -> None:
    made = _listeners(Desk())
    asyncio.run(made["ship"].stop())
    assert post(made, Access(), "ship", b"x", LOCAL).status == 503
