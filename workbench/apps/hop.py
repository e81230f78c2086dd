"""From whatever thread onto the document of a page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bokeh.document import Document


def onto(document: Document, gone: Callable[[], bool]) -> Callable[[Callable[[], Any]], None]:
    """What calls a function on `document`, soon, with its lock; to be made where the document is, on its event loop.

    Parameters
    ----------
    document : bokeh.document.Document
    gone : callable
        True once the page was closed: what is still to be called then is not.

    Returns
    -------
    callable
        Takes a function of no arguments. From another thread it goes over the event loop: Bokeh would take it, too, but
        while Panel writes the page's style sheets it throws away what it is told (`patch_model_css`), and a picture
        that was counted in that moment would be waited for for ever.
    """
    home = threading.get_ident()
    loop: asyncio.AbstractEventLoop | None = None
    with suppress(RuntimeError):
        loop = asyncio.get_running_loop()

    def add(call: Callable[[], Any]) -> None:
        try:
            document.add_next_tick_callback(call)
        except AttributeError:  # of a document that is gone: the tab was closed while the feeds told it something
            if not gone():
                raise

    def hop(call: Callable[[], Any]) -> None:
        if loop is None or threading.get_ident() == home:
            add(call)
        else:
            with suppress(RuntimeError):  # the loop has ended, and the page with it
                loop.call_soon_threadsafe(add, call)

    return hop
