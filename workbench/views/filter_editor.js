// The filter editor: bead positions that a hand moves are shown at once and told; counts and pictures follow from the server.
// Python holds the draft; here is only what is moved at this moment, and what is looked at.

const MODES = [["over", "Over each other", "Events in focus over all events"], ["evt", "EVT", "All events that are not noise"], ["opp", "OPP", "Events in focus"], ["both", "Side by side", "EVT and OPP side by side"]]
const SEEN_MODE = new WeakMap()
const BACK = "M6 4 3 7l3 3M3 7h6a4 4 0 0 1 0 8H7", FORTH = "M10 4l3 3-3 3M13 7H7a4 4 0 0 0 0 8h2"
const EARLIER = "M10 3 5 8l5 5", LATER = "M6 3l5 5-5 5"
const FILTER = {save: "Save this filter", take: "Go on from this filter", compare: "Draw its lines beneath, with its counts and numbers"}

export function render({model, view}) {
  const el = make("div", "editor filter"), stops = []
  el.tabIndex = -1
  const mine = SEEN_MODE.get(view.model) ?? {mode: "both", n: 0}
  SEEN_MODE.set(view.model, mine)
  const deep = (v) => (v instanceof Map ? deep(Object.fromEntries(v)) : Array.isArray(v) ? v.map(deep) : v && typeof v === "object" && v.constructor === Object ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, deep(x)])) : v)
  let table = deep(model.table), base = deep(model.base), state = deep(model.state), told = deep(model.told)
  let hand = false, pending = null, inflight = 0, since = 0, dark = false
  const charts = deep(model.charts), quantiles = deep(model.quantiles), colours = deep(model.colours), figures = () => view.model.data.figures
  const at = Object.fromEntries(deep(model.fields).map((name, i) => [name, i]))

  const ctx = {
    at, table: () => table, base: () => base, state: () => state, told: () => told, may: () => Boolean(state.may),
    quantile: () => state.quantile ?? 1, names: () => quantiles.map(String), name: (i) => String(quantiles[i]), quantileOf: (i) => quantiles[i],
    colour: (i) => colours[dark ? "dark" : "light"][i], moving: () => hand,
    ask: (what) => { later.now(); model.asked = {...what, n: ++mine.n} },
    pick: (i) => { if (i !== ctx.quantile()) ctx.ask({do: "quantile", quantile: i}) },
    move: (i, detector, fsc, d, final) => {
      if (!ctx.may()) return
      const from = table[i], by = {beads_fsc_small: fsc - from[at.beads_fsc_small], [`beads_${detector}`]: d - from[at[`beads_${detector}`]]}
      table = table.map((row, k) => {
        if (k !== i && !numbers.together()) return row
        const moved = [...row]
        for (const [name, step] of Object.entries(by)) moved[at[name]] += step
        return rowThrough(moved, at)
      })
      hand = final !== true
      pending = {quantile: quantiles[i], fsc, [detector.toLowerCase()]: d, together: numbers.together(), final: final === true}
      show()
      if (final === "soon") { later.start(pending); pending = {...pending, final: false} }
      else later.stop()
      pump()
    },
  }
  // A key held down is one step to undo: the last position is told as final once the hand rests.
  let resting = null
  const later = {
    start: (what) => { clearTimeout(resting?.timer); resting = {what, timer: setTimeout(later.now, 500)} },
    now: () => { if (!resting) return; const {what} = resting; later.stop(); hand = false; pending = {...what, final: true}; pump() },
    stop: () => { clearTimeout(resting?.timer); resting = null },
  }
  // One question under way at a time; only the newest waits. The end of a drag never waits.
  const pump = () => {
    if (!pending || (inflight && !pending.final && performance.now() - since < 400)) return
    inflight = ++mine.n
    since = performance.now()
    const sent = pending
    pending = null
    model.drawn = {...sent, n: inflight}
    setTimeout(pump, 420)
  }

  // what stands above
  const bar = make("div", "bar"), when = make("span", "when"), steps = make("span", "steps"), holds = make("span", "holding")
  const segments = (label, parts, call) => {
    const group = make("div", "segments")
    group.setAttribute("role", "group")
    group.setAttribute("aria-label", label)
    const buttons = parts.map(([key, text, title]) => {
      const b = make("button", null, text)
      b.title = title
      b.onclick = () => call(key)
      group.append(b)
      return [key, b]
    })
    return {group, mark: (chosen) => { for (const [key, b] of buttons) b.setAttribute("aria-pressed", String(key === chosen)) }}
  }
  const scopes = segments("Events of", [["file", "File", "Events of one file"], ["hour", "Hour", "Events of one hour"], ["range", "Range", "Events of files spread over the page's time range"]], (scope) => ctx.ask({do: "scope", scope}))
  const modes = segments("Charts of", MODES, (mode) => { mine.mode = mode; show() })
  const earlier = iconButton(EARLIER, "Earlier", () => ctx.ask({do: "step", by: -1})), further = iconButton(LATER, "Later", () => ctx.ask({do: "step", by: 1}))
  const now = make("button", "now", "Newest"), snap = make("button", "snap", "Take this filter")
  now.title = "The newest events"
  now.onclick = () => ctx.ask({do: "now"})
  snap.title = "Go on from the filter that holds here"
  snap.onclick = () => ctx.ask({do: "snap"})
  const undo = iconButton(BACK, "Undo (Ctrl+Z)", () => ctx.ask({do: "undo"})), redo = iconButton(FORTH, "Redo (Ctrl+Shift+Z)", () => ctx.ask({do: "redo"}))
  steps.append(earlier, when, further)
  bar.append(scopes.group, steps, now, make("span", "gap"), holds, snap, modes.group, undo, redo)

  const says = make("div", "says"), sign = make("form", "sign"), token = make("input"), enter = make("button", null, "Sign in"), words = make("span")
  says.setAttribute("role", "status")
  token.type = "password"
  token.placeholder = "Token of a scientist"
  token.setAttribute("aria-label", "Token")
  token.autocomplete = "off"
  enter.type = "submit"
  sign.append(token, enter)
  sign.onsubmit = (event) => { event.preventDefault(); model.asked = {do: "sign", token: token.value, n: ++mine.n}; token.value = "" }
  says.append(words, sign)

  const numbers = numbersOf(ctx), plan = planOf(ctx, FILTER)
  const planes = make("div", "planes"), body = make("div", "body"), lower = make("div", "lower"), overlays = []
  const zoom = debounce(220, () => {
    const [d1, d2] = ["D1", "D2"].map((d) => figures()[charts.findIndex((c) => c[1] === d)])
    model.asked = {do: "zoom", D1: [d1.x_range.start, d1.x_range.end, d1.y_range.start, d1.y_range.end], D2: [d2.x_range.start, d2.x_range.end, d2.y_range.start, d2.y_range.end], n: ++mine.n}
  })
  stops.push(zoom.stop)
  model.get_child("figures").forEach((child, i) => {
    const [kind, detector] = charts[i], cell = make("div", "plane"), cover = make("div", "cover")
    cell.dataset.kind = kind
    cell.dataset.detector = detector
    cell.append(child, make("span", "tag"))
    planes.append(cell)
    stops.push(guard(child))
    const figure = figures()[i], overlay = linesOver(ctx, figure, cell, detector), again = () => overlay.render()
    cell.append(cover)
    overlays.push(overlay)
    const watch = (signal, call) => { signal.connect(call); stops.push(() => signal.disconnect(call)) }
    for (const p of ["inner_width", "inner_height"]) watch(figure.properties[p].change, again)
    for (const r of [figure.x_range, figure.y_range]) for (const p of ["start", "end"]) { watch(r.properties[p].change, again); watch(r.properties[p].change, zoom) }
    const sizes = new ResizeObserver(() => requestAnimationFrame(again))
    sizes.observe(cell)
    stops.push(() => sizes.disconnect())
    cell.addEventListener("dblclick", () => { const w = deep(model.whole); setRange(figure.x_range, w[0], w[1]); setRange(figure.y_range, w[2], w[3]) })
  })
  body.append(numbers.el, planes)
  lower.append(plan.el)
  el.append(bar, says, body, lower)
  el.addEventListener("keydown", (event) => {
    if (/INPUT|TEXTAREA|SELECT/.test(event.composedPath()[0]?.tagName ?? "")) return
    const key = event.key.toLowerCase()
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) { event.preventDefault(); ctx.ask({do: key === "y" || event.shiftKey ? "redo" : "undo"}) }
  })

  const show = () => {
    scopes.mark(state.scope)
    modes.mark(mine.mode)
    planes.dataset.mode = mine.mode
    when.textContent = state.looked ?? ""
    earlier.hidden = further.hidden = now.hidden = state.scope === "range"
    earlier.disabled = !state.earlier
    further.disabled = !state.later
    now.setAttribute("aria-pressed", String(Boolean(state.newest)))
    undo.hidden = redo.hidden = !ctx.may()
    undo.disabled = !state.undo
    redo.disabled = !state.redo
    holds.textContent = state.holding ?? ""
    snap.hidden = !ctx.may() || !state.other
    words.textContent = state.says ?? ""
    says.dataset.kind = state.kind ?? ""
    sign.hidden = !state.token
    says.hidden = !state.says && !state.token
    el.dataset.may = ctx.may()
    el.dataset.night = dark
    el.dataset.state = told.state ?? "wait"
    charts.forEach(([kind, detector], i) => {
      const cell = planes.children[i], what = kind === "opp" ? `OPP ${ctx.name(ctx.quantile())}` : mine.mode === "over" ? `EVT, and OPP ${ctx.name(ctx.quantile())}` : "EVT"
      cell.querySelector(".cover").textContent = told.cover ?? ""
      cell.querySelector(".tag").textContent = `${what} · ${detector}`
      const over = figures()[i].renderers.find((r) => r.name === "opp")
      if (kind === "evt" && over && over.visible !== (mine.mode === "over")) over.setv({visible: mine.mode === "over"}, {sync: false})
    })
    numbers.render(); plan.render()
    for (const overlay of overlays) overlay.render()
  }
  const frame = async () => {
    if (!model.frame?.byteLength) return
    const header = await unpackPlanes(model.frame), {ndarray} = Bokeh.require("core/util/ndarray")
    if (header.n < (mine.frame ?? 0)) return                          // an older one that took longer to unpack
    mine.frame = header.n
    for (const plane of header.planes) charts.forEach(([, detector], i) => {
      const glyph = detector === plane.detector && figures()[i].renderers.find((r) => r.name === plane.layer)
      if (!glyph) return
      const {width: w, height: h} = plane, image = ndarray(plane.levels.slice().buffer, {dtype: "uint8", shape: [h, w]})
      const data = {image: [image], x: [plane.x0], y: [plane.y0], dw: [plane.x1 - plane.x0], dh: [plane.y1 - plane.y0]}
      glyph.data_source.setv({data: new Map(Object.entries(data))}, {sync: false, check_eq: false})
    })
    el.dataset.frame = String(header.n)
  }
  const pictured = () => { frame().catch((error) => { el.dataset.fault = error.message }) }
  model.on("table", () => { if (!hand) { table = deep(model.table); show() } })
  model.on("base", () => { base = deep(model.base); show() })
  model.on("state", () => { state = deep(model.state); show() })
  model.on("told", () => {
    told = deep(model.told)
    if ((told.n ?? 0) >= inflight) { inflight = 0; pump() }
    show()
  })
  model.on("frame", pictured)
  stops.push(watchTheme(view.model.document, (night) => {
    dark = night
    for (const figure of figures()) repaint(figure, night)
    show()
  }))
  pictured()
  stops.push(askUntil(() => told.n != null, () => { model.asked = {do: "hello", n: ++mine.n} }))
  atEnd({model, view}, "own", () => { later.stop(); for (const stop of stops) stop() })
  return el
}
