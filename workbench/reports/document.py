"""The report as one HTML file that asks nobody for anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from workbench.reports.content import Content
from workbench.reports.finding import Finding
from workbench.reports.findings import topics, value_text
from workbench.reports.pictures import Picture
from workbench.reports.provenance import Origin, catalog_sum, size_text
from workbench.views import files, numbers, say
from workbench.views.component import script, style
from workbench.views.icons import MARK, icon
from workbench.views.paint import FONT, ROLES

_HERE = Path(__file__).parent
#: What the browser may do: run what stands in the file, show what stands in the file.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
#: Readers of particles that were chosen among raw ones: not counted twice.
_CHOSEN = ("seaflow_opp", "seaflow_vct")
_STAGES = {"map": "map.js", "time": "time.js"}


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
        return (
            "<!doctype html>\n"
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
            f'<meta name="generator" content="SciOps Workbench {escape(self.versions.get("sciops-workbench", ""))}">'
            f"<style>{_colours()}\n{_text('report.css')}</style></head>\n<body>{body}\n{self._scripts()}</body></html>\n"
        )

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
        counts = {name: int(mosaic.table.sizes.sum()) for name, mosaic in self.content.mosaics.items()}
        raw = {name: n for name, n in counts.items() if self.content.cruise[name].reader not in _CHOSEN}
        total = sum((raw or counts).values())
        if total:
            out.append(("particles", say.count(total)))
        return [*out, ("to look at", f"{faults} thing{'s' * (faults != 1)}" if faults else "nothing")]

    def _happened(self) -> Section:
        groups = []
        for topic, found in topics(self.findings).items():
            items = "".join(self._sentence(f) for f in found)
            groups.append(f"<div class=topic><h3>{escape(topic)}</h3><ul>{items}</ul></div>")
        lead = "<p class=lead>Every sentence is made from numbers; open it to see which. ↔ shows its time in the charts.</p>"
        return Section("happened", "What happened", lead + "".join(groups))

    def _sentence(self, finding: Finding) -> str:
        number = self.findings.index(finding) + 1
        sign = {"fault": icon("up"), "change": icon("note"), "fact": icon("none")}[finding.kind]
        word = {"fault": "To look at: ", "change": "", "fact": ""}[finding.kind]
        a, b = (say.milliseconds(t) for t in finding.window)
        show = (
            f'<button type="button" class="show" data-from="{a:.0f}" data-to="{b:.0f}" title="Show this time in the charts" aria-label="Show this time in the charts">↔</button>'
            if b > a
            else ""
        )
        return (
            f'<li class="finding {finding.kind}"><details><summary>{sign}<span><span class=vh>{word}</span>{escape(finding.text)}'
            f'<sup><a href="#note-{number}">{number}</a></sup></span></summary>{_numbers(finding)}</details>{show}</li>'
        )

    def _numbers(self) -> Section | None:
        shown = "".join(f'<div class="cell">{numbers.draw(r)}</div>' for r in self.readings)
        strip = f'<div class="shadow strip" data-css="words">{_template(shown)}</div>' if shown else ""
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
        text = "<p class=lead>Particles by two channels, few to many from pale to dark. All pictures of a plane zoom together; close up, finer ones take their place.</p>"
        planes = "".join(
            f"<div class=plane>{self._picture(big)}{self._picture(many)}</div>"
            for big, many in zip(found[::2], found[1::2], strict=True)
        )
        return Section("cytograms", "Cytograms", text + planes) if found else None

    def _water(self) -> Section | None:
        found = self.pictures.get("water", [])
        return Section("water", "Temperature and salinity", "".join(self._picture(p) for p in found)) if found else None

    def _files(self) -> Section | None:
        entries = []
        for name, mosaic in self.content.mosaics.items():
            for line in mosaic.refused:
                path, _, reason = line.partition(": ")
                entries.append(files.Entry(f"{name}: {path}", reason=reason))
            table = mosaic.table
            entries += [
                files.Entry(table.names[i], np.datetime64(int(table.times[i]), "ns"), 0)
                for i in np.flatnonzero(table.sizes == 0).tolist()
            ]
        if not entries:
            return None
        listed = files.draw(entries[:200], live=False)
        more = f"<p class=none>and {len(entries) - 200} more</p>" if len(entries) > 200 else ""
        html = f'<div class="shadow files" data-css="words">{_template(listed)}</div>{more}'
        return Section("files", "Files that could not be read", html)

    def _events(self) -> Section | None:
        events = self.content.events
        if not events:
            return None
        rows = "".join(
            f"<tr><td>{say.moment(e.time)}</td><td>{escape(e.text)}</td><td>{escape(e.source)}</td><td>{escape(e.who)}</td></tr>"
            for e in events
        )
        head = "<tr><th>Time (UTC)</th><th>Event</th><th>About</th><th>Who</th></tr>"
        return Section("events", "Events", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")

    def _provenance(self) -> Section:
        cruise = self.content.cruise
        rows = "".join(_origin_row(origin) for origin in self.origins)
        head = "<tr><th>Source</th><th>Rows</th><th>From – to (UTC)</th><th>Made of</th><th>Checksum</th></tr>"
        made = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in self.versions.items())
        catalog = f"<p>Catalog <b>{escape(cruise.path.name)}</b>, sha256 <code>{catalog_sum(self.content)}</code>. Made {say.moment(self.made)} UTC.</p>"
        return Section(
            "provenance", "Where it comes from",
            f"{catalog}<div class=scroll><table class=origins><thead>{head}</thead><tbody>{rows}</tbody></table></div><dl class=facts>{made}</dl>",
        )  # fmt: skip

    def _footnotes(self) -> Section:
        rows = "".join(
            f'<tr id="note-{i}"><th>{i}</th><td>{escape(f.text)}</td><td>{_inline(f)}</td></tr>'
            for i, f in enumerate(self.findings, 1)
        )
        head = "<tr><th></th><th>Sentence</th><th>Numbers, source and rule</th></tr>"
        return Section(
            "footnotes",
            "The numbers behind the sentences",
            f"<table class=notes><thead>{head}</thead><tbody>{rows}</tbody></table>",
        )

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

    def _scripts(self) -> str:
        from bokeh.resources import Resources

        bokeh = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)  # `render_js` adds what Panel loads
        told = json.dumps(self._told, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
        css = json.dumps({"words": style("words.css"), "stage": style("stage.css")}).replace("</", "<\\/")
        stages = ",".join(f"{kind}: {_stage(name)}" for kind, name in _STAGES.items())
        return (
            f"<script>{bokeh}</script>\n"
            f'<script type="application/json" id="told">{told}</script>\n'
            f"<script>(() => {{\n{_plain('stage.js', 'map_box.js')}\nconst CSS = {css}\nconst STAGES = {{{stages}}}\n{_text('report.js')}\n}})()</script>\n@@SCRIPT@@"
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


def _stage(name: str) -> str:
    """The board's own component as a function; its helpers stand in the script around it."""
    body = (Path(str(_views())) / name).read_text(encoding="utf-8").replace("export function render", "function render")
    return f"(() => {{\n{body}\nreturn render\n}})()"


def _views() -> Path:
    import workbench.views.component as component

    return Path(component.__file__).parent


def _plain(*names: str) -> str:
    return script(*names)


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _colours() -> str:
    def rule(theme: str) -> str:
        return ";".join(f"--wb-{role}:{value}" for role, value in ROLES[theme].items())  # type: ignore[index]

    return (
        f":root{{{rule('light')};--font:{FONT}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-wb-theme=light]){{{rule('dark')}}}}}\n"
        f":root[data-wb-theme=dark]{{{rule('dark')}}}"
    )


def _template(html: str) -> str:
    return f"<template>{html}</template>"


def _numbers(finding: Finding) -> str:
    rows = "".join(
        f"<tr><th>{escape(n.label)}</th><td>{escape(value_text(n.value, n.unit))}</td></tr>" for n in finding.numbers
    )
    about = f"<tr><th>source</th><td>{escape(finding.source)}</td></tr><tr><th>rule</th><td>{escape(finding.rule)}</td></tr>"
    return f"<table class=behind>{rows}{about}</table>"


def _inline(finding: Finding) -> str:
    told = "; ".join(f"{n.label} <b>{escape(value_text(n.value, n.unit))}</b>" for n in finding.numbers)
    return f"{told}. <i>{escape(finding.source)}</i>: {escape(finding.rule)}."


def _origin_row(origin: Origin) -> str:
    span = say.period(*origin.span) if origin.span else "–"
    told = "".join(
        f"<div>{escape(k)}: {escape(_argument(v))}</div>" for k, v in origin.arguments.items() if v is not None
    )
    summed = (
        f"<code>{origin.checksum}</code><div class=of>{escape(origin.of)}</div>"
        if origin.checksum
        else escape(origin.of)
    )
    held = (
        f"{say.count(origin.files)} file{'s' * (origin.files != 1)}, {size_text(origin.size)}" if origin.files else ""
    )
    return (
        f"<tr><th>{escape(origin.name)}<div class=of>{escape(origin.description)}</div></th><td>{say.count(origin.rows)}</td>"
        f"<td>{span}</td><td>{told}<div class=of>{held}</div></td><td>{summed}</td></tr>"
    )


def _argument(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={_argument(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)


def asked_for(html: str) -> list[str]:
    """Addresses in a page that a browser would ask for; none in a report."""
    found = re.findall(
        r"""<(?:script|link|img|iframe|audio|video|source|object|embed)\b[^>]*?\b(?:src|href|data)\s*=\s*["']?([^"'\s>]+)""",
        html,
        re.IGNORECASE,
    )
    found += re.findall(r"""url\(\s*["']?((?:https?:)?//[^"')]+)""", html)
    found += re.findall(r"""@import\s+["']?([^"';]+)""", html)
    return [address for address in found if not address.startswith(("data:", "#", "blob:"))]
