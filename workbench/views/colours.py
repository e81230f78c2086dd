"""Colours and type that every picture shares, for daylight and for the night watch. Nothing here knows Panel.

All palettes are safe for the common kinds of colour blindness; a state is never told by colour alone.
"""

from __future__ import annotations

from typing import Literal

from bokeh.palettes import Cividis256, Viridis256

Theme = Literal["light", "dark"]

FONT = "Inter, Roboto, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"

#: Colour roles. `ink` is text, `muted` secondary text, `line` hairlines, `card` the surface, `accent` data.
ROLES: dict[Theme, dict[str, str]] = {
    "light": {
        "page": "#eef2f5", "card": "#ffffff", "ink": "#16232e", "muted": "#566877", "line": "#d5dde4",
        "grid": "#e6ebef", "accent": "#0b6391", "band": "#0b6391", "land": "#dfe0d8", "coast": "#a9aca1",
        "sea": "#f4f8fa", "whole": "#9aa8b3", "casing": "#ffffff", "alarm": "#b3400a", "fault": "#b3400a", "good": "#0a6b4d",
    },
    "dark": {
        "page": "#0a1016", "card": "#121b23", "ink": "#dde6ed", "muted": "#92a4b2", "line": "#2a3944",
        "grid": "#1d2932", "accent": "#5cb8e4", "band": "#5cb8e4", "land": "#2a322f", "coast": "#53605b",
        "sea": "#0e161d", "whole": "#5d6c78", "casing": "#0a1016", "alarm": "#f5915a", "fault": "#f5915a", "good": "#5fd3a6",
    },
}  # fmt: skip

#: One colour per line, in order (Okabe and Ito, darkened on light and lightened on dark to read as a thin line).
LINES: dict[Theme, tuple[str, ...]] = {
    "light": ("#0b6391", "#b3500a", "#00795a", "#96487a", "#7a6a00", "#2f7fb8"),
    "dark": ("#5cb8e4", "#f0a35a", "#3cc9a0", "#e08fc0", "#d8c84a", "#9ccff0"),
}

#: One colour per population: beads red, what is unknown grey, the others told apart by the colour-blind.
POPULATIONS: dict[str, dict[Theme, str]] = {
    "prochloro": {"light": "#0b6391", "dark": "#5cb8e4"}, "synecho": {"light": "#b3500a", "dark": "#f0a35a"},
    "picoeuk": {"light": "#00795a", "dark": "#3cc9a0"}, "croco": {"light": "#96487a", "dark": "#e08fc0"},
    "beads": {"light": "#c5221f", "dark": "#ff7a70"}, "unknown": {"light": "#7d8a94", "dark": "#8494a0"},
}  # fmt: skip

#: What populations are called on a screen.
NAMES = {
    "prochloro": "Prochlorococcus", "synecho": "Synechococcus", "picoeuk": "Picoeukaryotes", "croco": "Crocosphaera",
    "beads": "Beads", "unknown": "Unknown",
}  # fmt: skip

#: Few particles to many. On white the picture fades towards the paper, on black towards the night.
DENSITY: dict[Theme, tuple[str, ...]] = {"light": tuple(Viridis256[::-1][14:]), "dark": tuple(Viridis256[14:])}
#: A variable along the track.
TRACK: dict[Theme, tuple[str, ...]] = {"light": tuple(Viridis256[8:236]), "dark": tuple(Viridis256[36:])}
#: Where one hue is wanted.
CALM: dict[Theme, tuple[str, ...]] = {"light": tuple(Cividis256), "dark": tuple(Cividis256)}


def population_colour(name: str) -> dict[Theme, str]:
    """The colour of a population in both themes; of one that nobody has heard of, one of the lines'."""
    if name in POPULATIONS:
        return POPULATIONS[name]
    place = sum(name.encode()) % len(LINES["light"])
    return {theme: colours[place] for theme, colours in LINES.items()}
