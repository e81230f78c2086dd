// Tiles side by side, each a piece of HTML from the server. What comes later are those that changed, by their place.
export function render({model, view}) {
  const el = make("div", "tiles"), cells = model.tiles.map(() => make("div", "cell"))
  el.style.setProperty("--tiles", Math.max(1, cells.length))
  el.append(...cells)
  const tick = ticking(el, model, view)
  const show = (tiles) => {
    for (const [place, html] of tiles) if (cells[place]) cells[place].innerHTML = html
    tick()
  }
  model.on("changed", () => show(Object.entries(plain(model.changed))))
  show(model.tiles.entries())
  return el
}
