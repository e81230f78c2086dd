// Saving, and what was saved: from when, who, why; compare with it, take it over, withdraw it.

const SINCE = {whole: "whole cruise"}

const GATES = {save: "Save these gates", take: "Draw on from these gates", compare: "Draw it beneath, with its counts and abundance"}

function planOf(ctx, words = GATES) {
  const el = make("div", "plan"), form = make("form", "saving"), list = make("ol", "entries"), warn = make("div", "warn")
  const start = make("input"), quick = make("select"), who = make("input"), note = make("input"), save = make("button", "save", "Save from there on")
  for (const [input, label, hint] of [[start, "Holds from (UTC)", "2014-07-04 00:00:00"], [who, "Author", "Your name"], [note, "Note", "Why, in a few words"]]) {
    input.setAttribute("aria-label", label)
    input.placeholder = hint
    input.autocomplete = "off"
    input.spellcheck = false
  }
  quick.setAttribute("aria-label", "Begin with")
  quick.title = "Begin with the file, the hour, or now"
  save.type = "submit"
  const line = (label, ...parts) => { const l = make("label"); l.append(make("span", null, label), ...parts); return l }
  const pair = make("div", "pair")
  pair.append(quick, start)
  form.append(make("h3", null, words.save), line("from", pair), line("by", who), line("note", note), save, warn)
  const head = make("h3", null, "Saved so far")
  const saved = make("div", "saved")
  saved.append(head, list)
  el.append(form, saved)
  let touched = false, sure = false, named = false, looked = null
  // What holds is seen, however much was saved for later: the list is scrolled there, once for each.
  const reveal = () => {
    const li = list.querySelector(".holds"), box = [list, saved].find((b) => b.scrollHeight > b.clientHeight + 1)
    if (!li || !box || looked === li.dataset.id) return
    looked = li.dataset.id
    box.scrollTop += li.getBoundingClientRect().top - box.getBoundingClientRect().top - (box === saved ? head.offsetHeight : 0)
  }
  start.oninput = () => { touched = true }
  who.oninput = () => { named = true }
  quick.onchange = () => { touched = true; start.value = quick.value }
  form.onsubmit = (event) => {
    event.preventDefault()
    ctx.ask({do: "save", start: start.value.trim(), who: who.value.trim(), note: note.value.trim(), sure})
    sure = false
  }
  warn.hidden = true
  const small = (text, title, call, off) => { const b = make("button", "small", text); b.type = "button"; b.title = title; b.onclick = call; b.disabled = Boolean(off); return b }

  const render = () => {
    const state = ctx.state(), may = ctx.may()
    form.hidden = !may
    if (!may) { touched = false }
    const moments = state.moments ?? []
    const options = moments.map(([text, value]) => `${text}\t${value}`).join("\n")
    if (quick.dataset.options !== options) {
      quick.dataset.options = options
      quick.replaceChildren(...moments.map(([text, value]) => new Option(text, value)))
    }
    if (state.saved !== el.dataset.saved) {                           // saved just now: begin anew
      el.dataset.saved = state.saved ?? ""
      touched = false
      note.value = ""
    }
    if (!touched) { start.value = moments[0]?.[1] ?? ""; quick.selectedIndex = 0 }
    if (!named) who.value = state.who ?? ""
    who.readOnly = Boolean(state.signed)
    save.disabled = !state.gates
    const replaces = state.replaces
    warn.hidden = !replaces
    if (replaces) {
      const yes = small(replaces.verb ?? "Save all the same", "", () => { sure = true; form.requestSubmit() })
      const look = small("Compare", "Show what was saved meanwhile beneath what you changed", () => ctx.ask({do: "compare", id: replaces.id}), !replaces.id)
      const no = small("Not now", "", () => ctx.ask({do: "forget"}))
      warn.replaceChildren(make("p", null, replaces.text), yes, look, no)
    }
    list.replaceChildren(...(state.entries ?? []).map((e) => {
      const li = make("li")
      li.dataset.id = e.id
      li.classList.toggle("gone", Boolean(e.withdrawn))
      li.classList.toggle("holds", Boolean(e.holds))
      const when = make("b", null, e.start || SINCE.whole), by = make("span", "by", e.who ? `${e.who}, ${e.when}` : "from the file")
      const said = make("span", "note", e.withdrawn ? `Withdrawn by ${e.withdrawn}` : e.note)
      const acts = make("span", "acts")
      if (!e.withdrawn || e.known) {
        acts.append(small(e.compared ? "Compared" : "Compare", words.compare, () => ctx.ask({do: "compare", id: e.id}), e.compared))
        if (may) acts.append(small("Take over", words.take, () => ctx.ask({do: "take", id: e.id})))
      }
      if (may && e.mine && !e.withdrawn) acts.append(small("Withdraw", "As if it had never been saved; it stays in the history", () => ctx.ask({do: "withdraw", id: e.id, who: who.value.trim()})))
      li.append(when, by, said, acts)
      return li
    }))
    if (!state.entries?.length) list.append(make("li", "none", "Nothing yet"))
    requestAnimationFrame(reveal)
  }
  return {el, render}
}
