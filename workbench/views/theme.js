// Shared by every component of the page: the two themes as CSS variables, the theme in force, the cruise's clock.
// ROLES is written above this text by component.py.

function pageOf(doc) {
  return [...(doc?.roots() ?? [])].find((root) => root.class_name === "Page")
}

function isDark(doc) {
  const page = pageOf(doc)
  if (page) return Boolean(page.data.dark_theme)
  const light = document.body?.dataset.jpThemeLight  // JupyterLab says so on the body
  if (light != null) return light === "false"
  return document.documentElement.dataset.wbTheme === "dark"
}

function applyTheme(dark) {
  let style = document.getElementById("wb-theme")
  if (!style) {
    style = document.createElement("style")
    style.id = "wb-theme"
    const rule = (name) => Object.entries(ROLES[name]).map(([k, v]) => `--wb-${k}:${v}`).join(";")
    style.textContent = `:root{${rule("light")};color-scheme:light}:root[data-wb-theme=dark]{${rule("dark")};color-scheme:dark}`
    document.head.append(style)
  }
  document.documentElement.dataset.wbTheme = dark ? "dark" : "light"
}

// Call `paint(dark)` now and whenever the theme changes; returns a function that stops it.
function watchTheme(doc, paint) {
  const run = () => { const dark = isDark(doc); applyTheme(dark); paint(dark) }
  run()
  const page = pageOf(doc)
  if (page) {
    const signal = page.data.properties.dark_theme.change
    signal.connect(run)
    return () => signal.disconnect(run)
  }
  const observer = new MutationObserver(run)
  observer.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light"]})
  return () => observer.disconnect()
}

// What to stop when a component goes, or is drawn anew: Panel then forgets its handlers without calling them.
const ENDS = new WeakMap()
function atEnd({model, view}, what, stop) {
  const ends = ENDS.get(view) ?? new Map()
  ENDS.set(view, ends)
  ends.get(what)?.()
  ends.set(what, stop)
  model.on("remove", () => { if (ends.get(what) === stop) ends.delete(what); stop() })
}

const entry = (map, key) => (map instanceof Map ? map.get(key) : map?.[key])
const plain = (map) => (map instanceof Map ? Object.fromEntries(map) : map)

// Repaint what `paint.py` noted on a figure and everything in it. Nothing of this goes to the server.
function repaint(figure, dark) {
  for (const model of [figure, ...figure.references()]) {
    for (const tag of model.tags ?? []) {
      const noted = entry(tag, "paint")
      if (!noted) continue
      const colours = plain(entry(noted, dark ? "dark" : "light"))
      for (const key of Object.keys(colours)) model.properties[key].internal = true  // in notebooks, sync alone is not heeded
      model.setv(colours, {sync: false})
    }
  }
}

// The cruise's clock, told by the server ({now: ms, warp}) and carried on here. On a page, Tab tells it again and again.
function setClock(told) {
  const at = performance.now(), now = Number(entry(told, "now")), warp = Number(entry(told, "warp"))
  globalThis.__workbenchClock = () => now + (performance.now() - at) * warp
}
function clockOf(told) {
  const own = performance.now(), now = Number(entry(told, "now") ?? Date.now()), warp = Number(entry(told, "warp") ?? 1)
  return () => globalThis.__workbenchClock?.() ?? now + (performance.now() - own) * warp
}

const two = (n) => String(n).padStart(2, "0")
function stamp(ms, withSeconds = true) {
  const d = new Date(ms)
  const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
  return `${day} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${withSeconds ? ":" + two(d.getUTCSeconds()) : ""}`
}

function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 100) return `${s} s`
  if (s < 100 * 60) return `${Math.round(s / 60)} min`
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)}`
  return `${Math.round(s / 86400)} d`
}

function debounce(wait, call) {
  let timer = null
  const later = (...args) => { clearTimeout(timer); timer = setTimeout(() => call(...args), wait) }
  later.stop = () => clearTimeout(timer)
  return later
}

function make(tag, className, text) {
  const el = document.createElement(tag)
  if (className) el.className = className
  if (text != null) el.textContent = text
  return el
}
