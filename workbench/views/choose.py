"""The head of a card: its title, and what a person may choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import param

from workbench.views.component import Component, script, style


@dataclass(frozen=True)
class Choice:
    """Something to choose.

    Attributes
    ----------
    key : str
    label : str
        Written beside it.
    help : str
        Said to those who cannot see where it stands.
    options : callable
        Gives value to text, as things stand now.
    value : callable
        Gives what is chosen now.
    call : callable
        Told what a person chose.
    several : bool
        Any number may be chosen.
    """

    key: str
    label: str
    help: str
    options: Callable[[], Mapping[str, str]]
    value: Callable[[], Iterable[str]]
    call: Callable[[list[str]], None]
    several: bool = False


class CardHead(Component):
    """Title and choices in one component; native selects, which are thumb-sized pickers on a phone."""

    title = param.String(default="")
    choices = param.List(default=[], doc="key, label, help, several of each.")
    options = param.Dict(default={}, doc="key to [[value, text], ...].")
    values = param.Dict(default={}, doc="key to [value, ...].")
    chosen = param.Dict(default={}, doc="key, value of what a person chose.")

    _esm: ClassVar[str] = script("choose.js")
    _stylesheets: ClassVar[list[str]] = [style("choose.css")]

    def __init__(self, title: str, choices: Iterable[Choice], **params: Any) -> None:
        self._choices = {choice.key: choice for choice in choices}
        told = [
            {"key": c.key, "label": c.label, "help": c.help, "several": c.several} for c in self._choices.values()
        ]  # fmt: skip
        super().__init__(title=title, choices=told, margin=0, css_classes=["cardhead"], **self._told(), **params)

    def _told(self) -> dict[str, Any]:
        options, values = {}, {}
        for key, choice in self._choices.items():
            values[key] = list(choice.value())
            known = dict(choice.options())
            known |= {name: name for name in values[key] if name not in known}
            options[key] = [[value, text] for value, text in known.items()]
        return {"options": options, "values": values}

    def renew(self) -> None:
        """Follow the session."""
        changed = {k: v for k, v in self._told().items() if v != getattr(self, k)}
        if changed:
            self.param.update(**changed)

    @param.depends("chosen", watch=True)
    def _on_chosen(self) -> None:
        choice, value = self._choices.get(self.chosen.get("key", "")), self.chosen.get("value")
        if choice is not None and isinstance(value, list):
            choice.call([str(name) for name in value])
            self.renew()
