"""The text of our scripts and style sheets. Nothing here knows Panel."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from workbench.views.colours import ROLES

_HERE = Path(__file__).parent


@lru_cache
def script(*names: str) -> str:
    """The text of an ES module: the colour roles, ``theme.js``, then the named files."""
    parts = [f"const ROLES = {json.dumps(ROLES)}\n"]
    parts += [(_HERE / name).read_text(encoding="utf-8") for name in ("theme.js", *names)]
    return "\n".join(parts)


@lru_cache
def style(name: str) -> str:
    """The text of a style sheet beside this file."""
    return (_HERE / name).read_text(encoding="utf-8")
