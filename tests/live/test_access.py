"""Who may write: nobody from afar without a token, no foreign page, no borrowed name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.live.access import Access, Asker, Token, is_loopback, name_of, read_tokens

HERE = Asker("127.0.0.1", "localhost:5006", "http://localhost:5006")
SECRET = "correct horse"
ANN = Token("Ann", "scientist", hashlib.sha256(SECRET.encode()).hexdigest())
EVE = Token("Eve", "viewer", hashlib.sha256(b"viewer").hexdigest())
ABROAD = Access("0.0.0.0", tokens=(ANN, EVE))


def test_a_page_of_this_machine_writes_to_a_board_of_this_machine() -> None:
    assert Access().may_write(HERE).allowed
    assert Access().may_write(replace(HERE, origin=None)).allowed
    assert Access("::1").may_write(Asker("::1", "[::1]:5006", "http://[::1]:5006")).allowed


@pytest.mark.parametrize("wrong", [
    {"peer": "192.168.1.7"},
    {"forwarded": True},
    {"origin": "http://evil.example"},
    {"origin": "http://localhost:8888"},
    {"origin": "null"},
    {"origin": "http://[bad"},
    {"host": "evil.example:5006", "origin": "http://evil.example:5006"},
    {"host": ""},
    {"host": "127.0.0.1.evil.example"},
])  # fmt: skip
def test_nobody_else_does(wrong: dict[str, object]) -> None:
    verdict = Access().may_write(replace(HERE, **wrong))  # type: ignore[arg-type]
    assert not verdict.allowed
    assert verdict.reason


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.4", "board.ship"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.9"])
def test_beyond_localhost_nobody_writes_without_a_token_file(host: str, peer: str) -> None:
    access = Access(host)
    assert access.read_only
    assert not access.may_write(Asker(peer, "10.0.0.4:5006", "http://10.0.0.4:5006", token=SECRET)).allowed
    assert access.may_read(Asker(peer, "10.0.0.4:5006", "http://10.0.0.4:5006")).allowed


def test_the_right_token_writes_in_its_own_name_from_anywhere() -> None:
    verdict = ABROAD.may_write(Asker("10.0.0.9", "10.0.0.4:5006", token=SECRET))
    assert (verdict.allowed, verdict.who) == (True, "Ann")


@pytest.mark.parametrize("token", [None, "", "wrong", "viewer", SECRET + " ", "ümlaut \udcff"])
def test_no_wrong_or_too_small_token_writes(token: str | None) -> None:
    assert not ABROAD.may_write(Asker("10.0.0.9", "10.0.0.4:5006", token=token)).allowed
    local = Access(tokens=(ANN, EVE))
    assert not local.may_write(replace(HERE, token=token)).allowed


def test_the_right_token_does_not_help_a_foreign_page() -> None:
    asker = Asker("10.0.0.9", "10.0.0.4:5006", "http://evil.example", token=SECRET)
    assert not ABROAD.may_write(asker).allowed


def test_an_empty_token_file_lets_nobody_write() -> None:
    assert not Access("0.0.0.0", tokens=()).may_write(Asker("127.0.0.1", "localhost", token="x")).allowed


def test_names_given_are_known_with_and_without_a_port() -> None:
    access = Access("0.0.0.0", allow_origin=["board.ship", "https://proxy.ship:8443"])
    assert access.may_read(Asker("10.0.0.1", "board.ship:5006", "http://board.ship:5006")).allowed
    assert access.may_read(Asker("10.0.0.1", "localhost:5006", "https://board.ship")).allowed
    assert access.may_read(Asker("10.0.0.1", "proxy.ship", "https://proxy.ship:8443")).allowed
    assert not access.may_read(Asker("10.0.0.1", "localhost:5006", "https://proxy.ship")).allowed
    assert not access.may_read(Asker("10.0.0.1", "other.ship:5006")).allowed


@pytest.mark.parametrize(("address", "loopback"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
    ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("", False), ("fe80::1%eth0", False), ("localhost.evil", False),
])  # fmt: skip
def test_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


@given(st.text(max_size=30))
def test_any_host_header_is_understood_or_not_but_never_raises(text: str) -> None:
    name_of(text)
    Access().may_write(Asker("127.0.0.1", text, text))


def test_a_token_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# who may write\n\nAnn scientist {ANN.digest.upper()}  # chief\nBuoy feed {EVE.digest}\n")
    assert read_tokens(path) == (ANN, Token("Buoy", "feed", EVE.digest))


@pytest.mark.parametrize(("line", "why"), [
    ("Ann scientist", "2 words instead of 3"),
    (f"Ann scientst {ANN.digest}", "Did you mean 'scientist'"),
    ("Ann scientist abc", "not a SHA-256"),
    (f"Ann scientist {ANN.digest}\nAnn viewer {EVE.digest}", "twice"),
])  # fmt: skip
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# tokens\n{line}\n")
    number = 2 + line.count("\n")
    with pytest.raises(WorkbenchError, match=f":{number}: .*{why}"):
        read_tokens(path)


def test_a_missing_token_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="cannot be read"):
        read_tokens(tmp_path / "none")
