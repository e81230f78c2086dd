// Notes: the last ones, and a line to write one. The server says whether it may be written.
const PEN = '<svg viewBox="0 0 16 16"><path d="M3 2.5h10v8l-3 3H3z M10 13.500v-3h3 M5.5 5.500h5 M5.5 8h3"/></svg>'

export function render({model, view}) {
  const el = make("div", "notebox")
  const stop = watchTheme(view.model.document, () => {})
  const open = make("button", "open")
  open.innerHTML = PEN + "<span>Notes</span>"
  open.setAttribute("aria-expanded", "false")
  const sheet = make("div", "sheet")
  sheet.hidden = true
  const form = make("form"), text = make("textarea"), token = make("input"), send = make("button", "send", "Write note")
  text.placeholder = "What happened, at this moment (UTC)"
  text.setAttribute("aria-label", "Note")
  text.rows = 2
  token.type = "password"
  token.placeholder = "Token"
  token.setAttribute("aria-label", "Token")
  token.hidden = true
  send.type = "submit"
  const said = make("p", "said"), list = make("ol")
  said.setAttribute("role", "status")
  form.append(text, token, send)
  sheet.append(form, said, list)
  el.append(open, sheet)
  const toggle = (on) => {
    sheet.hidden = !on
    open.setAttribute("aria-expanded", String(on))
    if (on && !form.hidden) text.focus()
  }
  open.onclick = () => toggle(sheet.hidden)
  const outside = (event) => { if (!sheet.hidden && !event.composedPath().includes(el)) toggle(false) }
  document.addEventListener("pointerdown", outside)
  el.onkeydown = (event) => {
    if (event.key === "Escape") toggle(false)
    if (event.key === "Enter" && !event.shiftKey && event.target === text) { event.preventDefault(); form.requestSubmit() }
  }
  form.onsubmit = async (event) => {
    event.preventDefault()
    if (!text.value.trim()) return
    send.disabled = true
    const headers = {"Content-Type": "application/json"}
    if (token.value) headers.Authorization = `Bearer ${token.value}`
    try {
      const answer = await fetch(new URL(model.path, document.baseURI), {method: "POST", headers, body: JSON.stringify({text: text.value.trim()})})
      const body = await answer.json().catch(() => ({}))
      if (answer.ok) { text.value = ""; said.textContent = "Written." }
      else {
        said.textContent = `Not written: ${body.error ?? answer.statusText}.`
        if (/token/.test(body.error ?? "") && !/read-only/.test(body.error)) token.hidden = false
      }
    } catch (error) {
      said.textContent = `Not written: ${error.message}.`
    }
    send.disabled = false
  }
  const show = () => {
    form.hidden = model.read_only
    if (model.read_only) said.textContent = "This board is read-only."
    list.replaceChildren(...model.notes.map(([time, words, who]) => {
      const item = make("li")
      item.append(make("time", null, time), make("span", null, words), make("i", null, who))
      return item
    }))
    if (!model.notes.length) list.append(make("li", "empty", "No notes yet"))
    open.lastChild.textContent = model.notes.length ? `Notes (${model.notes.length}${model.notes.length >= 8 ? "+" : ""})` : "Notes"
  }
  model.on(["notes", "read_only"], show)
  atEnd({model, view}, "own", () => { stop(); document.removeEventListener("pointerdown", outside) })
  show()
  return el
}
