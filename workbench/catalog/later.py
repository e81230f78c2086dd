"""Parts that are planned. A key that asks for one is told so, never accepted and ignored."""

from __future__ import annotations

#: Keys of later versions, by where they stand.
LATER: dict[str, tuple[str, ...]] = {
    "top": ("tasks", "alarms", "rules", "shore", "mirrors", "products", "listeners", "parameters"),
    "metadata": ("tasks", "alarms", "rules", "shore", "mirrors", "notices", "actions", "products"),
    "cruise": ("instruments", "people", "plan"),
    "entry": ("parameters", "cache", "tasks", "alarms"),
    "args": ("bucket", "query"),
    "kpi": ("alarm", "notify", "product"),
}
#: Readers of later versions.
LATER_READERS = ("fcs", "underway", "sbe_cnv")
