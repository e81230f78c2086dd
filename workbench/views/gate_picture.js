// The cytograms of the editor: levels of each population come in one frame; a cell takes the colour of the population of
// which it has most. Dimming or hiding one asks nobody.

const SHADES = 32, SHOWN = 0, DIMMED = 1, HIDDEN = 2

async function unpackPlanes(bytes) {
  const u8 = new Uint8Array(bytes)
  const size = new DataView(u8.buffer, u8.byteOffset, 4).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(u8.subarray(4, 4 + size)))
  const stream = new Blob([u8.subarray(4 + size)]).stream().pipeThrough(new DecompressionStream("deflate"))
  const levels = new Uint8Array(await new Response(stream).arrayBuffer())
  let at = 0
  for (const plane of header.planes) {
    const n = (header.populations?.length ?? 1) * plane.width * plane.height
    plane.levels = levels.subarray(at, at + n)
    at += n
  }
  return header
}

function shadesOf(levels, cells, n, hidden) {
  const out = new Uint8Array(cells), shades = Math.min(SHADES, Math.floor(255 / n))
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

const blend = (a, b, share) => {
  const [p, q] = [a, b].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)))
  return "#" + p.map((v, i) => Math.round(v * share + q[i] * (1 - share)).toString(16).padStart(2, "0")).join("")
}

// `colour(name)`, `seen(name)` (0 shown, 1 dimmed, 2 hidden), `card()`: the colour of the paper.
function picturesOf(figures, {colour, seen, card}) {
  const {ndarray} = Bokeh.require("core/util/ndarray")
  let last = null
  const draw = () => {
    if (!last) return
    const names = last.populations, n = names.length, shades = Math.min(SHADES, Math.floor(255 / Math.max(1, n)))
    const palette = names.flatMap((name) => Array.from({length: shades}, (_, s) => {
      const full = blend(colour(name), card(), 0.5 + (0.5 * s) / Math.max(1, shades - 1))
      return seen(name) === DIMMED ? blend(full, card(), 0.28) : full
    }))
    while (palette.length < 255) palette.push(card())
    const hidden = names.map((name) => seen(name) === HIDDEN)
    last.planes.forEach((plane, i) => {
      const figure = figures()[i], glyph = figure?.renderers.find((r) => r.name === "picture")
      if (!glyph || figure.name !== plane.name) return
      glyph.glyph.color_mapper.setv({palette}, {sync: false})
      const {width: w, height: h} = plane, drawn = shadesOf(plane.levels, w * h, n, hidden)
      const image = ndarray(drawn.buffer, {dtype: "uint8", shape: [h, w]})
      const data = {image: [image], x: [plane.x0], y: [plane.y0], dw: [plane.x1 - plane.x0], dh: [plane.y1 - plane.y0]}
      glyph.data_source.setv({data: new Map(Object.entries(data))}, {sync: false, check_eq: false})
    })
  }
  const take = async (bytes) => {
    const header = await unpackPlanes(bytes)
    if (last && header.n < last.n) return                           // an older one that took longer to unpack
    last = header
    draw()
  }
  return {take, draw}
}
