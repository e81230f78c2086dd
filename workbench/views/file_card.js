// The picked file: what is known of it, the one before and after, and taking it out or bringing it back.
export function render({model, view}) {
  const el = make("div", "file")
  const stop = watchTheme(view.model.document, () => {})
  let n = 0
  const ask = (what) => { model.asked = {...what, n: Date.now() + n++} }
  const button = (kind, text, title, call) => {
    const b = make("button", kind, text)
    b.type = "button"
    b.title = title
    b.setAttribute("aria-label", title)
    b.onclick = call
    return b
  }
  const bar = make("div", "bar"), name = make("b", "name"), when = make("span", "when")
  const earlier = button("step", "‹", "The file before", () => ask({do: "earlier"}))
  const later = button("step", "›", "The file after", () => ask({do: "later"}))
  const leave = button("step", "×", "Let this file go", () => ask({do: "leave"}))
  bar.append(earlier, later, name, leave)
  const hint = make("p", "hint"), facts = make("dl"), flag = make("p", "flag"), out = make("p", "out")
  const form = make("form"), reason = make("input"), token = make("input"), send = make("button", "send")
  reason.maxLength = 1000
  reason.setAttribute("aria-label", "Reason")
  token.type = "password"
  token.placeholder = "Token"
  token.setAttribute("aria-label", "Token")
  send.type = "submit"
  const said = make("p", "said")
  said.setAttribute("role", "status")
  form.append(token, reason, send)
  el.append(bar, when, hint, facts, flag, out, form, said)
  form.onsubmit = (event) => {
    event.preventDefault()
    if (!model.may_write) { ask({do: "sign_in", token: token.value}); token.value = ""; return }
    const told = plain(model.told)
    ask({do: told.out ? "restore" : "exclude", reason: reason.value})
    reason.value = ""
  }
  const show = () => {
    const told = plain(model.told), taken = told.out ? plain(told.out) : null, picked = Boolean(told.name)
    name.textContent = picked ? told.name.split("/").pop() : "No file picked"
    name.title = told.name ?? ""
    when.textContent = picked && told.time ? `${told.time} UTC` : ""
    leave.hidden = !picked
    earlier.disabled = later.disabled = !told.any
    hint.textContent = picked ? "" : told.any ? "Click a point on a chart, or step with the arrows. The cytogram shows the newest file." : "No files yet."
    facts.replaceChildren(...(told.facts ?? []).map((pair) => { const d = make("div"); d.append(make("dt", null, pair[0]), make("dd", null, pair[1])); return d }))
    flag.textContent = told.flag ? `Flag: ${told.flag}` : ""
    out.textContent = taken ? `Taken out by ${taken.who}, ${taken.when} UTC: ${taken.reason || "no reason given"}` : ""
    form.hidden = !picked || !told.plan
    form.dataset.state = taken ? "out" : "in"
    send.textContent = !model.may_write ? "Sign in" : taken ? "Bring back" : "Take out"
    send.disabled = !model.may_write && !/token/i.test(model.why_not)
    token.hidden = model.may_write || send.disabled
    reason.hidden = !token.hidden
    reason.disabled = !model.may_write
    reason.placeholder = !model.may_write ? "Read only" : taken ? "Reason (may be left out)" : "Reason, such as: air in the line"
    reason.required = model.may_write && !taken
    said.textContent = model.said || (picked && !model.may_write ? model.why_not : "")
  }
  model.on(["told", "may_write", "why_not", "said"], show)
  atEnd({model, view}, "own", stop)
  show()
  return el
}
