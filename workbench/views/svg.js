// What is drawn over Bokeh's axes as SVG: shapes, where a figure's frame is, one pointer from down to up.

const NS = "http://www.w3.org/2000/svg"
const shape = (tag, name, attributes = {}) => {
  const el = document.createElementNS(NS, tag)
  if (name) el.setAttribute("class", name)
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value)
  return el
}

// The frame of a figure in pixels, and its ranges; null before it is laid out.
function frameBox(figure) {
  const plot = Bokeh.index.find_one_by_id?.(figure.id), b = plot?.frame?.bbox
  if (!b || b.width < 10) return null
  const {start: x0, end: x1} = figure.x_range, {start: y0, end: y1} = figure.y_range
  return {left: b.left, top: b.top, width: b.width, height: b.height, x0, x1, y0, y1}
}

// One pointer from down to up: `move(dx, dy)` in pixels since then, `end(moved)`.
function draggedBy(el, event, move, end) {
  event.preventDefault(); event.stopPropagation()
  const [x, y] = [event.clientX, event.clientY]
  let moved = false
  try { el.setPointerCapture(event.pointerId) } catch { /* a pointer that is gone already */ }
  const on = (e) => {
    if (e.pointerId !== event.pointerId) return
    if (!moved && Math.hypot(e.clientX - x, e.clientY - y) < 3) return
    moved = true
    move(e.clientX - x, e.clientY - y)
  }
  const off = (e) => {
    if (e.pointerId !== event.pointerId) return
    for (const [name, call] of [["pointermove", on], ["pointerup", off], ["pointercancel", off]]) el.removeEventListener(name, call)
    end(moved)
  }
  for (const [name, call] of [["pointermove", on], ["pointerup", off], ["pointercancel", off]]) el.addEventListener(name, call)
}

// Thousands told apart; a button that is an icon.
const thin = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009")
function iconButton(d, title, call) {
  const b = make("button", "icon")
  b.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${d}"/></svg>`
  b.title = title
  b.setAttribute("aria-label", title)
  b.onclick = call
  return b
}
