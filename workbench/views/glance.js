// A page at a glance: what came with its first bytes, drawn still. The live page is built beneath; `workbenchGlance` is how
// its map and its cytograms tell that they are drawn, and take over the frames that are here already.

function glance(told) {
  const given = new URLSearchParams(location.search), stored = (() => { try { return localStorage.getItem("workbench-theme") } catch { return null } })()
  const chosen = ["dark", "light"].includes(given.get("theme")) ? given.get("theme") : stored
  const dark = (chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark"
  const theme = dark ? "dark" : "light", role = ROLES[theme]
  applyTheme(dark)
  const sheets = Object.fromEntries(Object.entries(SHEETS).map(([name, text]) => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    return [name, sheet]
  }))
  // A part of the page as its components are: an element with a closed tree and style sheets of its own.
  const part = (classes, css, ...children) => {
    const host = make("div", classes), root = host.attachShadow({mode: "closed"})
    root.adoptedStyleSheets = ["glance.css", ...css].map((name) => sheets[name])
    root.append(...children)
    return host
  }
  const ends = [], props = (values) => ({model: {...values, on: (name, call) => { if (name === "remove") ends.push(call) }}, view: {model: {document: null}}})
  const pieceOf = (html, classes) => part(classes, ["words.css"], words(props({html, clock: told.clock})))
  const later = []                                          // what is painted once it has a size

  const card = (one) => {
    const body = part("body " + (one.kind === "map" ? "" : "picture"), ["stage.css"], (one.kind === "map" ? mapOf : pictureOf)(one))
    const options = Object.fromEntries(one.choices.map((c) => [c.key, c.options])), values = Object.fromEntries(one.choices.map((c) => [c.key, [c.value]]))
    const head = part("cardhead", ["choose.css"], choose(props({title: one.title, choices: one.choices, options, values})))
    return part(`card ${one.kind}`, ["board.css"], head, body)
  }
  const stage = (...children) => {
    const el = make("div", "stage"), canvas = make("canvas"), box = make("div")
    box.append(canvas)
    el.append(box, ...children)
    return {el, canvas, box}
  }

  // A frame within a canvas, with ticks: [place, label] along the bottom and up the side, in the data's own numbers.
  const axes = (canvas, range, {left, right, top, bottom, ticks, labels, background}) => {
    const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1, w = box.width - left - right, h = box.height - top - bottom
    if (!(w > 20 && h > 20)) return null
    canvas.width = Math.round(box.width * ratio)
    canvas.height = Math.round(box.height * ratio)
    const c = canvas.getContext("2d"), [x0, x1, y0, y1] = range(w, h)
    c.scale(ratio, ratio)
    const X = (x) => left + (x - x0) / (x1 - x0) * w, Y = (y) => top + h - (y - y0) / (y1 - y0) * h
    c.fillStyle = background
    c.fillRect(left, top, w, h)
    const inside = (draw) => { c.save(); c.beginPath(); c.rect(left, top, w, h); c.clip(); draw(c, X, Y); c.restore() }
    const finish = () => {
      const font = getComputedStyle(canvas).fontFamily
      c.strokeStyle = role.line
      c.lineWidth = 1
      c.strokeRect(left + 0.5, top + 0.5, w, h)
      c.font = `11.5px ${font}`
      c.fillStyle = role.muted
      c.textAlign = "center"
      c.textBaseline = "top"
      for (const [x, text] of ticks(x0, x1, true)) { c.fillText(text, X(x), top + h + 8); c.strokeRect(Math.round(X(x)) + 0.5, top + h, 0, 4) }
      c.textAlign = "right"
      c.textBaseline = "middle"
      for (const [y, text] of ticks(y0, y1, false)) { c.fillText(text, left - 8, Y(y), left - (labels ? 26 : 8)); c.strokeRect(left - 4, Math.round(Y(y)) + 0.5, 4, 0) }
      c.fillStyle = role.ink
      c.font = `12px ${font}`
      c.textAlign = "center"
      if (labels) {
        c.textBaseline = "alphabetic"
        c.fillText(labels[0], left + w / 2, box.height - 4)
        c.translate(12, top + h / 2)
        c.rotate(-Math.PI / 2)
        c.fillText(labels[1], 0, 0)
      }
    }
    const lines = (color) => {
      c.strokeStyle = color
      c.lineWidth = 1
      for (const [x] of ticks(x0, x1, true)) c.strokeRect(Math.round(X(x)) + 0.5, top, 0, h)
      for (const [y] of ticks(y0, y1, false)) c.strokeRect(left, Math.round(Y(y)) + 0.5, w, 0)
    }
    return {inside, finish, lines, left, top, w, h, c, X, Y}
  }
  const even = (lo, hi, many, mantissas, tell) => {
    const p = 10 ** Math.floor(Math.log10((hi - lo) / many)), off = (step) => Math.abs(many - (hi - lo) / step), out = []
    const step = [...mantissas, 10].map((m) => m * p).reduce((a, b) => (off(b) < off(a) ? b : a))
    for (let k = Math.ceil(lo / step); k * step <= hi; k++) out.push([k * step, tell(k * step, step)])
    return out
  }

  function mapOf(one) {
    const cover = make("div", "cover", "No positions yet"), fits = make("div", "fits")
    for (const text of ["Whole cruise", "Range"]) fits.append(make("button", null, text))
    fits.firstChild.setAttribute("aria-pressed", "true")
    const {el, canvas} = stage(cover, fits)
    const [wx, wy, x0, y0, x1, y1, value, nx, ny, lx, ly] = [
      one.whole.x, one.whole.y, one.track.x0, one.track.y0, one.track.x1, one.track.y1, one.track.value, one.newest.x, one.newest.y, one.land.x, one.land.y].map(floats)
    const whole = boxOf([wx, nx], [wy, ny])
    cover.hidden = whole != null
    const place = (east) => (v, step) => {
      const folded = east ? ((v + 180) % 360 + 360) % 360 - 180 : v, digits = Math.max(0, Math.min(5, Math.ceil(-Math.log10(step) - 1e-6))), size = Math.abs(folded).toFixed(digits)
      return Number(size) === 0 || (east && Number(size) === 180) ? `${Number(size)}°` : `${size}°${folded < 0 ? (east ? "W" : "S") : (east ? "E" : "N")}`
    }
    const scale = HOUSE.trackColours[theme], at = (v) => (Number.isFinite(v) ? scale[Math.max(0, Math.min(scale.length - 1, Math.floor((v - one.low) / (one.high - one.low) * scale.length)))] : role.accent)
    const asked = (given.get("map") ?? "").split(",").map(Number), there = asked.length === 4 && asked.every(Number.isFinite) ? asked : given.get("map") === "range" ? boxOf([x0, x1], [y0, y1]) : null
    later.push(() => {
      const shows = Boolean(one.label)
      const plot = axes(canvas, (w, h) => fitted(there ?? whole ?? one.home, w, h), {
        left: 45, right: shows ? 81 : 4, top: 0.5, bottom: 24, background: role.sea, ticks: (a, b, across) => even(a, b, 5, [1, 2, 3, 5], place(across)),
      })
      if (!plot) return false
      plot.inside((c, X, Y) => {
        const line = (xs, ys, close) => {
          c.beginPath()
          let pen = false
          for (let i = 0; i < xs.length; i++) {
            if (!Number.isFinite(xs[i] + ys[i])) { if (close) c.closePath(); pen = false; continue }
            pen ? c.lineTo(X(xs[i]), Y(ys[i])) : c.moveTo(X(xs[i]), Y(ys[i]))
            pen = true
          }
        }
        plot.lines(role.grid)
        line(lx, ly, true)
        c.fillStyle = role.land
        c.fill("evenodd")
        line(wx, wy)
        c.strokeStyle = role.whole
        c.lineWidth = 1.5
        c.lineJoin = c.lineCap = "round"
        c.stroke()
        for (const [width, colour] of [[7, () => role.casing], [4, at]]) {
          c.lineWidth = width
          for (let i = 0; i < value.length; i++) { c.strokeStyle = colour(value[i]); c.beginPath(); c.moveTo(X(x0[i]), Y(y0[i])); c.lineTo(X(x1[i]), Y(y1[i])); c.stroke() }
        }
        c.strokeStyle = c.fillStyle = role.ink
        c.lineWidth = 2.5
        for (let i = 0; i < nx.length; i++) for (const [r, fill] of [[8.5, false], [3, true]]) { c.beginPath(); c.arc(X(nx[i]), Y(ny[i]), r, 0, 7); fill ? c.fill() : c.stroke() }
      })
      if (shows) bar(plot, one, scale)
      plot.finish()
      el.style.setProperty("--left", `${plot.left}px`)
      return true
    })
    return el
  }
  const bar = (plot, one, scale) => {
    const {c, left, top, w, h} = plot, x = left + w + 28, from = top + 8, high = h - 14
    scale.forEach((colour, i) => { c.fillStyle = colour; c.fillRect(x, from + high * (1 - (i + 1) / scale.length), 10, high / scale.length + 0.7) })
    c.save()
    c.fillStyle = role.ink
    c.font = `12px ${getComputedStyle(c.canvas).fontFamily}`
    c.textAlign = "center"
    c.translate(x - 7, from + high / 2)
    c.rotate(-Math.PI / 2)
    c.fillText(one.label, 0, 0, high)
    c.restore()
    c.font = `11.5px ${getComputedStyle(c.canvas).fontFamily}`
    c.textAlign = "left"
    c.fillStyle = role.muted
    c.textBaseline = "middle"
    for (const [v, text] of even(one.low, one.high, 5, [1, 2, 5], (v) => String(Number(v.toPrecision(6))))) c.fillText(text, x + 15, from + high * (1 - (v - one.low) / (one.high - one.low)))
  }

  function pictureOf(one) {
    const foot = make("div", "caption"), told = make("span", "told"), cover = make("div", "cover"), key = make("span", "key"), ramp = make("i")
    told.style.display = "contents"
    foot.append(told)
    const {el, canvas} = stage(cover, key, foot), palette = HOUSE.density[theme]
    key.append(make("span", null, "few"), ramp, make("span", null, "many"))
    ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((f) => palette[Math.round(f * (palette.length - 1))]).join()})`
    el.dataset.state = "wait"
    const zoom = (given.get(`zoom${one.plane}`) ?? "").split(",").map(Number), range = zoom.length === 4 && zoom.every(Number.isFinite) ? zoom : one.whole
    const per = 65536 / 3.5, tens = (a, b) => { const out = []; for (let k = Math.ceil(a / per); k <= b / per; k++) out.push([k * per, String(10 ** k)]); return out }
    const ticks = (a, b, across) => (one.decades[across ? 0 : 1] && b - a > per ? tens(a, b) : even(a, b, 5, [1, 2, 5], (v) => String(v)))
    later.push(async () => {
      const plot = axes(canvas, () => range, {left: 60, right: 3, top: 0.5, bottom: 43, background: role.card, ticks, labels: one.labels})
      if (!plot) return false
      plot.lines(role.grid)
      plot.finish()
      el.style.setProperty("--left", `${plot.left}px`)
      if (!one.frame) { cover.textContent = "Waiting for the picture"; return false }
      const [h, levels] = await unpack(Uint8Array.from(atob(one.frame), (c) => c.charCodeAt(0)))
      if (h.fault || !levels || !h.particles) { cover.textContent = ((text) => text[0].toUpperCase() + text.slice(1))(h.fault || h.empty || "no data in this time range"); el.dataset.state = h.fault ? "fault" : "empty"; return true }
      const image = new ImageData(h.width, h.height), [shades, colours] = h.populations ? shadesOf(h, levels) : [levels, palette.map(rgb)]
      const pixels = new Uint32Array(image.data.buffer)
      for (let y = 0; y < h.height; y++) for (let x = 0; x < h.width; x++) {
        const level = shades[y * h.width + x]
        if (level) pixels[(h.height - 1 - y) * h.width + x] = colours[Math.floor((level - 1) / 254 * (colours.length - 1))] ?? 0
      }
      const bitmap = await createImageBitmap(image)
      plot.c.setTransform(devicePixelRatio || 1, 0, 0, devicePixelRatio || 1, 0, 0)
      plot.inside((c, X, Y) => { c.imageSmoothingEnabled = false; c.drawImage(bitmap, X(h.x0), Y(h.y1), X(h.x1) - X(h.x0), Y(h.y0) - Y(h.y1)) })
      el.dataset.state = "shown"
      key.hidden = Boolean(h.populations)
      told.replaceChildren(...caption(h).map((t) => make("span", null, t)))
      return true
    })
    return el
  }
  const rgb = (hex) => (0xff000000 | parseInt(hex.slice(5, 7), 16) << 16 | parseInt(hex.slice(3, 5), 16) << 8 | parseInt(hex.slice(1, 3), 16)) >>> 0
  const shadesOf = (h, levels) => {
    const n = h.populations.length, many = Math.min(GROUP_SHADES, Math.floor(255 / Math.max(1, n))), known = HOUSE.colours.known, lines = HOUSE.colours.others[theme]
    const colour = (name) => known[name]?.[theme] ?? lines[[...new TextEncoder().encode(name)].reduce((a, b) => a + b, 0) % lines.length]
    const palette = h.populations.flatMap((name) => Array.from({length: many}, (_, s) => mixed(colour(name), role.card, 0.55 + (0.45 * s) / Math.max(1, many - 1))))
    while (palette.length < 255) palette.push(role.card)
    return [dominant(levels, h.width * h.height, n, h.populations.map(() => false)), palette.map(rgb)]
  }

  const bars = part("card timebar", ["board.css"], part("controlrow", ["board.css"], part("", ["control.css"], control(props(told.time)))), part("navigator", []))
  const row = (kind, ...cells) => part(`row ${kind}`, ["board.css"], ...cells)
  const rows = told.tiles ? [part("strip", ["words.css"], strip(props({tiles: told.tiles, changed: {}, clock: told.clock})))] : []
  if (told.cards.length) rows.push(row("upper", ...told.cards.map(card)))
  if (told.lower.length) rows.push(row("lower", ...told.lower.map((kind) => part(`card ${kind}`, ["board.css"]))))
  for (let i = 0; i < told.more; i += 3) rows.push(row("more", ...Array.from({length: Math.min(3, told.more - i)}, () => part("card against", ["board.css"]))))
  const board = part("board", ["board.css"], pieceOf(told.pages, "pages"), bars, ...rows)
  const head = make("div", dark ? "bar dark" : "bar"), page = make("div", "page")
  head.append(pieceOf(told.head, "pagehead"))
  page.append(board)
  const whole = part("glance", [], head, page)
  whole.setAttribute("aria-hidden", "true")
  document.body.prepend(whole)
  const waited = new Set(told.cards.map((one) => one.kind))
  const over = () => { for (const end of ends.splice(0)) end(); whole.remove(); delete globalThis.workbenchGlance }
  globalThis.workbenchGlance = {
    frames: told.cards.filter((one) => one.frame).map((one) => ({question: one.picture, frame: one.frame})),
    drawn: (kind) => { if (waited.delete(kind) && !waited.size) requestAnimationFrame(() => setTimeout(over, 60)) },
  }
  setTimeout(over, 30000)                                   // whatever happens, what stands still does not stay
  Promise.all(later.map((paint) => paint())).then((done) => requestAnimationFrame(() => { whole.dataset.painted = String(done.length > 0 && done.every(Boolean)) }))
}

const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)
