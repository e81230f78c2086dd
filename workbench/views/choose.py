"""What a person chooses on a card: one of several names, or any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from workbench.views.component import script, style


class Choose(JSComponent):
    """The browser's own select (a thumb-sized picker on a phone), or check boxes where several may be chosen."""

    options = param.List(default=[], doc="[value, text] of each, in order.")
    value = param.List(default=[], item_type=str, doc="What is chosen.")
    several = param.Boolean(default=False)
    label = param.String(default="")
    help = param.String(default="")

    _esm: ClassVar[str] = script("choose.js")
    _stylesheets: ClassVar[list[str]] = [style("choose.css")]

    def __init__(
        self, options: Mapping[str, str], value: Iterable[str], call: Callable[[list[str]], None], **params: Any
    ) -> None:
        """`options` maps value to text; `call` is told what a person chose."""
        chosen = list(value)
        super().__init__(options=_listed(options, chosen), value=chosen, margin=0, css_classes=["choose"], **params)
        self._telling = False
        self.param.watch(lambda event: None if self._telling else call(event.new), "value")

    def show(self, value: Iterable[str], options: Mapping[str, str] | None = None) -> None:
        """Follow the session; nothing is told back."""
        chosen = list(value)
        listed = _listed(options, chosen) if options is not None else self.options
        self._telling = True
        try:
            if listed != self.options:
                self.options = listed
            if chosen != self.value:
                self.value = chosen
        finally:
            self._telling = False


def _listed(options: Mapping[str, str], chosen: Iterable[str]) -> list[list[str]]:
    unknown = {name: name for name in chosen if name not in options}
    return [[value, text] for value, text in {**options, **unknown}.items()]
