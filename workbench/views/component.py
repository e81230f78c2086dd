"""What our few JavaScript components share: the theme, the clock, the ticking ages."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from workbench.views.assets import script, style

__all__ = ["Component", "Words", "script", "style"]


class Component(JSComponent):
    """A component whose module is plain JavaScript: the browser takes it as it is, once for all of its kind."""

    __abstract = True

    @classmethod
    def _module_key(cls) -> str:
        return _key(cls.__name__, str(cls._esm))

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        # Without a key, Panel's side of the browser translates TypeScript, for each component again.
        return {**super()._get_properties(doc), "bundle": self._module_key()}


@lru_cache
def _key(name: str, module: str) -> str:
    return f"{name}-{hashlib.sha256(module.encode()).hexdigest()[:16]}"


class Words(Component):
    """A piece of HTML made by Python, set again only when it changed; ages inside it tick in the browser.

    ``data-since="MS"`` marks an age (Unix milliseconds), ``data-clock`` the cruise's clock, ``data-watch`` the
    element that gets the class ``old`` once the age inside it passes ``data-stale`` milliseconds.
    """

    html = param.String(default="", doc="Trusted HTML: whoever makes it escapes what came from files.")
    clock = param.Dict(default={"now": 0, "warp": 1.0}, doc="Cruise time (Unix ms) at the moment it is told, and warp.")

    _esm: ClassVar[str] = script("ages.js", "words.js")
    _stylesheets: ClassVar[list[str]] = [style("words.css")]

    def __init__(self, html: str = "", **params: Any) -> None:
        super().__init__(html=html, **params)

    def say(self, html: str) -> None:
        """Show `html`; equal text sends nothing."""
        if html != self.html:
            self.html = html
