"""The report as one HTML file that asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from workbench.reports import sentences, tables
from workbench.reports.content import Content
from workbench.reports.finding import Finding
from workbench.reports.page import page
from workbench.reports.pictures import Picture
from workbench.reports.provenance import Origin
from workbench.views import numbers, say
from workbench.views.icons import MARK


@dataclass
class Section:
    """A chapter.

    Attributes
    ----------
    id, title : str
    html : str
        What stands in it.
    """

    id: str
    title: str
    html: str


@dataclass
class Document:
    """All that a report shows.

    Attributes
    ----------
    content : Content
    kind : str
        What the cover calls it.
    findings : list of Finding
    readings : list of Reading
        KPIs.
    pictures : mapping of str to list of Picture
        By section: cover, numbers, populations, latitude, cytograms, water.
    origins : list of Origin
    versions : mapping
    made : numpy.datetime64
    """

    content: Content
    kind: str
    findings: list[Finding]
    readings: list[numbers.Reading]
    pictures: Mapping[str, list[Picture]]
    origins: list[Origin]
    versions: Mapping[str, str]
    made: np.datetime64
    _told: dict[str, Any] = field(default_factory=dict)
    _count: int = 0

    def html(self) -> str:
        """The whole file."""
        sections = [s for s in (self._happened(), self._numbers(), self._populations(), self._latitude(), self._cytograms(),
                                self._water(), self._files(), self._events(), self._provenance(), self._footnotes()) if s]  # fmt: skip
        cover = self._cover(sections)
        body = cover + "".join(f'<section id="{s.id}"><h2>{escape(s.title)}</h2>{s.html}</section>' for s in sections)
        title = f"{self.content.cruise.id} · {self.kind}"
        return page(title, body, f"SciOps Workbench {self.versions.get('sciops-workbench', '')}", self._told)

    # sections

    def _cover(self, sections: Iterable[Section]) -> str:
        cruise, window = self.content.cruise, self.content.window
        under = " · ".join(text for text in (cruise.ship, cruise.title) if text)
        links = "".join(f'<a href="#{s.id}">{escape(s.title)}</a>' for s in sections if s.id != "footnotes")
        facts = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in self._facts())
        pictures = "".join(self._picture(p) for p in self.pictures.get("cover", []))
        return (
            f'<header><div class="brand">{MARK}<span>{escape(self.kind)}</span>'
            '<button type="button" class="theme" aria-label="Light or dark">◐</button></div>'
            f"<h1>{escape(cruise.id)}</h1><p class=under>{escape(under)}</p>"
            f"<p class=when>{say.period(*window)} UTC</p><dl class=facts>{facts}</dl>{pictures}"
            f"<nav aria-label=Contents>{links}</nav></header>"
            '<div class="timebar" role="toolbar" aria-label="Time range"><span class="range"></span>'
            '<button type="button" class="all">Whole time</button></div>'
        )

    def _facts(self) -> list[tuple[str, str]]:
        window = self.content.window
        days = float((window.stop - window.start) / np.timedelta64(1, "D"))
        faults = sum(f.kind == "fault" for f in self.findings)
        out = [("length", f"{say.number(days, 2)} days" if days >= 2 else say.age(window.stop - window.start))]
        for finding in self.findings:
            if finding.topic == "Track" and finding.kind == "fact":
                out.append(("sailed", f"{say.number(float(finding.numbers[0].value), 3)} nm"))  # type: ignore[arg-type]
                break
        total = sum(int(mosaic.table.sizes.sum()) for mosaic in self.content.raw().values())
        if total:
            out.append(("particles", say.count(total)))
        return [*out, ("to look at", f"{faults} thing{'s' * (faults != 1)}" if faults else "nothing")]

    def _happened(self) -> Section:
        return Section("happened", "What happened", sentences.by_topic(self.findings))

    def _numbers(self) -> Section | None:
        shown = "".join(f'<div class="cell">{numbers.draw(r)}</div>' for r in self.readings)
        strip = f'<div class="shadow strip" data-css="words"><template>{shown}</template></div>' if shown else ""
        pictures = "".join(self._picture(p) for p in self.pictures.get("numbers", []))
        key = (
            '<p class="key"><i class="k-good"></i>expected <i class="k-alarm"></i>to look at <i class="k-night"></i>night</p>'
            if pictures
            else ""
        )
        return Section("numbers", "Numbers to watch", strip + key + pictures) if strip or pictures else None

    def _populations(self) -> Section | None:
        found = self.pictures.get("populations", [])
        if found:
            return Section("populations", "Populations", "".join(self._picture(p) for p in found))
        if not self.content.mosaics:
            return None
        text = "<p class=none>This catalog names no source with populations, so particles are shown as they were counted, without gates.</p>"
        return Section("populations", "Populations", text)

    def _latitude(self) -> Section | None:
        found = self.pictures.get("latitude", [])
        if not found:
            return None
        cells = "".join(f"<div>{self._picture(p)}</div>" for p in found)
        return Section("latitude", "By latitude", f"<div class=pairs>{cells}</div>")

    def _cytograms(self) -> Section | None:
        found = self.pictures.get("cytograms", [])
        text = "<p class=lead>Particles by two channels: the more there are, the stronger the colour. All pictures of a plane zoom together; close up, finer ones take their place.</p>"
        planes = "".join(
            f"<div class=plane>{self._picture(big)}{self._picture(many)}</div>"
            for big, many in zip(found[::2], found[1::2], strict=True)
        )
        return Section("cytograms", "Cytograms", text + planes) if found else None

    def _water(self) -> Section | None:
        found = self.pictures.get("water", [])
        return Section("water", "Temperature and salinity", "".join(self._picture(p) for p in found)) if found else None

    def _files(self) -> Section | None:
        entries = tables.unread(self.content)
        return Section("files", "Files that could not be read", tables.unread_files(entries)) if entries else None

    def _events(self) -> Section | None:
        found = self.content.events
        return Section("events", "Events", tables.events(found)) if found else None

    def _provenance(self) -> Section:
        told = tables.provenance(self.content, self.origins, self.versions, self.made)
        return Section("provenance", "Where it comes from", told)

    def _footnotes(self) -> Section:
        return Section("footnotes", "The numbers behind the sentences", sentences.notes(self.findings))

    # pictures

    def _picture(self, picture: Picture) -> str:
        self._count += 1
        key = f"picture-{self._count}"
        self._told[key] = {"kind": picture.kind, "figures": [plot.id for plot in picture.figures], **dict(picture.told)}
        slots = "".join(
            f'<div class="slot"><div class="plot">@@{plot.id}@@</div>'
            + (f"<span>{escape(picture.captions[i])}</span>" if i < len(picture.captions) else "")
            + "</div>"
            for i, plot in enumerate(picture.figures)
        )
        head = f"<h3>{escape(picture.title)}</h3>" if picture.title and picture.kind != "mosaic" else ""
        caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
        return (
            f'<figure class="picture {picture.kind}" style="--count:{len(picture.figures)};--tall:{picture.tall}px">{head}'
            f'<div class="frame" id="{key}" role="img" aria-label="{escape(picture.alt)}">{slots}</div>{caption}</figure>'
        )

    def whole(self) -> str:
        """`html` with its figures in place."""
        from bokeh.document import Document as BokehDocument
        from bokeh.embed import components

        text = self.html()
        plots = {plot.id: plot for pictures in self.pictures.values() for p in pictures for plot in p.figures}
        if not plots:
            return text.replace("@@SCRIPT@@", "")
        drawn = BokehDocument()
        with drawn.models.freeze():  # else every figure makes Bokeh walk through all of them
            for plot in plots.values():
                drawn.add_root(plot)
        made, divs = components(plots, wrap_script=False)
        for key, div in divs.items():
            text = text.replace(f"@@{key}@@", div, 1)
        return text.replace("@@SCRIPT@@", f"<script>{made.replace('</', chr(60) + chr(92) + '/')}</script>", 1)
