// The populations in the order in which they are asked: colour, name, how many; what can be done with the selected one.

const rounded = (v) => thin(v >= 1000 ? Number(v.toPrecision(3)) : Math.round(v))
const share = (p) => (p == null ? "–" : p >= 99.95 || p === 0 ? `${p.toFixed(0)} %` : p < 0.1 ? "<0.1 %" : `${p.toFixed(1)} %`)
const SEEN = ["Particles shown; dim them", "Particles dimmed; hide them", "Particles hidden; show them"]
const UP = "M8 13V3M4 7l4-4 4 4", DOWN = "M8 3v10M4 9l4 4 4-4", CROSS = "M4 4l8 8M12 4l-8 8", PENCIL = "M3 13l1-3 7-7 2 2-7 7z", TWO = "M6 6h7v7H6zM3 10V3h7", PLUS = "M8 3v10M3 8h10", MINUS = "M3 8h10"

// `ctx` as in gate_editor.js.
function listOf(ctx) {
  const el = make("div", "list"), rows = make("ol"), tools = make("div", "tools"), form = make("form", "adding")
  const total = make("div", "total")
  el.append(total, rows, tools, form)
  form.hidden = true
  const kept = new Map()
  const rowOf = (name) => {
    const li = make("li"), eye = make("button", "eye"), choose = make("button", "pick"), label = make("span", "label"), where = make("small")
    const n = make("b"), pc = make("span", "pc"), was = make("span", "was")
    li.dataset.population = name
    eye.append(make("i"))
    choose.append(label, where)
    eye.onclick = () => { ctx.look(name); row.show() }
    choose.onclick = () => ctx.select(ctx.selected() === name ? "" : name)
    li.append(eye, choose, n, pc, was)
    const row = {li, show: () => {
      const told = ctx.told(), i = (told.populations ?? []).indexOf(name), gate = ctx.gates().find((g) => g.population === name)
      const count = i < 0 ? null : told.counts[i], before = told.before?.[name], about = told.approximate ? "~" : ""
      li.classList.toggle("selected", ctx.selected() === name)
      choose.setAttribute("aria-pressed", String(ctx.selected() === name))
      const seen = ctx.seen(name)
      eye.dataset.seen = seen
      eye.title = `${ctx.label(name)}: ${SEEN[seen]}`
      eye.setAttribute("aria-label", eye.title)
      eye.firstChild.style.setProperty("--gate", ctx.colour(name))
      label.textContent = ctx.label(name)
      where.textContent = !gate ? (name === "unknown" ? "in no gate" : "") : gate.vertices.length ? `${gate.x} / ${gate.y}` : `${gate.method}, not drawn`
      n.textContent = count == null ? "–" : about + (told.approximate ? rounded(count) : thin(count))
      pc.textContent = i < 0 ? "" : about + share(told.percent[i])
      const differs = before != null && count != null && !told.approximate && before !== count
      was.textContent = before == null || !ctx.compared() ? "" : differs ? `${count > before ? "+" : "\u2212"}${thin(Math.abs(count - before))}` : told.approximate ? "" : "same"
      was.title = before == null ? "" : `${thin(before)} ${ctx.compared()}`
    }}
    return row
  }
  const buttons = {
    up: iconButton(UP, "Ask it earlier", () => ctx.ask({do: "order", by: -1})), down: iconButton(DOWN, "Ask it later", () => ctx.ask({do: "order", by: 1})),
    rename: iconButton(PENCIL, "Rename", () => name("rename")), copy: iconButton(TWO, "Copy it under another name", () => name("copy")),
    more: iconButton(PLUS, "Add a point after the current one", () => ctx.another(ctx.selected(), Math.max(0, ctx.point()))),
    less: iconButton(MINUS, "Delete the current point", () => ctx.without(ctx.selected(), ctx.point())),
    remove: iconButton(CROSS, "Delete this population", () => ctx.ask({do: "remove"})),
  }
  const add = make("button", "add", "Add a population")
  add.onclick = () => name("add")
  const title = make("span", "toolsof")
  tools.append(title, ...Object.values(buttons), add)

  // One line to name something: a new population, a copy, another name.
  const input = make("input"), where = make("select"), go = make("button", "go"), no = make("button", "no", "Cancel")
  const known = make("datalist")
  known.id = `wb-names-${Math.random().toString(36).slice(2)}`
  input.setAttribute("list", known.id)
  input.setAttribute("aria-label", "Name of the population")
  input.placeholder = "Name of the population"
  input.autocomplete = "off"
  input.spellcheck = false
  where.setAttribute("aria-label", "Cytogram to draw it on")
  go.type = "submit"
  no.type = "button"
  form.append(input, known, where, go, no)
  let task = ""
  const name = (what) => {
    task = what
    form.hidden = tools.hidden ? true : false
    const taken = ctx.gates().map((g) => g.population), free = ctx.known().filter((n) => !taken.includes(n))
    known.replaceChildren(...free.map((n) => new Option(n)))
    input.value = what === "add" ? (free[0] ?? "") : what === "copy" ? `${ctx.selected()}2` : ctx.selected()
    where.hidden = what !== "add"
    where.replaceChildren(...ctx.planes().map(([x, y]) => new Option(`${x} / ${y}`, `${x},${y}`)))
    go.textContent = {add: "Draw it", copy: "Copy", rename: "Rename"}[what]
    input.focus()
    input.select()
  }
  form.onsubmit = (event) => {
    event.preventDefault()
    const text = input.value.trim()
    if (!text) return
    form.hidden = true
    if (task === "add") ctx.begin(text, where.value.split(","))
    else { ctx.ask({do: task, name: text}); ctx.expect(text) }
  }
  no.onclick = () => { form.hidden = true }
  form.onkeydown = (event) => { if (event.key === "Escape") { form.hidden = true; event.stopPropagation() } }

  const render = () => {
    const told = ctx.told(), names = [...ctx.gates().map((g) => g.population), "unknown"]
    for (const [key, row] of kept) if (!names.includes(key)) { row.li.remove(); kept.delete(key) }
    names.forEach((key, i) => {
      if (!kept.has(key)) kept.set(key, rowOf(key))
      const li = kept.get(key).li
      if (rows.children[i] !== li) rows.insertBefore(li, rows.children[i] ?? null)
      kept.get(key).show()
    })
    total.textContent = told.particles == null ? "" : `${told.approximate ? "~" + rounded(told.particles) : thin(told.particles)} particles · ${told.period ?? ""}`
    total.dataset.approximate = Boolean(told.approximate)
    const chosen = ctx.gates().findIndex((g) => g.population === ctx.selected()), gate = ctx.gates()[chosen]
    tools.hidden = !ctx.may()
    title.textContent = gate ? ctx.label(gate.population) : "Select a population to change it"
    for (const b of Object.values(buttons)) b.hidden = !gate
    buttons.up.disabled = chosen <= 0
    buttons.down.disabled = chosen < 0 || chosen === ctx.gates().length - 1
    buttons.more.disabled = !gate?.vertices.length
    buttons.less.disabled = !(gate?.vertices.length > 3 && ctx.point() >= 0)
    if (!ctx.may()) form.hidden = true
  }
  return {el, render}
}
