// Marks on panels over one time axis: a legend of their kinds, words at the mouse, and the file that a click picks.
const SIGNS = {
  triangle: '<path class="a f" d="M6 1.500 11 10.500H1z"/>', diamond: '<path class="a f" d="M6 .8 11 6 6 11.200 1 6z"/>',
  square: '<path class="a f" d="M2 2h8v8H2z"/>', inverted_triangle: '<path class="m f" d="M1 1.500h10L6 10.500z"/>',
  x: '<path class="m" d="M2 2l8 8M10 2l-8 8"/>', cross: '<path class="m" d="M6 .5v11M.5 6h11"/>', notes: '<path class="a d" d="M6 0v12"/>',
  spans: '<path class="s" d="M0 0h12v12H0z"/><path class="m t" d="M-1 5 5-1M-1 13 13-1M7 13l6-6"/>',
  night: '<path class="n" d="M0 0h12v12H0z"/>', hollow: '<circle class="i" cx="6" cy="6" r="4.2"/>',
}

function marked({model, el, cells, range, watch}) {
  const stops = []
  const keys = make("div", "marks"), tip = make("div", "marktip"), missing = make("div", "missing")
  tip.hidden = true
  el.prepend(keys)
  el.append(missing, tip)
  const key = (sign, label, count) => {
    const item = make("span", count === 0 ? "mark none" : "mark")
    item.innerHTML = `<svg viewBox="0 0 12 12" aria-hidden="true">${SIGNS[sign] ?? ""}</svg>`
    item.append(make("span", null, label))
    if (count != null) item.append(make("b", null, String(count)))
    return item
  }
  const told = () => {
    keys.replaceChildren(...model.legend.map((m) => {
      const {kind, label, sign, count} = plain(m)
      const item = key(sign, label, count)
      item.dataset.kind = kind
      return item
    }))
    missing.replaceChildren(...model.missing.map((text) => make("p", null, text)))
  }
  told()
  model.on(["legend", "missing"], told)
  const source = (figure, name) => figure.renderers.find((r) => r.name === name)?.data_source.data
  // What stands at this time: moments within a few pixels, and spans that hold it.
  const at = (figure, x, reach) => {
    const found = []
    for (const group of ["faults", "files", "notes"]) {
      const data = source(figure, group), time = entry(data, "time") ?? [], text = entry(data, "text") ?? []
      for (let i = 0; i < time.length; i++) if (Math.abs(time[i] - x) < reach) found.push([Math.abs(time[i] - x), time[i], text[i]])
    }
    found.sort((a, b) => a[0] - b[0])
    const out = found.slice(0, 4).map(([, time, text]) => `${stamp(time)}  ${text}`)
    if (found.length > 4) out.push(`and ${found.length - 4} more`)
    const spans = source(figure, "spans"), left = entry(spans, "left") ?? [], right = entry(spans, "right") ?? [], text = entry(spans, "text") ?? []
    for (let i = 0; i < left.length; i++) if (left[i] <= x && x <= right[i]) out.push(text[i])
    const night = source(figure, "night"), a = entry(night, "left") ?? [], z = entry(night, "right") ?? []
    if (out.length) for (let i = 0; i < a.length; i++) if (a[i] <= x && x <= z[i]) { out.push("Night"); break }
    return out
  }
  const over = (c, event) => {
    const frame = Bokeh.index.find_one_by_id?.(c.figure.id)
    if (!frame?.frame) return null
    const px = event.clientX - frame.el.getBoundingClientRect().left, box = frame.frame.bbox
    if (px < box.left || px > box.right) return null
    const pixel = (range.end - range.start) / Math.max(1, box.right - box.left)
    return {x: frame.frame.x_scale.invert(px), pixel}
  }
  for (const c of cells) {
    let start = null
    const hide = () => { tip.hidden = true }
    const move = (event) => {
      const place = over(c, event)
      const words = place ? at(c.figure, place.x, 5 * place.pixel) : []
      tip.hidden = !words.length
      if (!words.length) return
      tip.replaceChildren(...words.map((text) => make("p", null, text)))
      const home = el.getBoundingClientRect(), x = event.clientX - home.left, wide = tip.offsetWidth
      tip.style.left = `${Math.max(0, x + 14 + wide > home.width ? x - wide - 14 : x + 14)}px`
      tip.style.top = `${event.clientY - home.top + 14}px`
    }
    c.child.addEventListener("mousemove", move)
    c.child.addEventListener("mouseleave", hide)
    c.child.addEventListener("pointerdown", (event) => { start = [event.clientX, event.clientY] }, true)
    c.child.addEventListener("click", (event) => {
      if (!model.picks || !start || Math.hypot(event.clientX - start[0], event.clientY - start[1]) > 5) return
      const place = over(c, event)
      if (place) model.clicked = {time: place.x, reach: 12 * place.pixel, n: Date.now()}
      move(event)
    })
  }
  el.classList.toggle("picks", model.picks)
  return stops
}
