// The gate editor: what a hand draws is shown at once and told; counts, pictures and the cruise follow from the server.
// Python holds the draft; here is only what is being drawn at this moment and what is dimmed or selected.

const MEMORY = new WeakMap()   // of a model whose figures are made anew
const BACK = "M6 4 3 7l3 3M3 7h6a4 4 0 0 1 0 8H7", FORTH = "M10 4l3 3-3 3M13 7H7a4 4 0 0 0 0 8h2"
const EARLIER = "M10 3 5 8l5 5", LATER = "M6 3l5 5-5 5"

export function render({model, view}) {
  const el = make("div", "editor"), stops = []
  el.tabIndex = -1
  const mine = MEMORY.get(view.model) ?? {selected: "", point: -1, seen: new Map(), n: 0}
  MEMORY.set(view.model, mine)
  const deep = (v) => (v instanceof Map ? deep(Object.fromEntries(v)) : Array.isArray(v) ? v.map(deep) : v && typeof v === "object" && v.constructor === Object ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, deep(x)])) : v)
  let gates = deep(model.gates), base = deep(model.base), state = deep(model.state), told = deep(model.told)
  let drawing = null, hand = false, pending = null, inflight = 0, since = 0
  let dark = false
  const theme = () => (dark ? "dark" : "light")
  const colours = deep(model.colours), names = deep(model.names)
  const figures = () => view.model.data.figures

  const ctx = {
    gates: () => gates, base: () => base, state: () => state, told: () => told,
    selected: () => mine.selected, point: () => mine.point, may: () => Boolean(state.may), drawing: () => drawing,
    planes: () => deep(model.planes), known: () => Object.keys(colours.known).filter((n) => n !== "unknown"),
    compared: () => state.compared ?? "",
    label: (name) => names[name] ?? name,
    colour: (name) => colours.known[name]?.[theme()] ?? colours.others[theme()][[...new TextEncoder().encode(name)].reduce((a, b) => a + b, 0) % colours.others[theme()].length],
    card: () => ROLES[theme()].card,
    seen: (name) => mine.seen.get(name) ?? 0,
    look: (name) => { mine.seen.set(name, (ctx.seen(name) + 1) % 3); pictures.draw() },
    select: (name) => { mine.selected = name; mine.point = -1; el.focus({preventScroll: true}); show() },
    pick: (i) => { if (mine.point !== i) { mine.point = i; show() } },
    expect: (name) => { mine.expected = name },
    ask: (what) => { later.now(); model.asked = {population: mine.selected, point: mine.point, ...what, n: ++mine.n} },
    reshape: (name, vertices, final) => {
      const gate = gates.find((g) => g.population === name)
      if (!gate || !ctx.may()) return
      gate.vertices = vertices
      hand = final !== true
      show()
      if (final === "soon") { send(name, false); later.start(name) }
      else { later.stop(); send(name, final) }
    },
    without: (name, i) => {
      const gate = gates.find((g) => g.population === name)
      if (!ctx.may() || !gate || i < 0 || gate.vertices.length <= 3) return
      ctx.reshape(name, gate.vertices.filter((_, k) => k !== i), true)
      ctx.to(name, Math.min(i, gate.vertices.length - 1))
    },
    another: (name, i) => {
      const gate = gates.find((g) => g.population === name)
      if (!ctx.may() || !gate?.vertices.length) return
      const at = Math.min(i, gate.vertices.length - 1)
      ctx.reshape(name, [...gate.vertices.slice(0, at + 1), middle(gate.vertices, at).map(tidy), ...gate.vertices.slice(at + 1)], true)
      ctx.to(name, at + 1)
    },
    // The current point, with the focus where its neighbours had it.
    to: (name, i) => { ctx.pick(i); if (overlays.some((o) => o.svg.contains(el.getRootNode().activeElement))) for (const o of overlays) o.focus(name, i) },
    begin: (name, [x, y]) => { drawing = {name, x, y, vertices: []}; mine.selected = ""; show(); el.focus({preventScroll: true}); overlays.find((o) => o.name === `${x},${y}`)?.svg.scrollIntoView({block: "nearest", behavior: "smooth"}) },
    place: (vertex) => { drawing.vertices.push(vertex); show() },
    finish: () => {
      if (!drawing || drawing.vertices.length < 3) return
      const {name, x, y, vertices} = drawing
      const clean = vertices.filter((v, i) => !i || v.join() !== vertices[i - 1].join())
      drawing = null
      mine.expected = name
      ctx.ask({do: "add", name, x, y, vertices: clean})
      show()
    },
  }
  // A key held down is one step to undo: the last position is told as final once the hand rests.
  let resting = null
  const later = {
    start: (name) => { clearTimeout(resting?.timer); resting = {name, timer: setTimeout(later.now, 500)} },
    now: () => { if (!resting) return; const {name} = resting; later.stop(); hand = false; send(name, true) },
    stop: () => { clearTimeout(resting?.timer); resting = null },
  }
  const send = (name, final) => {
    pending = {population: name, vertices: gates.find((g) => g.population === name)?.vertices ?? [], final}
    pump()
  }
  // One question under way at a time; only the newest waits. The end of a drag never waits.
  const pump = () => {
    if (!pending || (inflight && !pending.final && performance.now() - since < 400)) return
    inflight = ++mine.n
    since = performance.now()
    const {population, vertices, final} = pending
    pending = null
    model.drawn = {population, vertices: vertices.map((v) => [...v]), final, n: inflight}
    setTimeout(pump, 420)
  }

  // what stands above
  const bar = make("div", "bar"), scopes = make("div", "segments"), when = make("span", "when")
  scopes.setAttribute("role", "group")
  scopes.setAttribute("aria-label", "Particles of")
  const scopeButtons = [["file", "File"], ["hour", "Hour"], ["range", "Range"]].map(([key, text]) => {
    const b = make("button", null, text)
    b.title = {file: "Particles of one file", hour: "Particles of one hour", range: "Particles of the page's time range"}[key]
    b.onclick = () => ctx.ask({do: "scope", scope: key})
    scopes.append(b)
    return [key, b]
  })
  const earlier = iconButton(EARLIER, "Earlier", () => ctx.ask({do: "step", by: -1})), further = iconButton(LATER, "Later", () => ctx.ask({do: "step", by: 1}))
  const now = make("button", "now", "Newest")
  now.title = "The newest particles"
  now.onclick = () => ctx.ask({do: "now"})
  const undo = iconButton(BACK, "Undo (Ctrl+Z)", () => ctx.ask({do: "undo"})), redo = iconButton(FORTH, "Redo (Ctrl+Shift+Z)", () => ctx.ask({do: "redo"}))
  const snap = make("button", "snap", "Take these gates")
  snap.title = "Draw on from the gates that hold here"
  snap.onclick = () => ctx.ask({do: "snap"})
  const holds = make("span", "holding")
  const steps = make("span", "steps")
  steps.append(earlier, when, further)
  bar.append(scopes, steps, now, make("span", "gap"), holds, snap, undo, redo)

  const says = make("div", "says"), sign = make("form", "sign"), token = make("input"), enter = make("button", null, "Sign in")
  says.setAttribute("role", "status")
  token.type = "password"
  token.placeholder = "Token of a scientist"
  token.setAttribute("aria-label", "Token")
  token.autocomplete = "off"
  enter.type = "submit"
  sign.append(token, enter)
  sign.onsubmit = (event) => { event.preventDefault(); model.asked = {do: "sign", token: token.value, n: ++mine.n}; token.value = "" }
  const words = make("span")
  says.append(words, sign)

  const list = listOf(ctx), plan = planOf(ctx)
  const planes = make("div", "planes"), body = make("div", "body"), lower = make("div", "lower"), chart = make("div", "chart"), chartHead = make("div", "charthead")
  const overlays = []
  model.get_child("figures").forEach((child, i) => {
    const cell = make("div", "plane"), cover = make("div", "cover")
    cell.append(child)
    planes.append(cell)
    stops.push(guard(child))
    const overlay = planeOf(ctx, figures()[i], cell, deep(model.planes)[i] ?? ["", ""])
    cell.append(cover)
    overlays.push(overlay)
    const figure = figures()[i], again = () => overlay.render()
    const watch = (signal) => { signal.connect(again); stops.push(() => signal.disconnect(again)) }
    for (const p of ["inner_width", "inner_height"]) watch(figure.properties[p].change)
    for (const r of [figure.x_range, figure.y_range]) for (const p of ["start", "end"]) watch(r.properties[p].change)
    const sizes = new ResizeObserver(() => requestAnimationFrame(again))
    sizes.observe(cell)
    stops.push(() => sizes.disconnect())
    const zoom = debounce(220, () => {
      const {x_range: x, y_range: y} = figure
      model.asked = {do: "zoom", plane: i, range: [x.start, x.end, y.start, y.end], n: ++mine.n}
    })
    for (const r of [figure.x_range, figure.y_range]) for (const p of ["start", "end"]) {
      const changed = r.properties[p].change
      changed.connect(zoom)
      stops.push(() => changed.disconnect(zoom))
    }
    stops.push(zoom.stop)
    cell.addEventListener("dblclick", () => { const w = deep(model.whole); setRange(figure.x_range, w[0], w[1]); setRange(figure.y_range, w[2], w[3]) })
  })
  const pen = make("div", "penhelp"), penWords = make("span"), box = make("button", null, "Box"), close = make("button", null, "Close"), cancel = make("button", null, "Cancel")
  box.title = "A box in the middle, to be shaped by its points"
  box.onclick = () => {
    const o = overlays.find((p) => p.name === `${drawing.x},${drawing.y}`), [cx, cy] = o.centre(), [w, h] = o.span()
    drawing.vertices = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [tidy(toLinear(cx + a * w * 0.08)), tidy(toLinear(cy + b * h * 0.08))])
    ctx.finish()
  }
  close.onclick = ctx.finish
  cancel.onclick = () => { drawing = null; show() }
  pen.append(penWords, box, close, cancel)
  chart.append(chartHead, model.get_child("series"))
  body.append(list.el, planes)
  lower.append(chart, plan.el)
  el.append(bar, says, pen, body, lower)

  chart.addEventListener("click", (event) => {
    const figure = view.model.data.series, plot = Bokeh.index.find_one_by_id?.(figure.id), frame = plot?.frame
    if (!frame) return
    const r = plot.el.getBoundingClientRect(), x = event.clientX - r.left, y = event.clientY - r.top
    if (frame.bbox.left <= x && x <= frame.bbox.right && frame.bbox.top <= y && y <= frame.bbox.bottom) ctx.ask({do: "time", time: frame.x_scale.invert(x)})
  })
  el.addEventListener("keydown", (event) => {
    const typing = /INPUT|TEXTAREA|SELECT/.test(event.composedPath()[0]?.tagName ?? "")
    const z = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z", y = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y"
    if (typing) return
    if (z || y) { event.preventDefault(); ctx.ask({do: y || event.shiftKey ? "redo" : "undo"}) }
    else if (drawing && event.key === "Enter" && !/BUTTON/.test(event.composedPath()[0]?.tagName ?? "")) { event.preventDefault(); if (drawing.vertices.length) ctx.finish(); else box.onclick() }
    else if (drawing && event.key === "Backspace") { event.preventDefault(); drawing.vertices.pop(); show() }
    else if (event.key === "Escape") { if (drawing) drawing = null; else { mine.selected = ""; mine.point = -1 } show() }
  })

  // What was added or renamed a moment ago is selected once it is there, also where all of this was made anew for it.
  const arrived = () => {
    if (!mine.expected || !gates.some((g) => g.population === mine.expected)) return
    mine.selected = mine.expected
    mine.point = -1
    mine.expected = ""
  }
  arrived()
  const pictures = picturesOf(figures, ctx)
  const show = () => {
    if (mine.selected && !gates.some((g) => g.population === mine.selected) && mine.selected !== "unknown") mine.selected = ""
    for (const [key, b] of scopeButtons) b.setAttribute("aria-pressed", String(state.scope === key))
    when.textContent = state.looked ?? ""
    earlier.hidden = further.hidden = state.scope === "range"
    earlier.disabled = !state.earlier
    further.disabled = !state.later
    now.setAttribute("aria-pressed", String(Boolean(state.newest)))
    now.hidden = state.scope === "range"
    undo.hidden = redo.hidden = !ctx.may()
    undo.disabled = !state.undo
    redo.disabled = !state.redo
    holds.textContent = state.holding ?? ""
    snap.hidden = !ctx.may() || !state.other
    words.textContent = state.says ?? ""
    says.dataset.kind = state.kind ?? ""
    sign.hidden = !state.token
    says.hidden = !state.says && !state.token
    pen.hidden = !drawing
    if (drawing) {
      const n = drawing.vertices.length
      penWords.textContent = n ? `${ctx.label(drawing.name)}: ${n} point${n === 1 ? "" : "s"}${n < 3 ? "" : "; close it at the first one"}` : `Click the points of ${ctx.label(drawing.name)} on ${drawing.x} / ${drawing.y}`
      close.disabled = n < 3
      box.hidden = n > 0
    }
    el.dataset.may = ctx.may()
    el.dataset.state = told.state ?? "wait"
    for (const cover of planes.querySelectorAll(".cover")) cover.textContent = told.cover ?? ""
    chartHead.textContent = state.chart ?? ""
    mark()
    list.render(); plan.render()
    for (const overlay of overlays) overlay.render()
  }
  model.on("gates", () => {
    if (hand) return
    gates = deep(model.gates)
    arrived()
    show()
  })
  model.on("base", () => { base = deep(model.base); show() })
  model.on("state", () => { state = deep(model.state); show() })
  model.on("told", () => {
    told = deep(model.told)
    if ((told.n ?? 0) >= inflight) { inflight = 0; pump() }
    el.dataset.exact = told.approximate ? "" : String(told.n ?? "")
    show()
  })
  // The cruise below: its lines, and a box for what the cytograms show.
  const lines = () => {
    const chart = view.model.data.series, data = deep(model.lines), none = {time: new Float64Array(0), mean: new Float64Array(0)}
    for (const r of chart.renderers) if (/^(now|before):/.test(r.name)) {
      const told = data[r.name] ?? none
      r.data_source.setv({data: new Map(Object.entries({time: told.time, mean: told.mean}))}, {sync: false, check_eq: false})
    }
  }
  const mark = () => {
    const box = view.model.data.series.center.find((m) => m.name === "view"), [left, right] = state.view ?? []
    if (box && left != null && (box.left !== left || box.right !== right)) box.setv({left, right}, {sync: false})
  }
  model.on("lines", lines)
  const frame = () => { if (model.frame?.byteLength) pictures.take(model.frame).catch((error) => { el.dataset.fault = error.message }) }
  model.on("frame", frame)
  stops.push(watchTheme(view.model.document, (night) => {
    dark = night
    for (const figure of [...figures(), view.model.data.series]) repaint(figure, night)
    pictures.draw()
    show()
  }))
  frame()
  lines()
  stops.push(askUntil(() => told.done, () => { model.asked = {do: "hello", n: ++mine.n} }))
  atEnd({model, view}, "own", () => { later.stop(); for (const stop of stops) stop() })
  return el
}
