// A picture that many tabs share. The tab asks for what it shows, once; the server answers once, when it has something
// newer; the tab draws and asks again. Hidden tabs do not ask. Only uint8 levels travel; the palette is here.

const BACK_OFF = [500, 1000, 2000, 4000, 8000]

export function render({model, view}) {
  const {el, figure, watch, stops} = stageOf({model, view})
  const foot = make("div", "caption"), cover = make("div", "cover"), note = make("div", "note")
  const words = make("span", "told"), key = make("span", "key"), ramp = make("i"), back = make("button", "whole", "Show all")
  words.style.display = "contents"
  key.append(make("span", null, "few"), ramp, make("span", null, "many"))
  key.title = "Particles in a cell, by rank"
  back.hidden = true
  back.title = "Back to the whole plane (or double-click)"
  foot.append(words)
  el.append(cover, note, back, key, foot)
  const glyph = figure.renderers.find((r) => r.name === "picture"), source = glyph.data_source
  const xr = figure.x_range, yr = figure.y_range
  const {ndarray} = Bokeh.require("core/util/ndarray")
  let socket = null, failures = 0, opened = false, ask = 0, have = "", timer = null, gone = false, shownKey = null
  el.dataset.state = "wait"

  const say = (state, text = "") => { el.dataset.state = state; cover.textContent = text; if (state !== "wait") globalThis.workbenchGlance?.drawn("cytogram") }
  const hint = (text) => { note.textContent = text; note.hidden = !text }
  const redraw = (drawn, h) => {
    const image = ndarray(drawn.buffer, {dtype: "uint8", shape: [h.height, h.width]})
    source.setv({data: new Map([...source.data.entries()].map(([k, v]) => [k, k === "image" ? [image] : v]))}, {sync: false, check_eq: false})
  }
  const groups = groupsOf(model, glyph.glyph.color_mapper, redraw)
  el.append(groups.el)
  stops.push(watchTheme(view.model.document, groups.paint))
  hint("")
  say("wait", "Waiting for the picture")

  const question = () => {
    const level = Math.min(2048, Math.max(128, 2 ** Math.round(Math.log2(Math.max(...frameOf(figure), 128)))))
    return {...plain(model.question), range: [xr.start, xr.end, yr.start, yr.end], level: Math.min(level, model.level)}
  }
  // The same picture, where it came with the page's first bytes (glance.js): once.
  const seen = (q) => {
    const frames = globalThis.workbenchGlance?.frames ?? [], same = ({question: g}) => ["source", "x", "y", "time", "by", "level"].every((k) => g[k] === q[k]) && q.range.every((v, i) => v === g.range[i])
    const at = frames.findIndex(same)
    return at < 0 ? null : Uint8Array.from(atob(frames.splice(at, 1)[0].frame), (c) => c.charCodeAt(0))
  }
  const send = (fresh) => {
    if (gone || document.visibilityState === "hidden") return
    if (!(frameOf(figure)[0] > 10)) return                         // not laid out yet: how fine it should be is not known
    const q = question()
    if (!q.source) return
    const key = JSON.stringify(q)
    if (fresh || key !== shownKey) have = ""
    shownKey = key
    const known = have ? null : seen(q)
    if (known) { have = headerOf(known)[0].revision ?? ""; show(known); return }
    ask += 1
    const text = {...q, ask, picture: "picture", have}
    if (model.path && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(text))
    else if (!model.path) model.asked = text
  }
  const later = debounce(120, () => send(false))

  const show = async (bytes) => {
    let header, levels
    try {
      [header, levels] = await unpack(bytes)
    } catch (error) {
      say("fault", `The picture could not be read: ${error.message}`)
      return
    }
    if (header.ask != null && header.ask !== ask) return        // an older question's answer
    if (header.fault) {
      say("fault", header.fault)
      have = header.revision ?? ""
      words.replaceChildren()
    } else {
      const h = header, drawn = groups.draw(h, levels), image = ndarray(drawn.buffer, {dtype: "uint8", shape: [h.height, h.width]})
      source.setv({data: new Map(Object.entries({image: [image], x: [h.x0], y: [h.y0], dw: [h.x1 - h.x0], dh: [h.y1 - h.y0]}))}, {sync: false, check_eq: false})
      have = h.revision ?? ""
      const none = h.empty ?? "no data in this time range"
      say(h.particles ? "shown" : "empty", h.particles ? "" : none[0].toUpperCase() + none.slice(1))
      words.replaceChildren(...caption(h).map((t) => make("span", null, t)))
    }
    el.dataset.revision = have
    el.dataset.ask = header.ask ?? ""
      requestAnimationFrame(() => send(false))                     // ask again after drawing
  }

  const connect = () => {
    if (gone || !model.path) return
    const url = new URL(model.path, document.baseURI)
    url.protocol = url.protocol.replace("http", "ws")
    // The page's template counts every socket that fails while it loads as the loss of the server; ours is no such thing.
    socket = new (typeof _origWebSocket === "undefined" ? WebSocket : _origWebSocket)(url)
    socket.binaryType = "arraybuffer"
    socket.onopen = () => { const again = opened || !have; opened = true; failures = 0; hint(""); send(again) }
    socket.onmessage = (event) => { if (typeof event.data !== "string") show(event.data) }
    socket.onclose = () => {
      if (gone) return
      failures += 1
      if (!opened && failures >= 3 && model.fallback) {         // no such route here: pictures come over Bokeh's own socket
        model.path = ""
        hint("Sent through the page's own connection")
        send(true)
        return
      }
      const wait = BACK_OFF[Math.min(failures, BACK_OFF.length) - 1]
      hint(opened ? "Connection lost: the picture stands still. Trying again" : "Connecting")
      timer = setTimeout(connect, wait)
    }
  }

  model.on("question", () => { key.hidden = Boolean(plain(model.question).by); say(el.dataset.state === "shown" ? "shown" : "wait", cover.textContent); send(true) })
  model.on("frame", () => { if (model.frame?.byteLength ?? model.frame?.length) show(model.frame) })
  const settle = debounce(300, () => keepInUrl(view, `zoom${model.plane}`, back.hidden ? null : [xr.start, xr.end, yr.start, yr.end].map(Math.round).join()))
  for (const range of [xr, yr]) for (const p of ["start", "end"]) watch(range.properties[p].change, () => { later(); settle(); zoomed() })
  const place = () => {
    const plot = Bokeh.index.find_one_by_id?.(figure.id), frame = plot?.frame?.bbox
    if (frame) el.style.setProperty("--left", `${frame.left}px`)
  }
  for (const p of ["inner_width", "inner_height"]) watch(figure.properties[p].change, () => { if (shownKey === null) send(true); else later(); place() })
  const wake = () => { if (document.visibilityState === "visible") send(false) }
  document.addEventListener("visibilitychange", wake)
  const whole = () => { const w = model.whole; setRange(xr, w[0], w[1]); setRange(yr, w[2], w[3]) }
  const zoomed = () => { const w = model.whole; back.hidden = xr.start === w[0] && xr.end === w[1] && yr.start === w[2] && yr.end === w[3] }
  el.addEventListener("dblclick", whole)
  back.onclick = whole
  const mapper = glyph.glyph.color_mapper
  const colour = () => {
    const p = mapper.palette, hex = (c) => (typeof c === "string" ? c : "#" + (c >>> 8).toString(16).padStart(6, "0"))
    ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((f) => hex(p[Math.round(f * (p.length - 1))])).join()})`
  }
  watch(mapper.properties.palette.change, colour)
  key.hidden = Boolean(plain(model.question).by)
  colour()
  atEnd({model, view}, "own", () => {
    gone = true
    later.stop(); settle.stop(); clearTimeout(timer)
    document.removeEventListener("visibilitychange", wake)
    socket?.close()
  })
  const kept = fromUrl(view, `zoom${model.plane}`)
  if (kept?.length === 4 && kept[0] < kept[1] && kept[2] < kept[3]) { setRange(xr, kept[0], kept[1]); setRange(yr, kept[2], kept[3]) }
  if (model.path) connect()
  else {                                                            // a notebook: the first picture came with the cell
    if (model.frame?.byteLength) show(model.frame)
    else send(true)
  }
  return el
}
