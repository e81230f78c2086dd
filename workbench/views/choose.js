// The head of a card: its title and what may be chosen. One of several names is the browser's own select, lying unseen over
// what is chosen; any number of them a list of check boxes.
export function render({model, view}) {
  const el = make("div", "head")
  const stop = watchTheme(view.model.document, () => {})
  const stops = [stop]
  const choose = (key, value) => { model.chosen = {key, value, n: Date.now()} }
  const one = (c) => {
    const label = make("label"), pick = make("span", "pick"), shown = make("span", "shown"), select = make("select")
    select.setAttribute("aria-label", c.help)
    select.title = c.help
    pick.append(shown, select)
    label.append(make("span", null, c.label), pick)
    const told = () => {                                      // in the list "pe – phycoerythrin", here "pe"
      const text = select.selectedOptions[0]?.text ?? ""
      shown.textContent = text.startsWith(`${select.value} – `) ? select.value : text
    }
    select.onchange = () => { told(); choose(c.key, [select.value]) }
    return {el: label, show: (options, value) => {
      const same = select.options.length === options.length && options.every(([v, t], i) => select.options[i].value === v && select.options[i].text === t)
      if (!same) select.replaceChildren(...options.map(([v, t]) => new Option(t, v)))
      select.value = value[0] ?? ""
      told()
    }}
  }
  const several = (c) => {
    const box = make("div", "several"), button = make("button", "open"), sheet = make("div", "sheet")
    button.title = c.help
    button.setAttribute("aria-expanded", "false")
    sheet.hidden = true
    sheet.setAttribute("role", "group")
    sheet.setAttribute("aria-label", c.help)
    box.append(button, sheet)
    const toggle = (on) => {
      sheet.hidden = !on
      button.setAttribute("aria-expanded", String(on))
      if (!on) return
      const at = button.getBoundingClientRect()
      sheet.style.right = `${Math.max(8, innerWidth - at.right)}px`
      const below = innerHeight - at.bottom > 300
      sheet.style.top = below ? `${at.bottom + 6}px` : ""
      sheet.style.bottom = below ? "" : `${innerHeight - at.top + 6}px`
      sheet.style.maxHeight = `${Math.min(innerHeight / 2, (below ? innerHeight - at.bottom : at.top) - 14)}px`  // the whole sheet is on the screen
    }
    button.onclick = () => toggle(sheet.hidden)
    const outside = (event) => { if (!sheet.hidden && !event.composedPath().includes(box)) toggle(false) }
    document.addEventListener("pointerdown", outside)
    stops.push(() => document.removeEventListener("pointerdown", outside))
    box.onkeydown = (event) => { if (event.key === "Escape") { toggle(false); button.focus() } }
    let chosen = []
    return {el: box, show: (options, value) => {
      chosen = value
      button.textContent = `${c.label} (${value.length})`
      const boxes = [...sheet.querySelectorAll("input")]
      if (boxes.map((b) => b.value).join() !== options.map(([v]) => v).join()) {
        sheet.replaceChildren(...options.map(([v, t]) => {
          const row = make("label"), input = make("input")
          input.type = "checkbox"
          input.value = v
          input.onchange = () => choose(c.key, input.checked ? [...chosen, v] : chosen.filter((o) => o !== v))
          row.append(input, make("span", null, t))
          return row
        }))
      }
      for (const input of sheet.querySelectorAll("input")) input.checked = value.includes(input.value)
    }}
  }
  const title = make("h2", null, model.title)
  const choices = model.choices.map(plain).map((c) => [c.key, c.several ? several(c) : one(c)])
  const box = make("div", "choices")
  box.append(...choices.map(([, c]) => c.el))
  el.append(title, box)
  const show = () => {
    const options = plain(model.options), values = plain(model.values)
    for (const [key, c] of choices) c.show(options[key] ?? [], values[key] ?? [])
  }
  model.on(["options", "values"], show)
  show()
  atEnd({model, view}, "own", () => { for (const s of stops) s() })
  return el
}
