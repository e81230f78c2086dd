"""The documentation as a small site: pages of Markdown, and a reference made from what the code says of itself.

    files = site(parser())          # {"index.html": b"...", ...}; nothing in them asks outside

`pages` turns Markdown into pages, `reference` writes Markdown from docstrings, models and the command line, `serve`
shows it on localhost. Which pages there are, and in which order, stands in ``docs/index.md``.
"""

from workbench.apps.guide.pages import home, site
from workbench.apps.guide.serve import serve, write

__all__ = ["home", "serve", "site", "write"]
