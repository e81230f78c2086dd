// A piece of HTML from the server whose ages and clocks go on ticking here.
export function render({model, view}) {
  const el = make("div", "words")
  const tick = ticking(el, model, view)
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
  show()
  atEnd({model, view}, "own", () => { sizes.disconnect(); document.removeEventListener("pointerdown", outside) })
  return el
}
