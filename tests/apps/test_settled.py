"""Pages that are drawn stand aside from garbage collection, lighter than before, and are found again once closed."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from workbench.apps import settled
from workbench.apps.settled import Settled, lighten


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


class Page:
    """What refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def drawn() -> Document:
    document = Document()
    plot = figure(name="one")
    plot.line("x", "y", source=ColumnDataSource({"x": [1.0], "y": [2.0]}))
    document.add_root(plot)
    return document


def _values(model: Model) -> dict[str, Any]:
    found = {}
    for name in model.properties():
        with suppress(UnsetValueError):
            found[name] = getattr(model, name)
    return found


def test_a_lighter_page_is_the_same_page() -> None:
    document = drawn()
    before = document.to_json()
    values = {model.id: _values(model) for model in document.models}
    assert lighten(document) > 20
    assert document.to_json() == before
    for model in document.models:  # what was let go of is made again, equal; no model is another one
        assert _values(model) == values[model.id]
    document.roots[0].tags.append("later")
    assert lighten(document) > 0
    assert document.roots[0].tags == ["later"]


async def _until(true: Callable[[], bool], patience: float = 60.0) -> bool:
    end = time.monotonic() + patience
    while not true() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return true()


def test_pages_are_set_aside_and_found_when_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "DRAWN", 0.01)
    monkeypatch.setattr(settled, "LEAST", 0.01)
    monkeypatch.setattr(settled, "TIMES", 0.0)
    pages, documents = Settled(), [drawn() for _ in range(20)]
    alive = weakref.ref(page := Page())

    def empties() -> int:
        return sum(len(model._unstable_default_values) for model in documents[-1].models)

    async def live() -> None:
        before = empties()
        pages.begin()
        for document in documents:
            pages.opened(document)
        assert await _until(lambda: empties() < before)
        pages.closed(documents[0])
        await asyncio.sleep(0.1)
        assert alive() is not None, "one of twenty is not worth a look among all"
        pages.closed(documents[1])
        assert await _until(lambda: alive() is None)

    gc.disable()
    try:
        gc.freeze()
        del page
        monkeypatch.setattr(Settled, "begin", lambda self: setattr(self, "on", True))
        asyncio.run(live())
    finally:
        gc.enable()


def test_a_page_closed_before_it_was_drawn_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, document, told = Settled(), drawn(), []
    monkeypatch.setattr(settled, "DRAWN", 0.01)

    async def live() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        pages.on = True
        pages.opened(document)
        document.models.destroy()  # as its server does
        pages.closed(document)
        await asyncio.sleep(0.1)

    asyncio.run(live())
    assert not told


def test_where_nobody_began_nothing_is_set_aside() -> None:
    pages, before = Settled(), gc.get_freeze_count()

    async def live() -> None:
        pages.opened(document := drawn())
        pages.closed(document)
        await asyncio.sleep(0)

    asyncio.run(live())
    assert gc.get_freeze_count() == before
