// A figure on its card: repainted with the theme, with words over it (readouts, states) that are not in the canvas.

function stageOf({model, view}, child = "figure") {
  const el = make("div", "stage")
  el.append(model.get_child(child))
  const figure = view.model.data[child]
  const stops = [watchTheme(view.model.document, (dark) => repaint(figure, dark)), guard(el.firstChild)]
  atEnd({model, view}, "stage", () => { for (const stop of stops) stop() })
  const watch = (signal, call) => { signal.connect(call); stops.push(() => signal.disconnect(call)) }
  return {el, figure, stops, watch}
}

// Where a person zoomed to stands in the URL, so that a link shows it to somebody else. Notebooks have no such URL.
function keepInUrl(view, key, text) {
  if (!pageOf(view.model.document)) return
  const url = new URL(location.href)
  if (text) url.searchParams.set(key, text)
  else url.searchParams.delete(key)
  url.search = url.search.replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%2F/g, "/")
  if (url.href !== location.href) history.replaceState(history.state, "", url)
}
function fromUrl(view, key) {
  if (!pageOf(view.model.document)) return null
  const numbers = (new URLSearchParams(location.search).get(key) ?? "").split(",").map(Number)
  return numbers.length > 1 && numbers.every(Number.isFinite) ? numbers : null
}

// Width and height of a figure's frame; 0 before it is laid out.
function frameOf(figure) {
  try { return [figure.inner_width || 0, figure.inner_height || 0] } catch { return [0, 0] }
}

// A range told to the browser only.
function setRange(range, start, end) {
  if (range.start === start && range.end === end) return
  range.setv({start, end}, {sync: false})
}

// Where the page scrolls, wheel and finger belong to the page; a click or a tap on a plot hands them to the plot until
// one clicks elsewhere. Where the page does not scroll, the plot has the wheel at once.
function guard(el) {
  const parents = () => { const out = []; for (let n = el.parentNode; n; n = n.parentNode ?? n.host) if (n.nodeType === 1) out.push(n); return out }
  const scrolls = () => parents().some((n) => n.scrollHeight > n.clientHeight + 4 && /auto|scroll/.test(getComputedStyle(n).overflowY))
  let engaged = false, start = null
  el.classList.add("guard")
  const engage = (on) => { engaged = on; el.classList.toggle("engaged", on) }
  const wheel = (event) => { if (!engaged && !event.ctrlKey && scrolls()) event.stopPropagation() }
  const down = (event) => {
    if (event.pointerType === "touch" && !engaged) { start = [event.clientX, event.clientY, event.timeStamp]; event.stopPropagation() }
    else if (event.pointerType !== "touch" && scrolls()) engage(true)
  }
  const up = (event) => {
    if (event.pointerType !== "touch" || engaged || !start) return
    const still = Math.hypot(event.clientX - start[0], event.clientY - start[1]) < 8 && event.timeStamp - start[2] < 500
    start = null
    event.stopPropagation()
    if (still) engage(true)
  }
  const others = (event) => { if (engaged && !event.composedPath().includes(el)) engage(false) }
  el.addEventListener("wheel", wheel, {capture: true, passive: true})
  el.addEventListener("pointerdown", down, true)
  for (const name of ["pointerup", "pointercancel"]) el.addEventListener(name, up, true)
  el.addEventListener("pointermove", (event) => { if (event.pointerType === "touch" && !engaged) event.stopPropagation() }, true)
  for (const name of ["touchstart", "touchmove", "touchend"]) el.addEventListener(name, (event) => { if (!engaged) event.stopPropagation() }, {capture: true, passive: true})
  document.addEventListener("pointerdown", others, true)
  return () => document.removeEventListener("pointerdown", others, true)
}

// What is told before a page is drawn can be lost: it is asked for again, ever more seldom, until it is there; for half an
// hour at most, or who asks a server that is gone would ask for ever. What it returns ends it.
function askUntil(there, ask) {
  let timer = 0, left = 120
  const again = (wait) => {
    timer = setTimeout(() => {
      if (there() || !left--) return
      again(Math.min(2 * wait, 15000))
      ask()
    }, wait)
  }
  again(1500)
  return () => clearTimeout(timer)
}
