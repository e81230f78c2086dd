"""A browser that never says that its page is drawn: the page is whole and live all the same.

Bokeh says it once the last picture has said so itself, which one that cannot be drawn never does. Here the message is
taken out of the socket.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Tab

pytestmark = pytest.mark.timeout(300)
_TOLD = """() => {
  const {told} = [...Bokeh.documents[0].all_models].find((m) => m.class_name === "GateStage").data
  return told instanceof Map ? Object.fromEntries(told) : told
}"""


@pytest.fixture
def unsaid(open_tab: Callable[..., Tab]) -> Callable[[str], tuple[Tab, list[str]]]:
    """Opens an address; what was taken out is listed."""

    def start(address: str) -> tuple[Tab, list[str]]:
        tab, taken = open_tab("about:blank"), list[str]()

        def between(socket: Any) -> None:
            server = socket.connect_to_server()

            def say(message: str | bytes) -> None:
                if isinstance(message, str) and '"document_ready"' in message:
                    taken.append(message)
                    message = '{"events": []}'
                server.send(message)

            socket.on_message(say)

        tab.page.route_web_socket("**/ws", between)
        tab.page.goto(address)
        return tab, taken

    return start


def test_every_card_comes(board: Any, unsaid: Any, root: Path, data: Path) -> None:
    tab, taken = unsaid(board(root / "catalogs" / "testcruise.yaml", data=data).address)

    def whole() -> None:
        figures = tab.page.evaluate(
            "() => [...Bokeh.documents[0].all_models].filter((m) => m.type === 'Figure').map((m) => m.name ?? '')"
        )
        assert any(name.startswith("series:") for name in figures), figures
        assert tab.page.locator(".card").count() >= 6

    tab.comes(whole)
    tab.shot("unsaid")
    tab.comes(lambda: once(taken))


def test_what_changes_is_told_although_it_is_not_drawn(board: Any, unsaid: Any, root: Path, data: Path) -> None:
    tab, taken = unsaid(f"{board(root / 'catalogs' / 'testcruise.yaml', data=data).address}/gates")
    tab.page.wait_for_selector(".editor[data-state=shown]", timeout=60_000)
    before = tab.page.evaluate(_TOLD)["particles"]
    tab.page.get_by_role("button", name="File", exact=True).click()
    tab.comes(lambda: different(tab.page.evaluate(_TOLD), before))
    tab.comes(lambda: once(taken))


def once(taken: list[str]) -> None:
    assert len(taken) == 1


def different(told: dict[str, Any], before: int) -> None:
    assert told["done"]
    assert told["particles"] != before
