// The lines of a filter and the beads they run through, over one chart: SVG over Bokeh's axes, as polygons are.

const MOST = 65535
const lineAt = (row, at, detector, x) => Math.max(
  row[at[`notch_small_${detector}`]] * x + row[at[`offset_small_${detector}`]], row[at[`notch_large_${detector}`]] * x + row[at[`offset_large_${detector}`]])

// Corners of a quantile's line: of the small-particle and the large-particle line the upper one.
function lineOf(row, at, detector) {
  const [a, b, c, e] = [`notch_small_`, `offset_small_`, `notch_large_`, `offset_large_`].map((name) => row[at[name + detector]])
  const meet = a === c ? NaN : (e - b) / (a - c)
  return [0, ...(meet > 0 && meet < MOST ? [meet] : []), MOST].map((x) => [x, lineAt(row, at, detector, x)])
}

// What a row becomes when its beads move, as the product derives it; the answer of the server takes its place.
function rowThrough(row, at) {
  const out = [...row], fsc = row[at.beads_fsc_small]
  for (const d of ["D1", "D2"]) {
    out[at[`notch_small_${d}`]] = Math.round(((row[at[`beads_${d}`]] - row[at[`offset_small_${d}`]]) / fsc) * 1000) / 1000
    out[at[`offset_large_${d}`]] = Math.round(row[at[`beads_${d}`]] - row[at[`notch_large_${d}`]] * fsc)
  }
  return out
}

// `ctx` is the editor: table(), base(), at, told(), may(), quantile(), name(i), colour(i), move(i, detector, fsc, d, final).
function linesOver(ctx, figure, cell, detector) {
  const svg = shape("svg", "gates"), clip = shape("clipPath"), hole = shape("rect")
  clip.id = `wb-clip-${Math.random().toString(36).slice(2)}`
  clip.append(hole)
  const clipped = {"clip-path": `url(#${clip.id})`}
  const old = shape("g", "old", clipped), body = shape("g", "", clipped), cloud = shape("g", "cloud", clipped), hands = shape("g")
  svg.append(clip, old, body, cloud, hands)
  cell.append(svg)
  let box = null
  const px = ([cx, cy]) => [
    box.left + ((cx - box.x0) / (box.x1 - box.x0)) * box.width, box.top + ((box.y1 - cy) / (box.y1 - box.y0)) * box.height]
  const far = (dx, dy) => [(dx / box.width) * (box.x1 - box.x0), (-dy / box.height) * (box.y1 - box.y0)]
  const path = (points) => "M" + points.map((p) => px(p).map((v) => v.toFixed(1)).join()).join("L")
  const spot = (i) => { const row = ctx.table()[i]; return [row[ctx.at.beads_fsc_small], row[ctx.at[`beads_${detector}`]]] }
  const held = (value) => Math.min(Math.max(Math.round(value), 1), MOST)

  const nudge = (i, [x, y], dx, dy, final) => {
    const [fx, fy] = far(dx, dy)
    ctx.move(i, detector, dx ? held(x + fx) : x, dy ? held(y + fy) : y, final)
  }
  // Points may lie closer together than a finger is wide: the nearest one is meant, of two alike the chosen quantile's.
  const grab = (event) => {
    if (event.button || !ctx.may()) return
    const r = svg.getBoundingClientRect(), [x, y] = [event.clientX - r.left, event.clientY - r.top]
    const away = ctx.table().map((_, i) => { const [a, b] = px(spot(i)); return Math.hypot(a - x, b - y) - (i === ctx.quantile() ? 4 : 0) })
    const i = away.indexOf(Math.min(...away)), from = spot(i)
    ctx.pick(i)
    hands.children[i]?.focus({preventScroll: true})
    draggedBy(svg, event, (dx, dy) => nudge(i, from, dx, dy, false), (was) => { if (was) ctx.move(i, detector, ...spot(i), true) })
  }
  const handleOf = (i) => {
    const el = shape("g", "handle", {tabindex: "0", role: "button"})
    el.append(shape("circle", "reach", {r: 15}), shape("circle", "dot", {r: 5.5}))
    el.dataset.quantile = ctx.name(i)
    el.addEventListener("pointerdown", grab)
    el.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1, way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key]
      if (!way || !ctx.may()) return
      event.preventDefault(); event.stopPropagation()
      nudge(i, spot(i), way[0] * step, way[1] * step, "soon")
    })
    return el
  }

  // The wheel over a line zooms as it does beside it.
  svg.addEventListener("wheel", (event) => {
    if (!box) return
    event.preventDefault()
    const r = svg.getBoundingClientRect(), near = Math.max(-0.9, Math.min(0.9, -event.deltaY / 600))
    const [fx, fy] = far(event.clientX - r.left - box.left, event.clientY - r.top - box.top)
    for (const [range, c] of [[figure.x_range, box.x0 + fx], [figure.y_range, box.y1 + fy]])
      setRange(range, range.start + near * (c - range.start), range.end - near * (range.end - c))
  }, {passive: false})

  const render = () => {
    box = frameBox(figure)
    svg.style.visibility = box ? "" : "hidden"
    if (!box) return
    for (const key of ["width", "height"]) hole.setAttribute(key, box[key])
    hole.setAttribute("x", box.left)
    hole.setAttribute("y", box.top)
    const table = ctx.table(), base = ctx.base(), told = ctx.told()
    const coloured = (el, i) => { el.style.setProperty("--gate", ctx.colour(i)); el.dataset.quantile = ctx.name(i); return el }
    const differs = (i) => base[i] && (!table[i] || lineOf(table[i], ctx.at, detector).join() !== lineOf(base[i], ctx.at, detector).join())
    old.replaceChildren(...base.flatMap((row, i) => (differs(i) ? [coloured(shape("path", "before", {d: path(lineOf(row, ctx.at, detector))}), i)] : [])))
    body.replaceChildren(...table.flatMap((row, i) => {
      const d = path(lineOf(row, ctx.at, detector)), g = coloured(shape("g", i === ctx.quantile() ? "gate selected" : "gate"), i)
      g.append(shape("path", "casing", {d}), shape("path", "line", {d}))
      return [g]
    }))
    const found = told.beads
    cloud.replaceChildren()
    if (found) {
      const [lo, mid, hi] = found.fsc, [top, centre, bottom] = found[detector]
      const [x, y] = px([mid, centre]), r = 11
      const d = path([[lo, centre], [hi, centre]]) + path([[mid, bottom], [mid, top]]) + `M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`
      cloud.append(shape("path", "around", {d}), shape("path", "spot", {d}))
    }
    while (hands.children.length > table.length) hands.lastChild.remove()
    while (hands.children.length < table.length) hands.append(handleOf(hands.children.length))
    table.forEach((_, i) => {
      const el = coloured(hands.children[i], i), [x, y] = px(spot(i))
      const inside = x >= box.left - 1 && x <= box.left + box.width + 1 && y >= box.top - 1 && y <= box.top + box.height + 1
      el.style.display = inside ? "" : "none"
      el.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`)
      el.classList.toggle("current", i === ctx.quantile())
      const [fsc, d] = spot(i).map((v) => Math.round(v))
      el.setAttribute("aria-label", `Beads of quantile ${ctx.name(i)}: fsc_small ${fsc}, ${detector} ${d}. Arrow keys move them`)
    })
  }
  return {render, svg}
}
