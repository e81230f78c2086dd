"""Both editors where the plan cannot be read: they say so, change nothing, and go on once it can."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from workbench.catalog.cruise import open_cruise
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views import plan_hand
from workbench.views.filter_editor import FilterEditor
from workbench.views.gate_editor import GateEditor


@pytest.mark.parametrize("kind", [GateEditor, FilterEditor])
def test_a_plan_that_cannot_be_read_yet(
    kind: Any, simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_hand, "_AGAIN", 0.0)
    here, plan = simulated.parent, tmp_path / "plan"
    text = simulated.read_text().replace("{{ CATALOG_DIR }}/plan", str(plan)).replace("{{ CATALOG_DIR }}", str(here))
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(text)
    feeds = Feeds(open_cruise(catalog))
    feeds["seaflow"].poll()
    editor = kind(Session(feeds), "seaflow")
    editor.card()
    assert "no such file" in editor.stage.state["says"]
    assert editor.stage.state["kind"] == "wrong"
    assert not editor.stage.state["may"]
    assert not editor.stage.state["entries"]

    shutil.copytree(here / "plan", plan)
    editor._renew()
    assert editor.stage.state["may"]
    assert not editor.stage.state["says"]
    assert editor.stage.state["entries"]
    assert editor.hand.held is not None
    editor.session.close()
