// A polygon's straight linear edges as curves on log axes: the twin of gate_curve.py, for the hand that draws.
const DECADES = 3.5, SIZE = 65536, FLOOR = 0.5, STEP = 600, NEAR = 1e-9

const toCode = (v) => (Math.log10(Math.max(v, FLOOR)) / DECADES) * SIZE
const toLinear = (c) => 10 ** ((c / SIZE) * DECADES)
// What a hand drew, as it is shown, sent and saved: seven figures.
const tidy = (v) => Number(v.toPrecision(7))

function steps(a, b) {
  if (a === b) return []
  const low = toCode(a), high = toCode(b), pieces = Math.ceil(Math.abs(high - low) / STEP)
  return pieces ? Array.from({length: pieces + 1}, (_, k) => (toLinear(low + ((high - low) * k) / pieces) - a) / (b - a)) : []
}

// Points of one edge in log codes, its first corner included, its last one not.
function edge(a, b) {
  const shares = [...new Set([...steps(a[0], b[0]), ...steps(a[1], b[1])])].filter((t) => t > NEAR && t < 1 - NEAR).sort((p, q) => p - q)
  return [0, ...shares].map((t) => [toCode(a[0] + (b[0] - a[0]) * t), toCode(a[1] + (b[1] - a[1]) * t)])
}

function curve(vertices) {
  if (!vertices.length) return []
  const points = vertices.flatMap((a, i) => edge(a, vertices[(i + 1) % vertices.length]))
  return [...points, [toCode(vertices[0][0]), toCode(vertices[0][1])]]
}

// The corner that a new point between corners i and i + 1 would be: in the middle of the edge as it is drawn.
function middle(vertices, i) {
  const a = vertices[i], b = vertices[(i + 1) % vertices.length]
  const points = [...edge(a, b), [toCode(b[0]), toCode(b[1])]]
  const lengths = points.slice(1).map((p, k) => Math.hypot(p[0] - points[k][0], p[1] - points[k][1]))
  let left = lengths.reduce((s, v) => s + v, 0) / 2
  for (let k = 0; k < lengths.length; k++) {
    if (left <= lengths[k]) {
      const f = lengths[k] ? left / lengths[k] : 0, c = [0, 1].map((d) => points[k][d] + (points[k + 1][d] - points[k][d]) * f)
      const d = Math.abs(toCode(b[0]) - toCode(a[0])) >= Math.abs(toCode(b[1]) - toCode(a[1])) ? 0 : 1
      const t = a[d] === b[d] ? 0.5 : (toLinear(c[d]) - a[d]) / (b[d] - a[d])
      return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]   // on the straight linear edge itself
    }
    left -= lengths[k]
  }
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
}
