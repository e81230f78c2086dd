// One choice as the browser's own select, any number of them as a list of check boxes.
export function render({model, view}) {
  const el = make("div", "choose")
  const stop = watchTheme(view.model.document, () => {})
  const options = () => model.options ?? []
  if (!model.several) {
    const label = make("label"), name = make("span", null, model.label), select = make("select")
    select.setAttribute("aria-label", model.help || model.label)
    select.title = model.help
    label.append(name, select)
    el.append(label)
    const fill = () => {
      select.replaceChildren(...options().map(([value, text]) => new Option(text, value)))
      select.value = model.value[0] ?? ""
    }
    select.onchange = () => { model.value = [select.value] }
    model.on("options", fill)
    model.on("value", () => { select.value = model.value[0] ?? "" })
    model.on("label", () => { name.textContent = model.label })
    fill()
  } else {
    const button = make("button", "open"), sheet = make("div", "sheet")
    button.title = model.help
    button.setAttribute("aria-expanded", "false")
    sheet.hidden = true
    el.append(button, sheet)
    const toggle = (on) => { sheet.hidden = !on; button.setAttribute("aria-expanded", String(on)) }
    button.onclick = () => toggle(sheet.hidden)
    const outside = (event) => { if (!sheet.hidden && !event.composedPath().includes(el)) toggle(false) }
    document.addEventListener("pointerdown", outside)
    el.onkeydown = (event) => { if (event.key === "Escape") toggle(false) }
    const fill = () => {
      sheet.replaceChildren(...options().map(([value, text]) => {
        const row = make("label"), box = make("input")
        box.type = "checkbox"
        box.value = value
        box.checked = model.value.includes(value)
        box.onchange = () => { model.value = box.checked ? [...model.value, value] : model.value.filter((v) => v !== value) }
        row.append(box, make("span", null, text))
        return row
      }))
    }
    const say = () => {
      button.textContent = `${model.label} (${model.value.length})`
      for (const box of sheet.querySelectorAll("input")) box.checked = model.value.includes(box.value)
    }
    model.on("options", () => { fill(); say() })
    model.on("value", say)
    fill()
    say()
    model.on("remove", () => document.removeEventListener("pointerdown", outside))
  }
  model.on("remove", stop)
  return el
}
