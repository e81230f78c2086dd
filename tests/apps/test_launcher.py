"""JupyterLab's boards: a catalog that was edited is opened anew by the next tab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
def room(tmp_path: Path) -> Iterator[Room]:
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
    assert {first.cruise, second.cruise} == {"C1", "C1~2"}, "tabs that are open keep theirs"
    path.write_text("sources: {gps: {driver: workbench, args: {reader: nmea_lok}}}")
    with pytest.raises(CatalogError, match="nmea_log"):
        room.desk(path)
    path.write_text(CATALOG.format(title="one"))
    assert room.desk(path) is not second
