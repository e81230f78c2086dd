// Tiles side by side, each a piece of HTML from the server: all of them until they are drawn here, then those that
// changed, by their place. What came stays in `tiles`, from which all is drawn anew.
export function render({model, view}) {
  const el = make("div", "tiles"), cells = model.tiles.map(() => make("div", "cell"))
  el.style.setProperty("--tiles", Math.max(1, cells.length))
  el.append(...cells)
  const tick = ticking(el, model, view)
  const show = (tiles) => {
    for (const [place, html] of tiles) if (cells[place]) cells[place].innerHTML = html
    tick()
  }
  model.on("tiles", () => show(model.tiles.entries()))
  model.on("changed", () => {
    const changed = plain(model.changed)
    Object.assign(model.tiles, changed)
    show(Object.entries(changed))
  })
  show(model.tiles.entries())
  model.drawn = true
  return el
}
