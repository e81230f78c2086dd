// Ages and clocks inside a piece of HTML go on ticking here. Call it now, and when the HTML changed; `stop` ends it.
function ticking(el, model, view) {
  let now = clockOf(model.clock)
  const tick = () => {
    for (const node of el.querySelectorAll("[data-since]")) {
      const age = now() - Number(node.dataset.since)
      const text = ago(age)
      if (node.textContent !== text) node.textContent = text
      const limit = Number(node.dataset.stale)
      if (limit) node.closest("[data-watch]")?.classList.toggle("old", age > limit)
    }
    for (const node of el.querySelectorAll("[data-clock]")) {
      const text = stamp(now())
      if (node.textContent !== text) node.textContent = text
    }
  }
  model.on("clock", () => { now = clockOf(model.clock); tick() })
  const unwatch = watchTheme(view.model.document, () => {}), timer = setInterval(tick, 1000)
  atEnd({model, view}, "ages", () => { clearInterval(timer); unwatch() })
  return tick
}
