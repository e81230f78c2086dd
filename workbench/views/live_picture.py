"""A picture that many tabs share, asked for over one plain websocket route (``picture.js`` is its other half)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import param

from workbench.views.component import script
from workbench.views.planes import CALLED, COLOURS, WHOLE
from workbench.views.stages import Stage


class LivePicture(Stage):
    """Levels under Bokeh axes, made once for all who ask the same.

    The tab asks ``{source, x, y, time, range, level, have}`` at `path` and draws the one frame that answers. Where
    that route does not exist (a notebook), the question comes in as `asked` and `answer` fills `frame` instead.
    """

    question = param.Dict(default={}, doc="source, x, y, time, perhaps by.")
    colours = param.Dict(
        default=COLOURS, doc="Populations, and lines for those that nobody has heard of: theme -> colour."
    )
    names = param.Dict(default=CALLED, doc="What populations are called.")
    path = param.String(default="live/ws", doc="Websocket route, relative to the page; empty: answer through `frame`.")
    fallback = param.Boolean(default=False, doc="Answer through `frame` when the route cannot be reached at first.")
    level = param.Integer(default=512, doc="Most cells asked for on each axis; a power of two.")
    asked = param.Dict(default={}, doc="A question that came through the page's own connection.")
    frame = param.Bytes(default=b"", doc="The answer to it (raster.encode).")
    plane = param.Integer(default=0, doc="Which of the page's cytograms it is; names its zoom in the URL.")
    whole = param.List(default=[*WHOLE, *WHOLE], doc="What a double click goes back to.")

    _esm: ClassVar[str] = script("stage.js", "frames.js", "groups.js", "picture.js")

    def __init__(self, *, answer: Callable[[dict[str, Any]], Awaitable[bytes]] | None = None, **params: Any) -> None:
        css = [*params.pop("css_classes", []), "picture"]
        super().__init__(css_classes=css, **params)
        self._answer = answer

    @param.depends("asked", watch=True)
    async def _on_asked(self) -> None:
        question = dict(self.asked)
        if self._answer is not None and question:
            frame = await self._answer(question)
            if question == self.asked:  # a newer question has its own answer under way
                self.frame = frame
