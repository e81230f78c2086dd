// The numbers of a filter: what it gives beside what stood before, where the beads are, and every parameter, to be changed.

const ROWS = [
  ["beads_fsc_small", "Beads, fsc"], ["beads_D1", "Beads, D1"], ["beads_D2", "Beads, D2"], ["width", "Width"],
  ["offset_small_D1", "Smallest, D1"], ["offset_small_D2", "Smallest, D2"], ["notch_small_D1", "Notch small, D1"],
  ["notch_small_D2", "Notch small, D2"], ["notch_large_D1", "Notch large, D1"], ["notch_large_D2", "Notch large, D2"],
  ["offset_large_D1", "Offset large, D1"], ["offset_large_D2", "Offset large, D2"],
]
const SET = ["beads_fsc_small", "beads_D1", "beads_D2", "width", "offset_small_D1", "offset_small_D2"]
const TIPS = {
  beads: "Where the 1 µm beads are, log codes", width: "D1 and D2 of an aligned particle differ by less, log codes",
  offset_small: "D1 and D2 of the smallest particles (offset of the small-particle line), log codes",
  notch_small: "Slope of the line of small particles; follows from the beads", notch_large: "Slope of the line of large particles, by instrument",
  offset_large: "Offset of the line of large particles, log codes; follows from the beads",
}
const ratioOf = (opp, evt) => (evt ? (opp / evt).toPrecision(4) : "–")

function numbersOf(ctx) {
  const el = make("div", "list numbers"), total = make("div", "total"), cover = make("div", "total left")
  const outcome = make("table", "outcome"), found = make("div", "found"), foundText = make("span")
  const propose = make("button", "propose go", "Propose from the beads"), together = make("label", "together"), box = make("input")
  const table = make("table", "parameters")
  propose.title = "Run the three lines through the bead cloud of these events"
  propose.onclick = () => ctx.ask({do: "propose"})
  box.type = "checkbox"
  box.checked = true
  together.append(box, "Move the three quantiles together")
  found.append(foundText, propose)
  const legend = make("div", "total", "Drawn: solid, what stands here; dashed, what it is compared with")
  el.append(total, outcome, cover, found, together, table, legend)
  const cells = new Map()

  const header = (parts) => { const tr = make("tr"); tr.append(...parts.map((p) => { const th = make("th"); th.scope = "col"; th.append(p); return th })); return tr }
  const pickOf = (i) => {
    const b = make("button", "quantile", ctx.name(i))
    b.title = `Draw the events in focus by quantile ${ctx.name(i)}`
    b.onclick = () => ctx.pick(i)
    b.style.setProperty("--gate", ctx.colour(i))
    b.setAttribute("aria-pressed", String(i === ctx.quantile()))
    return b
  }
  const outcomes = () => {
    const told = ctx.told(), now = told.opp, was = told.was, evt = told.evt ?? 0
    const other = was && now && was.join() !== now.join()
    const rows = ctx.names().map((_, i) => {
      const tr = make("tr")
      tr.dataset.quantile = ctx.name(i)
      const cell = (text, name) => { const td = make("td", name, text); tr.append(td); return td }
      const th = make("th")
      th.scope = "row"
      th.append(pickOf(i))
      tr.append(th)
      cell(now ? thin(now[i]) : "–", "opp")
      cell(other ? thin(was[i]) : "", "was")
      cell(now ? ratioOf(now[i], evt) : "–", "ratio")
      cell(other ? ratioOf(was[i], evt) : "", "was")
      return tr
    })
    outcome.replaceChildren(header(["Quantile", "OPP", other ? "before" : "", "OPP/EVT", other ? "before" : ""]), ...rows)
  }
  const inputOf = (key, i) => {
    const name = `${key}/${i}`
    if (cells.has(name)) return cells.get(name)
    const input = make("input")
    input.type = "number"
    input.step = "any"
    input.dataset.field = key
    input.setAttribute("aria-label", `${ROWS.find(([k]) => k === key)[1]}${i == null ? "" : `, quantile ${ctx.name(i)}`}`)
    input.onchange = () => ctx.ask({do: "set", field: key, value: input.value, quantile: i == null ? null : ctx.quantileOf(i)})
    cells.set(name, input)
    return input
  }
  const tell = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7))))
  const parameters = () => {
    const now = ctx.table(), base = ctx.base(), may = ctx.may()
    if (!now.length) { table.replaceChildren(); return }
    const rows = ROWS.map(([key, label]) => {
      const tr = make("tr"), at = ctx.at[key], one = !key.startsWith("beads") && now.every((row) => row[at] === now[0][at])
      tr.dataset.field = key
      const th = make("th", null, label)
      th.scope = "row"
      th.title = TIPS[Object.keys(TIPS).find((k) => key.startsWith(k))]
      tr.append(th)
      ;(one ? [null] : now.map((_, i) => i)).forEach((i) => {
        const td = make("td"), value = now[i ?? 0][at], old = base[i ?? 0]?.[at]
        td.colSpan = one ? 3 : 1
        if (SET.includes(key) && may) {
          const input = inputOf(key, i)
          if (input.getRootNode().activeElement !== input || ctx.moving()) input.value = tell(value)
          td.append(input)
        } else td.append(make("output", null, tell(value)))
        if (old != null && old !== value) td.append(make("small", "was", `was ${tell(old)}`))
        tr.append(td)
      })
      return tr
    })
    table.replaceChildren(header(["Log codes", ...ctx.names()]), ...rows)
  }
  const render = () => {
    const told = ctx.told(), b = told.beads, focus = el.getRootNode().activeElement
    total.textContent = told.events == null ? "" : `${thin(told.evt)} EVT of ${thin(told.events)} events · ${told.files === 1 ? "1 file" : `${told.files} files`} · ${told.period ?? ""}`
    cover.textContent = told.left ?? ""
    cover.hidden = !told.left
    outcomes()
    foundText.textContent = b ? `Bead cloud: ${thin(b.count)} events at fsc ${b.fsc[1].toFixed(0)}, D1 ${b.D1[1].toFixed(0)}, D2 ${b.D2[1].toFixed(0)}; ${b.contrast.toPrecision(2)} times as dense as around it` : told.no_beads ?? ""
    propose.hidden = !ctx.may()
    propose.disabled = !b
    together.hidden = !ctx.may() || !ctx.table().length
    parameters()
    legend.hidden = !ctx.base().length || ctx.table().join() === ctx.base().join()
    if (focus?.dataset?.field && el.contains(focus)) focus.focus({preventScroll: true})
  }
  return {el, render, together: () => box.checked}
}
