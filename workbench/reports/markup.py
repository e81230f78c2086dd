"""Text as HTML that breaks where people would break it: no time, file name or number with its unit is torn apart."""

from __future__ import annotations

import re
from html import escape

#: A time or the name of a file after one; a number with thousands apart; a number and what follows it closely.
_WHOLE = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d-\d\d-\d\d[-+]\d\d-\d\d|[ T]\d\d:\d\d(?::\d\d)?)?"
    r"|\d[\d.,\u2009]*(?: (?:%|°C|/s|/µL|psi|kn|nm|µm|min|h|s|d|UTC)(?![\w]))"
    r"|\d+(?:\u2009\d{3})+"
)
_CODE = re.compile(r"`([^`\n]+)`")


def kept_together(text: str) -> str:
    """Escaped; what must stand on one line is marked so."""
    return _whole(escape(text))


def prose(text: str) -> str:
    """Escaped, with ```` `code` ```` as code: words of a catalog."""
    return _whole(_CODE.sub(r"<code>\1</code>", escape(text)))


def breakable(text: str) -> str:
    """Escaped; a path breaks after its slashes."""
    return re.sub(r"(?<=[^/:<])/(?=[^/ ])", "/<wbr>", escape(text))


def _whole(html: str) -> str:
    return _WHOLE.sub(r"<span class=nb>\g<0></span>", html)
