// Frames of live pictures: what comes over the wire, and how it is told below the picture.

function headerOf(u8) {
  const size = new DataView(u8.buffer, u8.byteOffset, 4).getUint32(0, true)
  return [JSON.parse(new TextDecoder().decode(u8.subarray(4, 4 + size))), size]
}

async function unpack(bytes) {
  const u8 = new Uint8Array(bytes), [header, size] = headerOf(u8)
  if (!header.width) return [header, null]
  const stream = new Blob([u8.subarray(4 + size)]).stream().pipeThrough(new DecompressionStream("deflate"))
  return [header, new Uint8Array(await new Response(stream).arrayBuffer())]
}

const many = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009")

function caption(h) {
  const [a, b] = (h.time ?? []).map((t) => (t ? stamp(Date.parse(/Z$/.test(t) ? t : t + "Z"), false) : null))
  const period = a && b ? `${a} – ${a.slice(0, 10) === b.slice(0, 10) ? b.slice(11) : a.slice(0, 4) === b.slice(0, 4) ? b.slice(5) : b} UTC` : ""
  const shown = h.shown != null && h.shown !== h.particles ? `${many(h.shown)} of ${many(h.particles)}` : many(h.particles ?? 0)
  return [`${shown} particles`, h.files != null ? `${many(h.files)} file${h.files === 1 ? "" : "s"}` : "", h.unread ? `${many(h.unread)} cannot be read` : "", period].filter(Boolean)
}
