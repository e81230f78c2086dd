"""A handful of inline SVG signs; no icon font, nothing asked for from anywhere."""

from __future__ import annotations

_PATHS = {
    "ok": '<path d="M2.5 8.5l3.5 3.5 7-8"/>',
    "up": '<path d="M8 1.8 15 14H1z" class="f"/><path d="M8 6v4M8 12v.1" class="k"/>',
    "down": '<path d="M8 14.2 1 2h14z" class="f"/><path d="M8 4v4M8 10v.1" class="k"/>',
    "old": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.5V8l2.5 1.8"/>',
    "none": '<path d="M2.5 8h11"/>',
    "fault": '<path d="M5 1.5h6L14.5 5v6L11 14.5H5L1.5 11V5z" class="f"/><path d="M8 4.5v4M8 11v.1" class="k"/>',
    "live": '<circle cx="8" cy="8" r="4.5" class="f"/>',
    "end": '<rect x="3.5" y="3.5" width="9" height="9" class="f"/>',
    "back": '<path d="M6 3v10M11 3v10" stroke-width="2.6"/>',
    "note": '<path d="M3 2.5h10v8l-3 3H3z M10 13.5v-3h3 M5.5 5.5h5 M5.5 8h3"/>',
}


def icon(name: str) -> str:
    """An SVG sign in the colour of the text around it."""
    return f'<svg class="icon {name}" viewBox="0 0 16 16" aria-hidden="true">{_PATHS[name]}</svg>'


#: The mark of the workbench: a hull on a wave under a rising particle cloud.
MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><g fill="currentColor">'
    '<circle cx="11" cy="10" r="1.5"/><circle cx="16" cy="6" r="2"/><circle cx="20.5" cy="10.5" r="1.3"/>'
    '<circle cx="15.5" cy="12" r="1.1"/><circle cx="24" cy="6.5" r="1"/></g>'
    '<path d="M4 17h24l-4 7H9z" fill="currentColor"/><path d="M3 28q3.25-3 6.5 0t6.5 0 6.5 0 6.5 0" fill="none" '
    'stroke="currentColor" stroke-width="2" stroke-linecap="round"/></svg>'
)
