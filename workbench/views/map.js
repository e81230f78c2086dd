// The map: equal scales at the middle latitude, zoom to fit, fine coast when close, a scale bar, the place under the mouse.

const side = (v, pos, neg, width) => {
  const all = Math.round(Math.abs(v) * 6000), d = Math.floor(all / 6000), m = (all - d * 6000) / 100
  return `${String(d).padStart(width, "0")}°${m.toFixed(2).padStart(5, "0")}′${v < 0 ? neg : pos}`
}
const place = (lon, lat) => {
  const e = ((lon + 180) % 360 + 360) % 360 - 180
  return `${side(lat, "N", "S", 2)} ${side(e, "E", "W", 3)}`
}

export function render({model, view}) {
  const {el, figure, stops, watch} = stageOf({model, view})
  const mouse = make("div", "mouse"), bar = make("div", "scale"), size = make("span")
  bar.append(size)
  const fits = make("div", "fits")
  const all = make("button", null, "Whole cruise"), some = make("button", null, "Range")
  all.title = "Zoom to the whole cruise"
  some.title = "Zoom to the selected time range"
  fits.append(all, some)
  const cover = make("div", "cover", "No positions yet")
  cover.hidden = true
  el.append(cover, mouse, bar, fits)
  const xr = figure.x_range, yr = figure.y_range
  let auto = "cruise", moving = false

  const fit = (box) => {
    const [w, h] = frameOf(figure)
    if (!(w > 10 && h > 10) || !box) return
    const [x0, x1, y0, y1] = fitted(box, w, h)
    moving = true
    setRange(xr, x0, x1)
    setRange(yr, y0, y1)
    moving = false
    draw()
  }
  const dataOf = (name) => figure.renderers.find((r) => r.name === name)?.data_source
  const whole = dataOf("whole"), track = dataOf("track"), newest = dataOf("newest")
  const col = (source, name) => entry(source.data, name)
  const wanted = () => {
    if (auto === "cruise") return boxOf([col(whole, "x"), col(newest, "x")], [col(whole, "y"), col(newest, "y")]) ?? model.home
    if (auto === "range") return boxOf([col(track, "x0"), col(track, "x1")], [col(track, "y0"), col(track, "y1")])
    return null
  }
  let given = null  // a place from the URL, shown once there is a frame to show it in
  const refit = () => {
    mark()
    if (given && frameOf(figure)[0] > 10) { fit(given); given = null }
    else if (auto) fit(wanted())
    else draw()
  }
  const mark = () => {
    all.setAttribute("aria-pressed", auto === "cruise")
    some.setAttribute("aria-pressed", auto === "range")
  }
  const choose = (what) => { auto = what; refit(); keep() }
  all.onclick = () => choose("cruise")
  some.onclick = () => choose("range")
  const keep = debounce(300, () => keepInUrl(view, "map", auto === "cruise" ? null : auto ?? [xr.start, yr.start, xr.end, yr.end].map((v) => v.toFixed(4)).join()))
  const kept = fromUrl(view, "map")
  if (new URLSearchParams(location.search).get("map") === "range" && pageOf(view.model.document)) auto = "range"
  else if (kept?.length === 4 && kept[0] < kept[2] && kept[1] < kept[3]) { auto = null; given = kept }
  stops.push(keep.stop)

  const land = figure.renderers.find((r) => r.name === "land"), fine = figure.renderers.find((r) => r.name === "fine")
  const draw = () => {
    const [w] = frameOf(figure)
    if (!(w > 10)) return
    globalThis.workbenchGlance?.drawn("map")
    const plot = Bokeh.index.find_one_by_id?.(figure.id), frame = plot?.frame?.bbox
    if (frame) {
      el.style.setProperty("--left", `${frame.left}px`)
      el.style.setProperty("--right", `${plot.bbox.width - frame.right}px`)
      el.style.setProperty("--bottom", `${plot.bbox.height - frame.bottom}px`)
    }
    const cy = (yr.start + yr.end) / 2, k = Math.cos(Math.min(89, Math.abs(cy)) * RAD)
    const nm = (xr.end - xr.start) * k / NM          // nautical miles across
    const room = 110 / w * nm, p = 10 ** Math.floor(Math.log10(room))
    const step = [5, 2, 1].map((m) => m * p).find((v) => v <= room) ?? p
    bar.style.width = `${step / nm * w}px`
    size.textContent = `${Number(step.toPrecision(2))} nm · ${Number((step * 1.852).toPrecision(2))} km`
    bar.hidden = !Number.isFinite(step)
    const box = model.fine                            // [west, south, east, north] that the fine coast covers
    const inside = box?.length === 4 && xr.start >= box[0] && xr.end <= box[2] && yr.start >= box[1] && yr.end <= box[3]
    const close = Boolean(inside && fine)
    if (land && land.visible === close) land.setv({visible: !close}, {sync: false})
    if (fine && fine.visible !== close) fine.setv({visible: close}, {sync: false})
  }
  for (const range of [xr, yr]) {
    for (const p of ["start", "end"]) watch(range.properties[p].change, () => { if (!moving) { auto = null; mark(); keep() } draw() })
  }
  for (const p of ["inner_width", "inner_height"]) watch(figure.properties[p].change, debounceFrame(refit))
  const empty = () => { cover.hidden = boxOf([col(whole, "x")], [col(whole, "y")]) != null }
  const soon = debounceFrame(() => { empty(); if (auto) fit(wanted()) })
  empty()
  for (const source of [whole, track, newest]) for (const signal of [source.properties.data.change, source.streaming]) watch(signal, soon)
  model.on("fine", draw)

  el.addEventListener("mousemove", (event) => {
    const plot = Bokeh.index.find_one_by_id?.(figure.id)
    const frame = plot?.frame
    if (!frame) return
    const box = plot.el.getBoundingClientRect()
    const x = event.clientX - box.left, y = event.clientY - box.top
    const inside = frame.bbox.contains(x, y)
    mouse.textContent = inside ? place(frame.x_scale.invert(x), frame.y_scale.invert(y)) : ""
  })
  el.addEventListener("mouseleave", () => { mouse.textContent = "" })
  mark()
  model.on("after_layout", refit)
  return el
}

function debounceFrame(call) {
  let asked = false
  return () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; call() }) } }
}
