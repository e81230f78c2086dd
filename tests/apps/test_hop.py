"""What another thread has to tell a page reaches it, whatever Panel does with the page in that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from bokeh.document import Document
from bokeh.models import Div
from bokeh.server.session import ServerSession
from panel.io.resources import patch_model_css
from tornado.ioloop import IOLoop

from workbench.apps.hop import onto


class Page(Div):
    """Does something in the middle of being looked through."""

    def select(self, selector: Any) -> Any:
        for each in self.meanwhile:
            each()
        return super().select(selector)

    meanwhile: ClassVar[list[Callable[[], object]]] = []


def told(work: Callable[[Document, Callable[[Any], None], Callable[[], None]], object], *, gone: bool = False) -> int:
    """How often the function was called that `work`, given a page's document and hop, hopped with."""
    called: list[Document] = []

    async def live() -> None:
        document = Document()
        document.add_root(Page())
        session = ServerSession("page", document, io_loop=IOLoop.current())
        hop = onto(document, lambda: gone)
        work(document, hop, lambda: called.append(session.document))
        for _ in range(20):
            await asyncio.sleep(0.01)

    asyncio.run(live())
    return len(called)


def by_another(hop: Callable[[Any], None], call: Callable[[], None]) -> None:
    """Hop from another thread; what it raises there is raised here."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(hop, call).result()


def test_from_its_own_thread_and_from_another() -> None:
    assert told(lambda _, hop, call: hop(call)) == 1
    assert told(lambda _, hop, call: by_another(hop, call)) == 1


def test_while_panel_writes_the_style_sheets_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(document: Document, hop: Callable[[Any], None], call: Callable[[], None]) -> None:
        monkeypatch.setattr(Page, "meanwhile", [lambda: by_another(hop, call)])
        patch_model_css(document.roots[0], dist_url="")

    assert told(work) == 1


def test_while_changes_of_the_page_are_held() -> None:
    def work(document: Document, hop: Callable[[Any], None], call: Callable[[], None]) -> None:
        document.hold()
        by_another(hop, call)
        document.callbacks._held_events = []
        document.unhold()

    assert told(work) == 1


def test_a_page_that_is_gone_is_told_nothing() -> None:
    def work(document: Document, hop: Callable[[Any], None], call: Callable[[], None]) -> None:
        document.callbacks.destroy()
        hop(call)
        by_another(hop, call)

    assert told(work, gone=True) == 0


def test_a_loop_that_has_ended_is_no_fault() -> None:
    kept: list[Callable[[], None]] = []
    told(lambda _, hop, call: kept.append(lambda: hop(call)))
    by_another(lambda call: call(), kept[0])


def test_other_faults_are_told() -> None:
    def work(document: Document, hop: Callable[[Any], None], call: Callable[[], None]) -> None:
        document.callbacks.destroy()
        with pytest.raises(AttributeError):
            hop(call)

    assert told(work) == 0
