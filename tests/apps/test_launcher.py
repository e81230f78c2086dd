"""JupyterLab's boards: a catalog that was edited is opened anew by the next tab."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.apps import board, desk
from workbench.apps.launcher import Room
from workbench.core.errors import CatalogError

CATALOG = """
metadata:
  cruise: {{id: C1, title: {title}}}
sources:
  gps:
    driver: workbench
    args: {{reader: nmea_log, url: "{{{{ CATALOG_DIR }}}}/gps"}}
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(board, "PATIENCE", 0.0)  # it tells a time and no place: rows never come
    (tmp_path / "gps").mkdir()
    (tmp_path / "gps" / "a").write_text("2025-01-14T20:00:01Z $GPZDA,200001,14,01,2025,00,00\n")
    room = Room(tmp_path)
    yield room
    room.close()


def test_an_edited_catalog_is_opened_anew(room: Room) -> None:
    path = room.root / "c.yaml"
    path.write_text(CATALOG.format(title="one"))
    first = room.desk(path)
    assert room.desk(path) is first, "tabs share it"
    path.write_text(CATALOG.format(title="another"))
    second = room.desk(path)
    assert second is not first
    assert {first.cruise, second.cruise} == {"C1", "C1~2"}
    path.write_text("sources: {gps: {driver: workbench, args: {reader: nmea_lok}}}")
    with pytest.raises(CatalogError, match="nmea_log"):
        room.desk(path)
    path.write_text(CATALOG.format(title="one"))
    assert room.desk(path) is not second


def test_a_desk_of_before_ends_with_its_last_tab(room: Room) -> None:
    path, before = room.root / "c.yaml", set(threading.enumerate())
    path.write_text(CATALOG.format(title="one"))
    first = room.desk(path)
    closed = [room.enter(first), room.enter(first)]
    for title in ("another", "a third", "and a fourth"):
        path.write_text(CATALOG.format(title=title))
        newest = room.desk(path)
        assert {*desk.names()} == {first.cruise, newest.cruise}, "what no tab shows has ended"
    closed[0]()
    assert first.cruise in desk.names()
    closed[1]()
    assert desk.names() == (newest.cruise,)
    room.enter(newest)()
    assert room.desk(path) is newest
    room.close()
    assert desk.names() == ()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("feed")]
