"""The page for an address that leads nowhere: every page is named, the likeliest first, and what was asked for cannot run."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.declared import PAGES
from workbench.views import missing
from workbench.views.links import links

PATHS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80).map(lambda text: f"/{text}")


class Read(HTMLParser):
    """Links, tags and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.hrefs += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data


@given(PATHS, st.sampled_from(["", "time=all", 'a="><script>x</script>&b=1']))
def test_every_page_is_named_wherever_one_went_wrong(path: str, query: str) -> None:
    read, plain = Read(missing.draw(path, cruise="SIM25", query=query)), Read(missing.draw("/"))
    assert read.tags == plain.tags, "nothing of an address becomes HTML"
    assert missing.wrong(path)[:50] in read.words
    asked = "http://ship/board" + "/x" * path.count("/")  # however deep, and behind whatever prefix
    led = [urlsplit(urljoin(asked, href)) for href in read.hrefs]
    assert sorted(part.path for part in led) == sorted(f"/board/{name}" for name in PAGES)
    assert {part.query for part in led} == {query}


@pytest.mark.parametrize(
    ("path", "name"),
    [("/gats", "gates"), ("/Gates", "gates"), ("/x/sciense/", "science"), ("/filters", "filter"), ("/boards", ""),
     ("/instrumnet/x", "instrument"), ("/qqq", None), ("/", None)],
)  # fmt: skip
def test_the_nearest_comes_first(path: str, name: str | None) -> None:
    pages = links()
    first = missing.meant(path, pages)
    assert (first and first.name) == name
    listed = [page.name for page in missing.suggested(path, pages)]
    rest = [page for page in PAGES if page != name]
    assert listed == ([] if name is None else [name]) + rest
    assert ("Did you mean" in missing.sentence(path, pages)) == (name is not None)


def test_each_page_says_what_it_is_for() -> None:
    assert set(missing.ABOUT) == set(PAGES)
