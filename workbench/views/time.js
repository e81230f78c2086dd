// The lines of a panel that has several: a button each with its colour and value, which hides and shows the line.
function legendOf(figure, head, figures) {
  return figure.renderers.filter((r) => r.name?.startsWith("line:")).map((r) => {
    const item = make("button", "key-line"), dot = make("i"), name = make("span", "name"), value = make("b")
    item.append(dot, name, value)
    item.setAttribute("aria-pressed", String(r.visible))
    item.dataset.line = r.name
    item.addEventListener("click", () => {  // in every panel at once
      const visible = !r.visible
      for (const f of figures) for (const other of f.renderers) if (other.name === r.name) other.setv({visible}, {sync: false})
      for (const each of item.closest(".panels").querySelectorAll(`[data-line="${r.name}"]`)) each.setAttribute("aria-pressed", String(visible))
    })
    head.append(item)
    const population = r.name.slice(5)
    const say = (x, info, rowAt, number) => {
      const mean = entry(r.data_source.data, "mean"), i = rowAt(r.data_source.data, x)
      const colour = r.glyph.line_color ?? r.glyph.fill_color
      dot.style.background = (r.glyph.size ? r.glyph.fill_color?.value ?? r.glyph.fill_color : colour?.value ?? colour)
      name.textContent = plain(entry(info.lines ?? {}, population)) ?? population
      value.textContent = i >= 0 ? number(mean[i]) : "–"
      return i >= 0
    }
    return {say, source: r.data_source}
  })
}

// Panels over one time axis: their range is the page's time range. A legend line over each panel tells the newest value,
// or the one under the mouse, in every panel at once.
export function render({model, view}) {
  const el = make("div", "panels")
  const figures = view.model.data.figures
  const cells = model.get_child("figures").map((child, i) => {
    const cell = make("div", i === figures.length - 1 ? "panel last" : "panel"), head = make("div", "head")
    const name = make("span", "name"), value = make("span", "readout"), when = make("span", "when")
    head.append(name, value, when)
    cell.append(head, child)
    const legend = legendOf(figures[i], head, figures)
    cell.classList.toggle("many", legend.length > 0)
    cell.dataset.lines = legend.length > 5 ? "8" : legend.length
    return {cell, name, value, when, figure: figures[i], child, legend}
  })
  const cursor = make("div", "cursor"), grows = typeof marked === "function"  // marks.js: the card is as high as its panels
  const list = grows ? el : make("div", "list")
  if (!grows) el.append(list)
  list.append(...cells.map((c) => c.cell))
  el.prepend(cursor)
  const cover = make("div", "cover"), empty = () => { cover.textContent = model.empty; cover.hidden = !model.empty }
  el.append(cover)
  model.on("empty", empty)
  empty()
  let reread = () => {}
  const stops = [watchTheme(view.model.document, (dark) => { for (const f of figures) repaint(f, dark); reread() })]
  if (!figures[0]?.toolbar.tools.some((t) => t.type === "RangeTool")) stops.push(...cells.map((c) => guard(c.child)))
  const watch = (signal, call) => { signal.connect(call); stops.push(() => signal.disconnect(call)) }
  // The page's time range: that of the panels, or of the brush where the strip itself stands still. The server tells it
  // by start and end together with reset_start and reset_end; whatever else it becomes, a person did.
  const tool = figures[0]?.toolbar.tools.find((t) => t.type === "RangeTool"), brush = tool?.x_range
  const range = brush ?? figures[0]?.x_range
  if (range) {
    // Seen once a message was taken as a whole; what a person did is not lost to time that goes on in the meantime.
    let wanted = null, gone = false
    const ask = debounce(250, () => { model.asked = wanted })
    const moved = () => setTimeout(() => {
      if (gone || (range.start === range.reset_start && range.end === range.reset_end)) return
      wanted = [range.start, range.end]
      ask()
    })
    for (const p of ["start", "end"]) watch(range.properties[p].change, moved)
    stops.push(() => { gone = true; ask.stop() })
    if (tool) {                                               // a brush over everything has nowhere to go: dragging makes a new one
      const span = figures[0].x_range
      const free = () => {
        const seen = Math.min(range.end, span.end) - Math.max(range.start, span.start)
        tool.overlay.movable = seen > 0.98 * (span.end - span.start) ? "none" : "x"
      }
      for (const one of [range, span]) for (const p of ["start", "end"]) watch(one.properties[p].change, free)
      free()
    }
  }
  const sourceOf = (figure) => figure.renderers.find((r) => r.name === "line" || r.name === "navigator")?.data_source
  // The row that is told: the newest in view, or the one under the mouse, as far as a line or a dot is there; else -1.
  const rowAt = (data, x) => {
    const time = entry(data, "time") ?? [], mean = entry(data, "mean") ?? []
    const seen = figures[0].x_range, there = (k) => Number.isFinite(mean[k])
    if (x == null) {
      for (let k = time.length - 1; k >= 0 && time[k] >= seen.start; k--) if (time[k] <= seen.end && there(k)) return k
      return -1
    }
    let lo = 0, hi = time.length - 1
    while (hi - lo > 1) { const m = (lo + hi) >> 1; if (time[m] < x) lo = m; else hi = m }
    const [near, far] = x - time[lo] < time[hi] - x ? [lo, hi] : [hi, lo]
    const drawn = (time[near] - x) * (time[far] - x) <= 0 && there(far)
    return there(near) && (drawn || Math.abs(time[near] - x) < (seen.end - seen.start) / 150) ? near : -1
  }
  const number = (v) => {
    const a = Math.abs(v)
    const t = a >= 1e7 || (a > 0 && a < 1e-3) ? v.toExponential(2) : v.toFixed(a >= 1000 ? 0 : a >= 100 ? 1 : a >= 10 ? 2 : 3)
    return t.replace(/\B(?=(\d{3})+(?!\d))/, "\u2009").replace("-", "\u2212")
  }
  // Numbers beside a panel without anything to see would be those of an axis that had to begin somewhere.
  const holds = (r) => r.visible && /^(line|hollow|limit)/.test(r.name ?? "") && [...(entry(r.data_source.data, "mean") ?? entry(r.data_source.data, "value") ?? [])].some(Number.isFinite)
  const number_axes = () => {
    for (const {figure} of cells) {
      const axis = figure.left[0], alpha = figure.renderers.some(holds) ? 1 : 0
      if (axis && axis.major_label_text_alpha !== alpha) axis.setv({major_label_text_alpha: alpha}, {sync: false})
    }
  }
  let under = null                                             // the time under the mouse, kept while rows come and time goes on
  const read = (x = under) => {
    under = x
    cursor.textContent = x == null ? "" : `${stamp(x)} UTC`
    for (const c of cells) {
      const data = sourceOf(c.figure)?.data, mean = entry(data, "mean"), i = rowAt(data, x)
      const info = plain(entry(model.names, c.figure.name)) ?? {}
      c.name.textContent = info.label ?? ""
      if (c.legend.length) {
        const there = c.legend.filter((item) => item.say(x, info, rowAt, number))
        const more = x == null && !there.length ? " · no data" : info.unit ? ` [${info.unit}]` : ""
        c.name.textContent = (info.label ?? "") + more
        c.value.textContent = c.when.textContent = ""
      }
      const hair = c.figure.center.concat(c.figure.renderers).find((m) => m.name === "hair")
      if (hair) hair.setv({visible: x != null, location: x ?? 0}, {sync: false})
      if (c.legend.length) continue
      c.when.textContent = ""
      if (i < 0) { c.value.textContent = mean ? "no data" : ""; continue }
      c.value.textContent = `${number(mean[i])}${info.unit ? " " + info.unit : ""}`
      const low = entry(data, "low")[i], high = entry(data, "high")[i]
      if (x != null && high - low > Math.abs(mean[i]) * 1e-6) c.when.textContent = `${number(low)} to ${number(high)}`
      if (x != null) {
        const marks = c.figure.renderers.find((r) => r.name === "marks")?.data_source.data
        const at = entry(marks, "time") ?? [], texts = entry(marks, "text") ?? []
        const reach = (range.end - range.start) / 150
        const near = [...at].map((t, k) => [Math.abs(t - x), texts[k]]).filter(([d]) => d < reach).sort((a, b) => a[0] - b[0])[0]
        if (near) c.when.textContent = near[1]
      }
    }
  }
  reread = () => { read(); number_axes() }
  el.addEventListener("click", number_axes)                    // a line was hidden, or is shown again
  if (typeof marked === "function") stops.push(...marked({model, el, cells, range, watch}))  // marks.js, where it is there
  for (const c of cells) {
    c.child.addEventListener("mousemove", (event) => {
      const plot = Bokeh.index.find_one_by_id?.(c.figure.id), frame = plot?.frame
      if (!frame) return
      const x = event.clientX - plot.el.getBoundingClientRect().left
      read(frame.bbox.left <= x && x <= frame.bbox.right ? frame.x_scale.invert(x) : null)
    })
    c.child.addEventListener("mouseleave", () => read(null))
    for (const source of [sourceOf(c.figure), ...c.legend.map((item) => item.source)])
    if (source) { watch(source.properties.data.change, reread); watch(source.streaming, reread) }
  }
  if (figures.length) {
    const later = debounce(100, reread)
    for (const p of ["start", "end"]) watch(figures[0].x_range.properties[p].change, later)
    stops.push(later.stop)
  }
  model.on("names", reread)
  reread()
  atEnd({model, view}, "own", () => { for (const stop of stops) stop() })
  return el
}
