// The time control: how far back, from when to when (UTC), and whether the page follows now.
const PRESETS = [["1 h", "now-1h..now", "Last hour"], ["6 h", "now-6h..now", "Last 6 hours"], ["1 day", "now-1d..now", "Last day"], ["All", "all", "Whole cruise"]]
const LEFT = '<svg viewBox="0 0 16 16"><path d="M10 3 5 8l5 5"/></svg>', RIGHT = '<svg viewBox="0 0 16 16"><path d="M6 3l5 5-5 5"/></svg>'

export function render({model, view}) {
  const el = make("div", "control")
  const stop = watchTheme(view.model.document, () => {})
  const presets = make("div", "segments")
  presets.setAttribute("role", "group")
  presets.setAttribute("aria-label", "Time range")
  const buttons = PRESETS.map(([text, time, title]) => {
    const b = make("button", null, text)
    b.title = title
    b.onclick = () => { model.asked = {time, n: ++n} }
    presets.append(b)
    return [b, time]
  })
  let n = 0
  const step = (sign, svg, title) => {
    const b = make("button", "step")
    b.innerHTML = svg
    b.title = title
    b.setAttribute("aria-label", title)
    b.onclick = () => { const [a, z] = model.window, w = (z - a) * sign; go(a + w, z + w) }
    return b
  }
  const go = (a, z) => { model.asked = {time: `${iso(a)}..${iso(z)}`, n: ++n} }
  const iso = (ms) => new Date(Math.round(ms / 1000) * 1000).toISOString().slice(0, 19)
  const field = (label) => {
    const input = make("input")
    input.setAttribute("aria-label", label)
    input.placeholder = "2014-07-04 00:00"
    input.spellcheck = false
    input.autocomplete = "off"
    input.onkeydown = (event) => {
      if (event.key === "Enter") input.blur()
      if (event.key === "Escape") { input.blur(); show() }
    }
    return input
  }
  const from = field("From (UTC)"), to = field("To (UTC)")
  let applied = ""
  const apply = () => {
    const [a, z] = [from.value.trim(), to.value.trim()]
    const text = `${a.replace(" ", "T")}..${z.replace(" ", "T")}`
    if ((a === shown[0] && z === shown[1]) || text === applied) return
    applied = text
    model.asked = {time: text, n: ++n}
  }
  const range = make("div", "range")
  range.addEventListener("focusout", (event) => { if (!range.contains(event.relatedTarget)) apply() })
  range.append(step(-1, LEFT, "Earlier"), from, make("span", "dash", "–"), to, make("span", "utc", "UTC"), step(1, RIGHT, "Later"))
  const follow = make("button", "follow")
  follow.innerHTML = '<i></i><span>Follow now</span>'
  follow.setAttribute("role", "switch")
  follow.onclick = () => { model.asked = {follow: !model.follow, n: ++n} }
  const words = make("span", "words")
  words.setAttribute("role", "status")
  el.append(presets, range, follow, words)

  let shown = ["", ""]
  const show = () => {
    const w = model.window ?? []
    const fine = w.length === 2 && w[1] - w[0] < 600000
    shown = w.length === 2 ? w.map((t) => stamp(t, fine)) : ["", ""]
    const focus = el.getRootNode().activeElement
    for (const [input, text] of [[from, shown[0]], [to, shown[1]]]) if (input !== focus) { input.value = text; input.size = text.length }
    for (const [b, time] of buttons) b.setAttribute("aria-pressed", model.time === time)
    follow.setAttribute("aria-checked", model.follow)
    follow.title = model.follow ? "The page goes on with time" : "Paused: you are looking back"
    follow.lastChild.textContent = model.finished ? "Follow the end" : "Follow now"
    el.dataset.follow = model.follow
    words.textContent = model.message || (model.follow ? "" : "Paused: looking back")
    words.dataset.bad = Boolean(model.message)
    applied = ""
  }
  model.on(["window", "time", "follow", "message", "finished"], show)
  atEnd({model, view}, "own", stop)
  show()
  return el
}
