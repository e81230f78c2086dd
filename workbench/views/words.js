// A piece of HTML from the server whose ages and clocks go on ticking here.
export function render({model, view}) {
  const el = make("div", "words")
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
  // A table shows the rows it has room for, whole ones only.
  const fit = () => {
    const box = el.querySelector("[data-fit]")
    if (!box) return
    const room = box.getBoundingClientRect().bottom
    for (const row of box.querySelectorAll("tbody tr")) {
      row.style.display = ""
      row.style.display = row.getBoundingClientRect().bottom > room + 0.5 ? "none" : ""
    }
  }
  const show = () => {
    const open = el.querySelector("details")?.open
    el.innerHTML = model.html
    if (open) el.querySelector("details").open = true
    tick()
    fit()
  }
  const outside = (event) => { const d = el.querySelector("details[open]"); if (d && !event.composedPath().includes(d)) d.open = false }
  document.addEventListener("pointerdown", outside)
  const sizes = new ResizeObserver(fit)
  sizes.observe(el)
  model.on("html", show)
  model.on("clock", () => { now = clockOf(model.clock); tick() })
  const unwatch = watchTheme(view.model.document, () => {})
  show()
  const timer = setInterval(tick, 1000)
  model.on("remove", () => { clearInterval(timer); sizes.disconnect(); unwatch(); document.removeEventListener("pointerdown", outside) })
  return el
}
