// Populations of a picture. Levels come as one plane for each, on one scale; a cell takes the colour of the population of
// which it has most, among those that are not hidden. Hiding one asks nobody.

const GROUP_SHADES = 32

// The shade of each cell: 0 nothing, else 1 + population * shades + strength.
function dominant(levels, cells, n, hidden) {
  const out = new Uint8Array(cells), shades = Math.min(GROUP_SHADES, Math.floor(255 / n))
  for (let i = 0; i < cells; i++) {
    let most = 0, who = 0
    for (let p = 0; p < n; p++) {
      const level = hidden[p] ? 0 : levels[p * cells + i]
      if (level > most) { most = level; who = p }
    }
    if (most) out[i] = 1 + who * shades + Math.floor(((most - 1) * shades) / 255)
  }
  return out
}

function mixed(a, b, share) {
  const rgb = (c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16))
  const [p, q] = [rgb(a), rgb(b)]
  return "#" + p.map((v, i) => Math.round(v * share + q[i] * (1 - share)).toString(16).padStart(2, "0")).join("")
}

function groupsOf(model, mapper, redraw) {
  const el = make("div", "groups"), hidden = new Set(), buttons = new Map()
  const plainPalette = () => mapper.tags?.map((t) => entry(t, "paint")).find(Boolean)
  let last = null, dark = false
  const theme = () => (dark ? "dark" : "light")
  const colour = (name) => {
    const known = plain(entry(entry(model.colours, "known"), name))
    if (known) return known[theme()]
    const lines = entry(entry(model.colours, "others"), theme())
    return lines[[...new TextEncoder().encode(name)].reduce((a, b) => a + b, 0) % lines.length]
  }
  const paint = (now) => {
    dark = now
    if (!last) return
    const n = last.h.populations.length, shades = Math.min(GROUP_SHADES, Math.floor(255 / Math.max(1, n)))
    const palette = last.h.populations.flatMap((name) =>
      Array.from({length: shades}, (_, s) => mixed(colour(name), ROLES[theme()].card, 0.55 + (0.45 * s) / Math.max(1, shades - 1))))
    while (palette.length < 255) palette.push(ROLES[theme()].card)
    mapper.setv({palette}, {sync: false})
    for (const [name, button] of buttons) button.firstChild.style.background = colour(name)
  }
  const shades = () => {
    const {h, levels} = last
    return dominant(levels, h.width * h.height, h.populations.length, h.populations.map((name) => hidden.has(name)))
  }
  const buttonOf = (name) => {
    const button = make("button", "key-line")
    button.dataset.population = name
    button.append(make("i"), make("span", "name", entry(model.names, name) ?? name), make("b"))
    button.setAttribute("aria-pressed", "true")
    button.title = "Hide or show"
    button.onclick = () => {
      if (!hidden.delete(name)) hidden.add(name)
      button.setAttribute("aria-pressed", String(!hidden.has(name)))
      if (last) redraw(shades(), last.h)
    }
    buttons.set(name, button)
    return button
  }
  const legend = () => {
    const {populations, each} = last.h
    for (const name of populations) if (!buttons.has(name)) buttonOf(name)
    const known = Object.keys(plain(entry(model.colours, "known")))
    const place = (name) => { const i = known.indexOf(name); return i < 0 ? known.length : i }
    const order = [...buttons.keys()].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
    for (const name of order) {
      const i = populations.indexOf(name)
      buttons.get(name).lastChild.textContent = many(i < 0 ? 0 : each[i])
      el.append(buttons.get(name))
    }
  }
  // What to draw for a frame: its levels, or the shades of its populations.
  const draw = (h, levels) => {
    if (!h.populations) {
      if (last) {
        mapper.setv({palette: plain(entry(plainPalette(), theme())).palette}, {sync: false})
        el.replaceChildren(); buttons.clear(); last = null
      }
      return levels
    }
    last = {h, levels}
    legend()
    paint(dark)
    return shades()
  }
  return {el, draw, paint}
}
