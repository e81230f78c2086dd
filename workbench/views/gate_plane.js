// Polygons over one cytogram: the gates as drawn, the selected one with a handle for each corner. All of it is SVG over
// Bokeh's axes, so that handles have a name, take the focus and follow the hand without asking anybody.

// `ctx` is the editor: gates(), base(), selected(), point(), may(), colour(name), label(name), drawing(), and what a hand
// does: select(name), pick(point), reshape(name, vertices, final), place(vertices), finish(vertices).
function planeOf(ctx, figure, cell, [xName, yName]) {
  const svg = shape("svg", "gates"), clip = shape("clipPath"), hole = shape("rect")
  clip.id = `wb-clip-${Math.random().toString(36).slice(2)}`
  clip.append(hole)
  const old = shape("g", "old", {"clip-path": `url(#${clip.id})`}), body = shape("g"), pen = shape("g", "pen")
  const paper = shape("rect", "paper")
  svg.append(clip, old, body, paper, pen)
  cell.append(svg)
  const groups = new Map()
  let box = null

  const frame = () => frameBox(figure)
  const px = ([cx, cy]) => [
    box.left + ((cx - box.x0) / (box.x1 - box.x0)) * box.width, box.top + ((box.y1 - cy) / (box.y1 - box.y0)) * box.height]
  const code = (x, y) => [
    box.x0 + ((x - box.left) / box.width) * (box.x1 - box.x0), box.y1 - ((y - box.top) / box.height) * (box.y1 - box.y0)]
  const pinned = ([x, y]) => [
    Math.min(Math.max(x, box.left), box.left + box.width), Math.min(Math.max(y, box.top), box.top + box.height)]
  const at = (event) => { const r = svg.getBoundingClientRect(); return [event.clientX - r.left, event.clientY - r.top] }
  const path = (vertices) => "M" + curve(vertices).map((p) => px(p).map((v) => v.toFixed(1)).join()).join("L") + "Z"
  const spot = (vertex) => px(vertex.map(toCode))

  const drag = draggedBy
  const gateOf = (name) => ctx.gates().find((g) => g.population === name)
  // A corner moved by pixels: only the axis that moved changes, the other number stays what it was, to the last digit.
  const moved = (vertex, dx, dy) => {
    const [x, y] = pinned(spot(vertex)), [cx, cy] = code(x + dx, y + dy)
    return [dx ? tidy(toLinear(cx)) : vertex[0], dy ? tidy(toLinear(cy)) : vertex[1]]
  }
  const shifted = (vertices, dx, dy) => {
    const fx = toLinear((dx / box.width) * (box.x1 - box.x0)), fy = toLinear((-dy / box.height) * (box.y1 - box.y0))
    return vertices.map(([x, y]) => [dx ? tidy(x * fx) : x, dy ? tidy(y * fy) : y])
  }
  const swapped = (vertices, i, vertex) => vertices.map((v, k) => (k === i ? vertex : v))

  const groupOf = (name) => {
    const g = shape("g", "gate"), area = shape("path", "area"), casing = shape("path", "casing"), line = shape("path", "line")
    const hit = shape("path", "hit"), text = shape("text", "name"), middles = shape("g"), handles = shape("g")
    g.dataset.population = name
    const shapes = shape("g", "", {"clip-path": `url(#${clip.id})`})
    shapes.append(area, casing, line, hit, text)
    g.append(shapes, middles, handles)
    const hold = (event) => {
      if (event.button || ctx.drawing()) return
      const chosen = ctx.selected() === name
      if (!chosen) { event.stopPropagation(); ctx.select(name); return }
      if (!ctx.may()) return
      const from = gateOf(name).vertices
      drag(hit, event, (dx, dy) => ctx.reshape(name, shifted(from, dx, dy), false), (was) => { if (was) ctx.reshape(name, gateOf(name).vertices, true) })
    }
    hit.addEventListener("pointerdown", hold)
    area.addEventListener("pointerdown", hold)
    body.append(g)
    return {g, area, casing, line, hit, text, middles, handles}
  }
  // Points may lie closer together than a finger is wide: the nearest one is meant, whichever lies on top.
  const grab = (name, event) => {
    if (event.button) return
    const from = gateOf(name).vertices, [x, y] = at(event), far = ([a, b]) => Math.hypot(a - x, b - y)
    const corners = from.map((v) => far(pinned(spot(v)))), halves = from.map((_, i) => far(spot(middle(from, i))) + 4)
    const i = corners.indexOf(Math.min(...corners)), k = halves.indexOf(Math.min(...halves))
    if (corners[i] <= halves[k] || corners[i] < 9) pull(name, i, event)
    else split(name, k, event)
  }
  const pull = (name, i, event) => {
    const from = gateOf(name).vertices
    groups.get(name)?.handles.children[i]?.focus({preventScroll: true})
    ctx.pick(i)
    drag(svg, event, (dx, dy) => ctx.reshape(name, swapped(from, i, moved(from[i], dx, dy)), false), (was) => { if (was) ctx.reshape(name, gateOf(name).vertices, true) })
  }
  const split = (name, i, event) => {
    const from = gateOf(name).vertices, vertex = middle(from, i), more = [...from.slice(0, i + 1), vertex.map(tidy), ...from.slice(i + 1)]
    const put = (dx, dy) => ctx.reshape(name, swapped(more, i + 1, moved(vertex, dx, dy)), false)
    drag(svg, event, put, (was) => { ctx.reshape(name, was ? gateOf(name).vertices : more, true); ctx.pick(i + 1) })
  }
  const handleOf = (name, i) => {
    const el = shape("g", "handle", {tabindex: "0", role: "button"})
    el.append(shape("circle", "reach", {r: 15}), shape("circle", "dot", {r: 5}))
    el.addEventListener("pointerdown", (event) => grab(name, event))
    el.addEventListener("focus", () => ctx.pick(i))
    el.addEventListener("dblclick", (event) => { event.stopPropagation(); ctx.without(name, Math.max(0, ctx.point())) })
    el.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1, way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key]
      if (way) {
        event.preventDefault(); event.stopPropagation()
        const vertices = gateOf(name).vertices
        ctx.reshape(name, swapped(vertices, i, moved(vertices[i], way[0] * step, way[1] * step)), "soon")
      } else if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); ctx.without(name, i) }
      else if (event.key === "+" || event.key === "Insert") { event.preventDefault(); ctx.another(name, i) }
    })
    return el
  }
  const middleOf = (name, i) => {
    const el = shape("g", "middle")
    el.append(shape("circle", "reach", {r: 11}), shape("circle", "dot", {r: 3.5}), shape("path", "plus", {d: "M-2 0H2M0-2V2"}))
    el.addEventListener("pointerdown", (event) => grab(name, event))
    return el
  }
  const fill = (parent, n, make) => {
    while (parent.children.length > n) parent.lastChild.remove()
    while (parent.children.length < n) parent.append(make(parent.children.length))
  }

  // The wheel over a polygon zooms as it does beside it.
  svg.addEventListener("wheel", (event) => {
    if (!box) return
    event.preventDefault()
    const near = Math.max(-0.9, Math.min(0.9, -event.deltaY / 600)), [cx, cy] = code(...at(event))
    for (const [range, c] of [[figure.x_range, cx], [figure.y_range, cy]])
      setRange(range, range.start + near * (c - range.start), range.end - near * (range.end - c))
  }, {passive: false})

  // drawing a new one: click by click, or by pressing and dragging each point
  paper.addEventListener("pointerdown", (event) => {
    const drawn = ctx.drawing()
    if (!drawn || event.button) return
    event.preventDefault(); event.stopPropagation()
    const [x, y] = at(event)
    if (drawn.vertices.length > 2 && Math.hypot(...spot(drawn.vertices[0]).map((v, k) => v - [x, y][k])) < 14) ctx.finish()
    else ctx.place(code(x, y).map((c) => tidy(toLinear(c))))
  })
  paper.addEventListener("pointermove", (event) => { if (ctx.drawing()) draft(ctx.drawing().vertices, at(event)) })
  paper.addEventListener("dblclick", (event) => { event.stopPropagation(); ctx.finish() })
  const draft = (vertices, mouse) => {
    pen.replaceChildren()
    if (!vertices.length) return
    const dots = vertices.map(spot), line = shape("polyline", "sketch", {points: [...dots, ...(mouse ? [mouse] : [])].map((p) => p.join()).join(" ")})
    pen.append(line, ...dots.map(([cx, cy], i) => shape("circle", i ? "dot" : "dot first", {cx, cy, r: i ? 4 : 7})))
  }

  const write = (kept, gate) => {
    const {population: name, vertices} = gate, chosen = ctx.selected() === name, hands = chosen && ctx.may() && !ctx.drawing()
    const d = path(vertices)
    for (const el of [kept.area, kept.casing, kept.line, kept.hit]) el.setAttribute("d", d)
    kept.g.classList.toggle("selected", chosen)
    kept.g.style.setProperty("--gate", ctx.colour(name))
    const tops = vertices.map(spot).map(pinned), top = tops.reduce((a, b) => (b[1] < a[1] ? b : a))
    const x = Math.min(Math.max(top[0], box.left + 8), box.left + box.width - 8)
    const ends = [0, 1].map((k) => vertices.map((v) => spot(v)[k])), low = [box.left, box.top], high = [box.left + box.width, box.top + box.height]
    const inView = ends.every((along, k) => Math.min(...along) <= high[k] && Math.max(...along) >= low[k])
    kept.text.textContent = inView ? ctx.label(name) : ""
    kept.text.setAttribute("x", x)
    kept.text.setAttribute("y", Math.max(top[1] - 9, box.top + 13))
    kept.text.setAttribute("text-anchor", x < box.left + 60 ? "start" : x > box.left + box.width - 60 ? "end" : "middle")
    fill(kept.handles, hands ? vertices.length : 0, (i) => handleOf(name, i))
    fill(kept.middles, hands ? vertices.length : 0, (i) => middleOf(name, i))
    if (!hands) return
    vertices.forEach((vertex, i) => {
      const el = kept.handles.children[i], free = spot(vertex), [hx, hy] = pinned(free)
      el.setAttribute("transform", `translate(${hx.toFixed(1)} ${hy.toFixed(1)})`)
      el.classList.toggle("outside", Math.hypot(free[0] - hx, free[1] - hy) > 1)
      el.classList.toggle("current", ctx.point() === i)
      el.setAttribute("aria-label", `Point ${i + 1} of ${ctx.label(name)}: ${xName} ${vertex[0]}, ${yName} ${vertex[1]}. Arrow keys move it`)
      const [mx, my] = spot(middle(vertices, i)), m = kept.middles.children[i]
      m.setAttribute("transform", `translate(${mx.toFixed(1)} ${my.toFixed(1)})`)
      m.style.display = pinned([mx, my]).every((v, k) => v === [mx, my][k]) && Math.hypot(mx - hx, my - hy) > 16 ? "" : "none"
    })
  }

  const render = () => {
    box = frame()
    svg.style.visibility = box ? "" : "hidden"
    if (!box) return
    for (const el of [hole, paper]) for (const key of ["width", "height"]) el.setAttribute(key, box[key])
    for (const el of [hole, paper]) { el.setAttribute("x", box.left); el.setAttribute("y", box.top) }
    const mine = (gates) => gates.filter((g) => g.x === xName && g.y === yName && g.vertices.length)
    const here = mine(ctx.gates())
    for (const [name, kept] of groups) if (!here.some((g) => g.population === name)) { kept.g.remove(); groups.delete(name) }
    for (const gate of here) {
      if (!groups.has(gate.population)) groups.set(gate.population, groupOf(gate.population))
      write(groups.get(gate.population), gate)
    }
    const chosen = groups.get(ctx.selected())
    if (chosen && body.lastChild !== chosen.g && !chosen.g.contains(svg.getRootNode().activeElement)) body.append(chosen.g)
    old.replaceChildren(...mine(ctx.base()).map((g) => {
      const el = shape("path", "before", {d: path(g.vertices)})
      el.style.setProperty("--gate", ctx.colour(g.population))
      return el
    }))
    const drawn = ctx.drawing(), active = Boolean(drawn && drawn.x === xName && drawn.y === yName)
    paper.style.display = active ? "" : "none"
    cell.classList.toggle("drawing", active)
    if (active) draft(drawn.vertices)
    else pen.replaceChildren()
  }
  const centre = () => code(box.left + box.width / 2, box.top + box.height / 2)
  const span = () => [box.x1 - box.x0, box.y1 - box.y0]
  const focus = (name, i) => groups.get(name)?.handles.children[i]?.focus({preventScroll: true})
  return {render, focus, centre, span, svg, name: `${xName},${yName}`}
}
