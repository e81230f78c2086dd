// A report's pictures come to life with the board's own components: their helpers (stage.js) and STAGES stand above this.

const told = JSON.parse(document.getElementById("told").textContent)
const root = document.documentElement
if (location.hash === "#paper") root.classList.add("paper")

// theme: what the reader's system says, until they say otherwise; paper is always light
const media = matchMedia("(prefers-color-scheme: dark)")
let chosen = null
const setDark = (dark) => { root.dataset.wbTheme = dark ? "dark" : "light"; document.body.dataset.jpThemeLight = String(!dark) }
const follow = () => setDark(!root.classList.contains("paper") && (chosen ?? media.matches))
follow()
media.addEventListener("change", follow)
document.querySelector(".theme").onclick = () => { chosen = root.dataset.wbTheme !== "dark"; follow() }
addEventListener("beforeprint", () => setDark(false))
addEventListener("afterprint", follow)

// tiles and tables carry the board's own style sheets
for (const el of document.querySelectorAll(".shadow")) {
  const shadow = el.attachShadow({mode: "open"}), css = make("style")
  css.textContent = CSS[el.dataset.css] + `
    :host(.strip) { display: grid !important; grid-template-columns: repeat(auto-fill, minmax(225px, 1fr)); gap: 10px; }
    .cell { height: 116px; } .files { height: auto; overflow: visible; } .files th:last-child, .files table:not(:has(tbody tr:not(.refused))) th:not(:first-child) { visibility: hidden; } td.reason > span { -webkit-line-clamp: none; display: block; overflow-wrap: anywhere; }
    .tile h3 { font-size: 13px; } .tile .value b { font-size: 25px; } .tile .unit { font-size: 13px; } .tile .foot { font-size: 12px; }
    @media (max-width: 700px) { :host(.strip) { grid-template-columns: 1fr 1fr; } }`
  shadow.append(css, el.querySelector("template").content)
}

const ready = () => {
  const doc = globalThis.Bokeh?.documents[0]
  const ids = Object.values(told).flatMap((p) => p.figures)
  return doc && ids.every((id) => Bokeh.index.find_one_by_id(id)) ? doc : null
}
const wait = () => { const doc = ready(); if (doc) begin(doc); else setTimeout(wait, 30) }
if (Object.keys(told).length) wait()
else root.dataset.ready = "true"

async function begin(doc) {
  const model = (id) => doc.get_model_by_id(id)
  const linked = []
  let range = null
  for (const [key, picture] of Object.entries(told)) {
    const frame = document.getElementById(key), figures = picture.figures.map(model)
    if (STAGES[picture.kind]) stage(frame, picture, figures, doc)
    else for (const [i, figure] of figures.entries()) {
      watchTheme(doc, (dark) => repaint(figure, dark))
      guard(frame.querySelectorAll(".plot")[i])
    }
    if (picture.kind === "time") range = figures[0].x_range
    else linked.push(...figures.flatMap((f) => f.renderers.map((r) => r.data_source).filter((s) => s && ["track", "cloud"].includes(s.name))))
    if (picture.levels) await Promise.all(figures.map((f) => picture.levels[f.name] && levelled(f, picture.levels[f.name])))
  }
  if (range) timebar(range, linked)
  else document.querySelector(".timebar").hidden = true
  setTimeout(() => { root.dataset.ready = "true" }, 300)
}

// one of the board's components around figures that are on the page already
function stage(frame, picture, figures, doc) {
  const plots = [...frame.querySelectorAll(".plot")].map((el) => { el.remove(); return el })
  const host = make("div", "host"), shadow = host.attachShadow({mode: "open"}), css = make("style")
  css.textContent = CSS.stage + ".panel > .plot { height: 100%; } .plot > div { width: 100%; height: 100%; } .readout { font-size: 14px !important; } @media print { .fits, .cursor, .mouse { display: none !important; } }"
  const data = picture.kind === "time" ? {figures} : {figure: figures[0]}
  const model = {...picture, data, get_child: () => (picture.kind === "time" ? plots : plots[0]), on: () => {}}
  frame.replaceChildren(host)
  shadow.append(css, STAGES[picture.kind]({model, view: {model: {data, document: doc}}}))
}

// levels: what is seen first, and something finer for those who look closely
async function levelled(figure, pictures) {
  const source = figure.renderers.find((r) => r.name === "picture").data_source
  const made = new Map()
  const image = async (i) => {
    if (!made.has(i)) {
      const p = pictures[i], bytes = Uint8Array.from(atob(p.data), (c) => c.charCodeAt(0))
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
      const raw = new Uint8Array(await new Response(stream).arrayBuffer())
      const array = Bokeh.require("core/util/ndarray").ndarray(raw.buffer, {dtype: "uint8", shape: [p.height, p.width]})
      made.set(i, new Map(Object.entries({image: [array], x: [p.x], y: [p.y], dw: [p.dw], dh: [p.dh]})))
    }
    return made.get(i)
  }
  let shown = -1
  const show = async (i) => {
    if (i === shown) return
    shown = i
    const data = await image(i)
    if (i === shown) source.setv({data}, {check_eq: false})
  }
  const choose = () => {
    const [w, h] = frameOf(figure), x = figure.x_range, y = figure.y_range
    const share = Math.min((x.end - x.start) / pictures[0].dw, (y.end - y.start) / pictures[0].dh)
    const cells = pictures[0].width * share  // cells of the first picture in view
    show(pictures.length > 1 && cells < 0.6 * Math.max(w, h, 300) ? 1 : 0)
  }
  const later = debounce(120, choose)
  for (const r of [figure.x_range, figure.y_range]) for (const p of ["start", "end"]) r.properties[p].change.connect(later)
  await show(0)
  const whole = [figure.x_range.start, figure.x_range.end, figure.y_range.start, figure.y_range.end]
  document.addEventListener("dblclick", (event) => {
    const plot = Bokeh.index.find_one_by_id(figure.id)
    if (!event.composedPath().includes(plot?.el)) return
    figure.x_range.setv({start: whole[0], end: whole[1]})
    figure.y_range.setv({start: whole[2], end: whole[3]})
  })
}

// one time range for all charts; map and diagrams show what lies in it
function timebar(range, sources) {
  const bar = document.querySelector(".timebar"), text = bar.querySelector(".range"), all = bar.querySelector(".all")
  const first = [range.start, range.end]
  const kept = sources.map((s) => plain(s.data))
  const narrow = () => {
    sources.forEach((source, k) => {
      const data = kept[k], time = data.time
      const inside = []
      for (let i = 0; i < time.length; i++) if (time[i] >= range.start && time[i] <= range.end) inside.push(i)
      const whole = inside.length === time.length
      const cut = Object.entries(data).map(([name, column]) => [name, whole ? column : Float64Array.from(inside, (i) => column[i])])
      source.setv({data: new Map(cut)}, {check_eq: false})
    })
  }
  const soon = debounce(200, narrow)
  const say = () => {
    text.textContent = `${stamp(range.start, false)} – ${stamp(range.end, false)} UTC`
    all.disabled = range.start === first[0] && range.end === first[1]
  }
  for (const p of ["start", "end"]) range.properties[p].change.connect(() => { say(); soon() })
  const look = (a, b) => range.setv({start: Math.max(first[0], a), end: Math.min(first[1], b)})
  all.onclick = () => look(...first)
  document.addEventListener("dblclick", (event) => { if (event.composedPath().some((n) => n.classList?.contains("panels"))) look(...first) })
  for (const button of document.querySelectorAll(".show")) button.onclick = () => {
    const a = Number(button.dataset.from), b = Number(button.dataset.to), room = Math.max(900000, (b - a) * 0.5)
    look(a - room, b + room)
    document.getElementById("numbers")?.scrollIntoView()
  }
  say()
}
