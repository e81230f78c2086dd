// Boxes of a map: what was sailed, and a box of the frame's shape around it.

const RAD = Math.PI / 180, NM = 1 / 60

// Both scales equal at the middle latitude: widen one side of the wanted box to the frame's shape. Above it is room for
// the buttons that lie on the map, so that they do not hide where the ship is.
function fitted(box, w, h) {
  const [x0, y0, x1, y1] = box
  const k = Math.cos(Math.min(80, Math.abs((y0 + y1) / 2)) * RAD), buttons = Math.min(innerWidth > 700 ? 40 : 58, 0.26 * h)
  const per = Math.max((x1 - x0) * k / w, (y1 - y0) / (h - buttons))
  const cx = (x0 + x1) / 2, dx = per * w / k / 2
  const north = y1 + per * Math.max(buttons, (h - (y1 - y0) / per) / 2)
  return [cx - dx, cx + dx, north - per * h, north]
}

// What was sailed, with some room, in steps coarse enough that a ship on its way does not move the map with every fix.
function boxOf(xs, ys) {
  let w = Infinity, s = Infinity, e = -Infinity, n = -Infinity
  for (let k = 0; k < xs.length; k++) for (let i = 0; i < (xs[k]?.length ?? 0); i++) {
    const x = xs[k][i], y = ys[k][i]
    if (!(Number.isFinite(x) && Number.isFinite(y))) continue
    if (x < w) w = x
    if (x > e) e = x
    if (y < s) s = y
    if (y > n) n = y
  }
  if (!(w <= e)) return null
  const room = Math.max(0.015, 0.06 * Math.max(e - w, n - s)), step = 2 ** Math.floor(Math.log2(room / 2))
  const down = (v) => Math.floor((v - room) / step) * step, up = (v) => Math.ceil((v + room) / step) * step
  return [down(w), down(s), up(e), up(n)]
}
