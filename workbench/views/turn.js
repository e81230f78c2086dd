// The turn-around: proposed from the latitudes, or a time that a person writes.
export function render({model, view}) {
  const el = make("label", "turnbox"), input = make("input"), auto = make("button", "auto", "Proposal")
  const stop = watchTheme(view.model.document, () => {})
  let n = 0
  input.setAttribute("aria-label", "Turn-around (UTC)")
  input.spellcheck = false
  input.autocomplete = "off"
  const ask = (turn) => { model.asked = {turn, n: Date.now() + n++} }
  input.onkeydown = (event) => { if (event.key === "Enter") input.blur(); if (event.key === "Escape") { show(); input.blur() } }
  input.onblur = () => { if (input.value.trim() !== shown) ask(input.value.trim()) }
  auto.type = "button"
  auto.title = "Back to what the latitudes propose"
  auto.onclick = () => ask("")
  const note = make("span", "note")
  note.setAttribute("role", "status")
  el.append(make("span", "words", "Turn-around"), input, auto, note)
  let shown = ""
  const show = () => {
    shown = model.turn ? model.turn.replace("T", " ") : model.proposal
    input.value = shown
    input.placeholder = "not turned yet"
    auto.hidden = !model.turn
    note.textContent = model.message || (model.turn ? "UTC" : model.proposal ? "UTC, proposed" : "")
    note.dataset.bad = String(Boolean(model.message))
  }
  model.on(["turn", "proposal", "message"], show)
  atEnd({model, view}, "own", stop)
  show()
  return el
}
