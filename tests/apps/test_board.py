"""Starting and ending a board; what a page needs of it."""

from __future__ import annotations

import errno
import logging
import socket
import sys

import pytest

from workbench.apps import board
from workbench.apps.board import _origins, serve
from workbench.live.access import Access

CATALOG = """
metadata:
  cruise: {id: EMPTY, ship: R/V Nobody, start: 2024-05-01}
sources:
  ship:
    driver: workbench
    description: Positions.
    args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/nmea"}
"""


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)
    (tmp_path / "nmea").mkdir()
    return path


def test_a_port_in_use_is_said_in_one_sentence(catalog, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(catalog, port=port) == 1
    said = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 is in use" in said
    assert "--port" in said


def test_a_free_port_is_not_let_go_of_before_it_is_served(catalog, monkeypatch) -> None:
    """Who asks for any port is given it by the system: one that was found free may be another's by then."""
    asked = []

    def bind(port, host):
        asked.append(port)
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(board, "bind_sockets", bind)
    assert serve(catalog, port=0) == 1
    assert asked == [0]


def test_an_address_that_is_not_ours_is_said(catalog, capsys) -> None:
    assert serve(catalog, host="192.0.2.1", port=5006) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_origins_of_a_local_board() -> None:
    given = _origins(Access("127.0.0.1", ("ship.example",)), 5006, ["ship.example", "https://b.example:8443/"])
    assert {"localhost:5006", "127.0.0.1:5006", "ship.example:5006", "b.example:8443"} <= set(given)
    assert not any("*" in origin for origin in given)


def test_beyond_localhost_numeric_addresses_are_ours() -> None:
    assert "*.*.*.*:5006" in _origins(Access("0.0.0.0"), 5006, [])


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("tornado.application", "WebSocketClosedError: gone", False),
        ("bokeh.server.views.ws", "Failed sending message as connection was closed", False),
        (
            "bokeh.server.protocol_handler",
            "error handling message\n message: 'PATCH-DOC'\n error: AssertionError()",
            False,
        ),
        ("bokeh.server.protocol_handler", "error handling message\n message: 'PATCH-DOC'\n error: KeyError('x')", True),
        ("tornado.application", "Uncaught exception GET /", True),
    ],
)
def test_closed_tabs_are_no_news(name: str, text: str, kept: bool, caplog) -> None:
    board.quiet()
    with caplog.at_level(logging.WARNING, logger=name):
        logging.getLogger(name).warning(text)
    assert (text in caplog.text) is kept
    logging.getLogger(name).filters.clear()


def test_importing_the_board_brings_no_panel() -> None:
    import subprocess

    code = "import sys, workbench.apps.board; print([m for m in ('panel', 'bokeh', 'datashader') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
